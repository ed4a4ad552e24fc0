"""Importing nodes on trial: to learn whether TensorFlow takes them.

`tf.import_graph_def` spends most of its time on Python objects for the new
operations, which a trial has no use for; no public function leaves them out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from tensorflow.python.client import pywrap_tf_session as c_api
from tensorflow.python.framework import c_api_util

from hub_estimator.tf_compat import tf


class TrialGraph:
  """A graph whose operations only TensorFlow's C++ part knows of."""

  def __init__(self):
    """Creates it, empty."""
    self._graph = tf.Graph()
    # What has been imported refers to these.
    self._results = []

  def add(
    self,
    graph_def,
    prefix: str,
    input_map: Mapping[str, object],
    outputs: Sequence[tuple[str, int]] = (),
  ) -> list:
    """Imports a GraphDef.

    Args:
      graph_def: the nodes and functions.
      prefix: put before their names, with a "/".
      input_map: "name:index", or "^name", of inputs -> what stands in for
        them: elements of what this function returned.
      outputs: (node name, output index) pairs.

    Returns:
      the outputs, for the `input_map` of other imports.

    Raises:
      ValueError or another tf.errors.OpError: TensorFlow refuses them.
    """
    with (
      c_api_util.tf_buffer(graph_def.SerializeToString()) as serialized,
      _options(prefix) as options,
    ):
      for name, output in input_map.items():
        if name.startswith("^"):
          c_api.TF_ImportGraphDefOptionsRemapControlDependency(
            options, name[1:], output.oper
          )
        else:
          node_name, _, index = name.rpartition(":")
          c_api.TF_ImportGraphDefOptionsAddInputMapping(
            options, node_name, int(index), output
          )
      for node_name, index in outputs:
        c_api.TF_ImportGraphDefOptionsAddReturnOutput(options, node_name, index)
      with self._graph._c_graph.get() as c_graph:
        results = c_api.TF_GraphImportGraphDefWithResults(
          c_graph, serialized, options
        )
    results = c_api_util.ScopedTFImportGraphDefResults(results)
    self._results.append(results)
    return list(c_api.TF_ImportGraphDefResultsReturnOutputs(results.results))

  def tensor(self, name: str) -> tf.Tensor:
    """Returns an imported tensor, "prefix/name:index", with its Python object.

    It belongs to a graph of its own.
    """
    self._graph._add_new_tf_operations(compute_devices=False)
    return self._graph.get_tensor_by_name(name)


@contextlib.contextmanager
def _options(prefix):
  scoped = c_api_util.ScopedTFImportGraphDefOptions()
  c_api.TF_ImportGraphDefOptionsSetPrefix(scoped.options, prefix)
  c_api.TF_ImportGraphDefOptionsSetUniquifyNames(scoped.options, True)
  c_api.TF_ImportGraphDefOptionsSetPropagateDeviceSpec(scoped.options, False)
  c_api.TF_ImportGraphDefOptionsSetValidateColocationConstraints(
    scoped.options, True
  )
  yield scoped.options


def remove_functions(graph: tf.Graph, names) -> None:
  """Takes functions out of a graph that an import has failed to use.

  A failed import takes back the nodes that it added, and leaves functions.
  """
  with graph._c_graph.get() as c_graph:
    for name in names:
      with contextlib.suppress(tf.errors.OpError):
        c_api.TF_GraphRemoveFunction(c_graph, name.encode())
