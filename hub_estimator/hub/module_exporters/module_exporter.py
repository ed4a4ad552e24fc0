"""What all exporters of modules have in common."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from typing import Any, Callable, Optional

import hub_estimator
from hub_estimator import errors
from hub_estimator.estimator import Exporter, ModeKeys
from hub_estimator.hub import machine_paths, variable_files
from hub_estimator.hub.module_checks import export_warnings
from hub_estimator.hub.module_exporters import export_folders, module_comparison
from hub_estimator.hub.module_exporters.saver_names import (
  UnknownNamesError,
  read_saver_names,
)
from hub_estimator.hub.registration import registered_modules
from hub_estimator.tf_compat import tf


class ExportPath(str):
  """The path of an export.

  tensorflow_hub returned bytes here; `decode` keeps programs running that were
  written for it.
  """

  __slots__ = ()

  def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Returns the path itself, which is text already."""
    del encoding, errors
    return str(self)


class ModuleExporter(Exporter):
  """Writes the modules that a model_fn registers for export.

  The model_fn is called in PREDICT mode, in a graph of its own. Every module
  that it registers there (`register_module_for_export`) is written to
  `<export_path>/<unix seconds>/<export name>/`, with the checkpoint's values.
  Beside them lies `export.json`: the exporter's name, step, metrics, modules
  and versions. An export appears whole or not at all: one process at a time
  may export to a folder, and it deletes what a killed one left there.

  No session restores the model. The bytes of the modules' values are copied
  from the checkpoint, under the names that the saver of the model_fn's Scaffold
  reads, if it brings one. Only where such a saver does not tell them does a
  session restore with it, and the log says so.

  An export is refused if a graph computes with a path of this machine (the
  run's folder, that of exports, of the module that is trained, of the cache of
  modules, home, temporary files).
  """

  def __init__(
    self,
    name: str,
    serving_input_fn: Callable,
    exports_to_keep: Optional[int] = 5,
    clock: Callable[[], float] = time.time,
    verification_batch_fn: Optional[Callable[[], Mapping[str, Any]]] = None,
    metadata_fn: Optional[Callable[[], Mapping[str, Any]]] = None,
  ):
    """Configures the exporter.

    Args:
      name: its name: train_and_evaluate exports to
        `<model_dir>/export/<name>`.
      serving_input_fn: returns a ServingInputReceiver whose features the
        model_fn is called with in PREDICT mode.
      exports_to_keep: how many of its exports stay; None keeps all.
      clock: gives the time in seconds since the epoch.
      verification_batch_fn: returns a batch, {name of a receiver tensor:
        array}. Before an export appears, each of its modules is loaded and its
        outputs for this batch are compared with those of the model. None leaves
        that out.
      metadata_fn: returns what else `export.json` is to hold, {name: what JSON
        can hold}; the names that it has anyway are the exporter's.

    Raises:
      UserValueError: `exports_to_keep` is not positive.
    """
    if exports_to_keep is not None and exports_to_keep <= 0:
      raise errors.UserValueError(
        "`exports_to_keep`, if provided, must be a positive number: got "
        f"{exports_to_keep}."
      )
    self._name = name
    self._serving_input_fn = serving_input_fn
    self._exports_to_keep = exports_to_keep
    self._clock = clock
    self._verification_batch_fn = verification_batch_fn
    self._metadata_fn = metadata_fn
    # Folders in which this exporter is the one that writes.
    self._taken_over: set[str] = set()
    self._said: set[str] = set()

  @property
  def name(self) -> str:
    """The exporter's name."""
    return self._name

  def _take_over(self, export_path: str) -> None:
    """Deletes what a killed process left, before the first own export."""
    if export_path not in self._taken_over:
      export_folders.delete_leftovers(export_path)
      self._taken_over.add(export_path)

  def _checkpoint(self, estimator, checkpoint_path: Optional[str]) -> str:
    """Returns the checkpoint to export: the newest one if none is given."""
    checkpoint_path = checkpoint_path or estimator.latest_checkpoint()
    if not checkpoint_path:
      raise errors.UserValueError(
        f"Couldn't find a trained model at {estimator.model_dir}: there is no "
        "checkpoint to export from."
      )
    return checkpoint_path

  def _export_checkpoint(
    self,
    estimator,
    export_path: str,
    checkpoint_path: str,
    eval_result: Optional[Mapping[str, Any]],
  ) -> Optional[ExportPath]:
    """Writes an export of a checkpoint; older ones stay.

    Args:
      estimator: the Estimator.
      export_path: the folder to put the export in.
      checkpoint_path: the checkpoint's prefix.
      eval_result: the checkpoint's metrics, for `export.json`.

    Returns:
      the path of the new export; None, with a warning, if the model_fn
      registered no module.

    Raises:
      UserError: the checkpoint lacks a module's variable; or the export is
        refused, and nothing of it is left.
    """
    self._take_over(export_path)
    with tf.Graph().as_default() as graph:
      tf.compat.v1.train.create_global_step(graph)
      tf.compat.v1.random.set_random_seed(estimator.config.tf_random_seed)
      receiver = self._serving_input_fn()
      estimator_spec = estimator.model_fn(
        features=receiver.features,
        labels=None,
        mode=ModeKeys.PREDICT,
        config=estimator.config,
      )
      modules = registered_modules(graph)
      if not modules:
        tf.compat.v1.logging.warning(
          f"Exporter {self._name!r} wrote nothing: the model_fn registered no "
          "module in PREDICT mode. Call hub.register_module_for_export()."
        )
        return None
      metadata = {
        **(self._metadata_fn() if self._metadata_fn is not None else {}),
        "exporter": self._name,
        "global_step": _global_step(checkpoint_path, eval_result),
        "checkpoint": os.path.basename(checkpoint_path),
        "metrics": export_folders.scalar_metrics(eval_result),
        "modules": {
          name: {"source": module.spec.source, "tags": sorted(module.tags)}
          for name, module in sorted(modules.items())
        },
        "versions": {
          "hub_estimator": hub_estimator.__version__,
          "tensorflow": tf.__version__,
        },
      }
      with _temporary_folder(export_path) as temporary:
        scaffold = estimator_spec.scaffold
        saver = scaffold.saver if scaffold is not None else None
        self._write_modules(temporary, modules, saver, checkpoint_path)
        self._check_paths(temporary, modules, estimator, export_path)
        if self._verification_batch_fn is not None:
          self._compare_modules(
            temporary, modules, receiver, saver, checkpoint_path
          )
        export_folders.write_metadata(temporary, metadata)
        return ExportPath(self._move_into_place(temporary, export_path))

  def _write_modules(self, folder, modules, saver, checkpoint_path) -> None:
    """Writes modules, from the checkpoint if the saver says what is where."""
    try:
      saver_names = read_saver_names(
        saver, tf.compat.v1.get_default_graph(), checkpoint_path
      )
      names = {
        name: saver_names.names_of_module(module)
        for name, module in modules.items()
      }
    except UnknownNamesError as reason:
      tf.compat.v1.logging.warning(
        f"Exporter {self._name!r}: a session restores the whole model from "
        f"{checkpoint_path}, which takes time and memory, with the saver of "
        f"the model_fn's Scaffold: {reason}."
      )
      with tf.compat.v1.Session() as session:
        saver.restore(session, checkpoint_path)
        for name, module in modules.items():
          module.export(os.path.join(folder, name), session)
          export_warnings.log_export_warnings(
            module.spec,
            lambda: export_warnings.read_training_graph(checkpoint_path),
            module.variable_map,
          )
      return
    for name, module in modules.items():
      not_copied = module.export_from_checkpoint(
        os.path.join(folder, name), checkpoint_path, names[name]
      )
      for variable, reason in sorted(not_copied.items()):
        tf.compat.v1.logging.info(
          f"Exporter {self._name!r}: variable {variable} of module {name!r} "
          f"was read and written, not copied: {reason}."
        )
      tf.compat.v1.logging.info(
        f"Exporter {self._name!r}: module {name!r} has the bytes of "
        f"{checkpoint_path}; no session was needed."
      )

  def _check_paths(self, folder, modules, estimator, export_path) -> None:
    """Raises UserRuntimeError if a graph has a path of this machine."""
    folders = machine_paths.common_folders()
    mine = {export_path: "exports", estimator.model_dir: "model_dir"}
    for module in modules.values():
      if module.spec.checkpoint_prefix is not None:
        mine[_source_folder(module)] = "the module that is trained"
    folders.update(machine_paths.with_real_paths(mine))
    problems = []
    for name, module in modules.items():
      path = os.path.join(folder, name)
      for found in machine_paths.find_paths(path, folders):
        text = found.text.decode(errors="replace")
        problem = f"{name!r}, {found.place}: {text!r}, in {found.folder}"
        if not _has_it_from_its_source(module, found.text):
          problems.append(problem)
        elif problem not in self._said:
          self._said.add(problem)
          tf.compat.v1.logging.warning(
            f"Exporter {self._name!r}: a module has a path of another machine, "
            f"as the module has that it was made from: {problem}."
          )
    if problems:
      raise errors.UserRuntimeError(
        "An export was refused, and removed: the graph of a module has a path "
        f"of this machine, which others do not have. Module "
        f"{'; '.join(problems)}. If the graph reads this file, add the tensor "
        "of its path to the collection ASSET_FILEPATHS in the module_fn, and "
        "the file comes with the module; otherwise leave the path out of it."
      )

  def _compare_modules(
    self, folder, modules, receiver, saver, checkpoint_path
  ) -> None:
    """Raises FailedComparisonError unless modules do what the model does."""
    graph = tf.compat.v1.get_default_graph()
    try:
      saver_names = read_saver_names(saver, graph, checkpoint_path)
      names = {
        name: saver_names.names_of_module(module)
        for name, module in modules.items()
      }
      expected = module_comparison.run_model(
        graph,
        receiver.receiver_tensors,
        self._verification_batch_fn(),
        modules.values(),
        checkpoint_path,
        saver_names,
      )
    except UnknownNamesError as reason:
      tf.compat.v1.logging.warning(
        f"Exporter {self._name!r}: the export of {checkpoint_path} was not "
        "compared with the model, of which only the saver of its Scaffold "
        f"knows where it is in the checkpoint: {reason}."
      )
      return
    for name, module in modules.items():
      path = os.path.join(folder, name)
      what = f"The export of module {name!r} from {checkpoint_path}"
      calls = expected[module]
      if any(v is not None for call in calls for v in call.outputs.values()):
        module_comparison.compare_outputs(path, module.tags, calls, what)
      else:
        module_comparison.compare_variables(
          path, names[name], checkpoint_path, what
        )

  def _move_into_place(self, temporary: str, export_path: str) -> str:
    """Renames an export to its time, or to later than all before it."""
    seconds = int(self._clock())
    own = export_folders.own_exports(export_path, self._name)
    if own:
      # Whatever the clock says: the newest export is the last one.
      seconds = max(seconds, int(own[-1]) + 1)
    while tf.io.gfile.exists(os.path.join(export_path, str(seconds))):
      seconds += 1
    folder = os.path.join(export_path, str(seconds))
    tf.io.gfile.rename(temporary, folder)
    return folder

  def _delete_old_exports(self, export_path: str) -> None:
    if self._exports_to_keep is None:
      return
    own = export_folders.own_exports(export_path, self._name)
    for name in own[: -self._exports_to_keep]:
      export_folders.delete(export_path, name)


@contextlib.contextmanager
def _temporary_folder(export_path: str):
  """Gives a folder in another, and removes it if the body raises."""
  # Not a sibling that looks like an export: nobody takes it for one.
  temporary = export_folders.temporary_path(export_path)
  tf.io.gfile.makedirs(temporary)
  try:
    yield temporary
  except BaseException:
    with contextlib.suppress(tf.errors.OpError):
      tf.io.gfile.rmtree(temporary)
    raise


def _global_step(checkpoint_path, eval_result) -> Optional[int]:
  """Returns the step of a checkpoint; None if nothing tells it."""
  reader = variable_files.open_checkpoint(checkpoint_path)
  key = tf.compat.v1.GraphKeys.GLOBAL_STEP
  if reader.has_tensor(key):
    return int(reader.get_tensor(key))
  step = (eval_result or {}).get(key)
  return None if step is None else int(step)


def _source_folder(module) -> str:
  """Returns the folder of the module that a module was loaded from."""
  return os.path.dirname(os.path.dirname(module.spec.checkpoint_prefix))


def _has_it_from_its_source(module, text: bytes) -> bool:
  """Whether a string stands in the module that a module was loaded from."""
  if module.spec.checkpoint_prefix is None:
    return False
  with contextlib.suppress(tf.errors.OpError):
    return text in machine_paths.read_graphs(_source_folder(module))
  return False
