"""Logging the warnings of a module when it is exported."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Callable, Optional

from hub_estimator.hub.module_checks.checks import (
  TrainingGraph,
  publisher_warnings,
)
from hub_estimator.hub.module_checks.module_warning import ModuleWarning
from hub_estimator.hub.module_checks.proximal_checks import (
  PROXIMAL,
  proximal_warnings,
)
from hub_estimator.tf_compat import tf

if TYPE_CHECKING:
  from hub_estimator.hub.module_spec import ModuleSpec

# Not TensorFlow's logger: a program can tell these warnings from its noise, and
# silence either.
LOGGER_NAME = "hub_estimator.module_checks"
_logger = logging.getLogger(LOGGER_NAME)

# An exporter comes by after every evaluation: what it has checked, and (module,
# warning) pairs that it has logged.
_checked: weakref.WeakSet[ModuleSpec] = weakref.WeakSet()
_logged: set[tuple[str, ModuleWarning]] = set()


def log_export_warnings(
  spec: ModuleSpec,
  read_training_graph: Callable[[], Optional[TrainingGraph]],
  variable_map: Optional[Mapping[str, Any]] = None,
) -> None:
  """Logs the warnings of a module that has been exported, each once a process.

  Who exports a module that he loaded did not write it: he is told of nothing
  but his optimizer.

  Args:
    spec: the module's spec.
    read_training_graph: returns what it was trained with, None if unknown.
    variable_map: name in the module -> variable (or list of its parts) whose
      name the training graph has, too; if None, variables are found by their
      names and shapes.
  """
  try:
    for warning in _find(spec, read_training_graph, variable_map):
      _log(spec, warning)
  except Exception:  # The module is written, and that is what counts.
    _logger.warning(
      "hub_estimator: module %s was exported, but its checks failed.",
      spec.source,
      exc_info=True,
    )


def _find(spec, read_training_graph, variable_map) -> Iterator[ModuleWarning]:
  is_loaded = spec.checkpoint_prefix is not None
  if not is_loaded and spec not in _checked:
    _checked.add(spec)
    yield from publisher_warnings(spec.variants)
  if any(
    source == spec.source and warning.code == PROXIMAL
    for source, warning in _logged
  ):
    return
  graph = read_training_graph()
  if graph is not None:
    names = None if variable_map is None else _names_in_graph(variable_map)
    yield from proximal_warnings(spec.variants, graph, names)


def _log(spec, warning) -> None:
  if (spec.source, warning) not in _logged:
    _logged.add((spec.source, warning))
    _logger.warning(
      "hub_estimator: module %s, %s: %s [%s]",
      spec.source,
      warning.place,
      warning.message,
      warning.code,
    )


def _names_in_graph(variable_map) -> dict[str, str]:
  return {
    part.op.name: name
    for name, variable in variable_map.items()
    for part in (variable if isinstance(variable, list) else [variable])
  }


def read_training_graph(checkpoint_path: str) -> Optional[TrainingGraph]:
  """Returns the graph that was saved beside a checkpoint, None if none was.

  Savers write it, and hence Estimators.

  Args:
    checkpoint_path: the checkpoint's prefix, or a folder with checkpoints.
  """
  if tf.io.gfile.isdir(checkpoint_path):
    checkpoint_path = tf.train.latest_checkpoint(checkpoint_path)
  path = f"{checkpoint_path}.meta"
  if not tf.io.gfile.exists(path):
    return None
  meta_graph = tf.compat.v1.MetaGraphDef()
  with tf.io.gfile.GFile(path, "rb") as file:
    meta_graph.ParseFromString(file.read())
  return meta_graph.graph_def
