"""Importing nodes on trial: to learn whether TensorFlow takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tensorflow.python.client import pywrap_tf_session as c_api

from hub_estimator.tf_compat import node_import, tf


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
    results = node_import.import_to_c_graph(
      self._graph, graph_def, prefix, input_map, outputs
    )
    self._results.append(results)
    return list(c_api.TF_ImportGraphDefResultsReturnOutputs(results.results))

  def tensor(self, name: str) -> tf.Tensor:
    """Returns an imported tensor, "prefix/name:index", with its Python object.

    It belongs to a graph of its own.
    """
    self._graph._add_new_tf_operations(compute_devices=False)
    return self._graph.get_tensor_by_name(name)
