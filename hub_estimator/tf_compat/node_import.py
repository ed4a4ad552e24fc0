"""Importing nodes into a graph, at the price of what they need.

`tf.import_graph_def` asks each new operation for its colocations and device,
a third of its time; most modules have neither. And no public function leaves
out the Python objects, which a trial has no use for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from tensorflow.python.client import pywrap_tf_session as c_api
from tensorflow.python.framework import c_api_util

from hub_estimator.tf_compat import tf


def import_nodes(
  graph_def, input_map: Mapping[str, tf.Tensor], scope: str
) -> None:
  """Imports a GraphDef into the default graph, as `tf.import_graph_def` does.

  Args:
    graph_def: the nodes and functions.
    input_map: "name:index" of inputs, or "^name", -> what stands in for them;
      every one must be an input of some node.
    scope: the absolute name scope for them, with its final "/".

  Raises:
    TypeError, ValueError or another tf.errors.OpError: TensorFlow refuses them.
      It has taken back the nodes then, and left functions.
  """
  graph = tf.compat.v1.get_default_graph()
  if (
    graph_def.library.function
    or any(node.device or "_class" in node.attr for node in graph_def.node)
    or any(tensor.graph is not graph for tensor in input_map.values())
    or _has_device(graph)
  ):
    tf.import_graph_def(graph_def, input_map=dict(input_map), name=scope)
    return
  outputs = {name: t._as_tf_output() for name, t in input_map.items()}
  # No session may run before the operations have their Python objects.
  with graph._mutation_lock():
    import_to_c_graph(graph, graph_def, scope[:-1], outputs)
    graph._add_new_tf_operations(compute_devices=False)


def import_to_c_graph(
  graph: tf.Graph,
  graph_def,
  prefix: str,
  input_map: Mapping[str, object],
  outputs: Sequence[tuple[str, int]] = (),
):
  """Imports a GraphDef without making Python objects for its operations.

  Args:
    graph: where to.
    graph_def: the nodes and functions.
    prefix: put before their names, with a "/".
    input_map: "name:index" of inputs, or "^name", -> TF_Outputs that stand in.
    outputs: (node name, output index) pairs.

  Returns:
    the results, which refer to the outputs.

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
    with graph._c_graph.get() as c_graph:
      results = c_api.TF_GraphImportGraphDefWithResults(
        c_graph, serialized, options
      )
  return c_api_util.ScopedTFImportGraphDefResults(results)


@contextlib.contextmanager
def _options(prefix: str) -> Iterator[object]:
  scoped = c_api_util.ScopedTFImportGraphDefOptions()
  c_api.TF_ImportGraphDefOptionsSetPrefix(scoped.options, prefix)
  c_api.TF_ImportGraphDefOptionsSetUniquifyNames(scoped.options, True)
  c_api.TF_ImportGraphDefOptionsSetPropagateDeviceSpec(scoped.options, False)
  c_api.TF_ImportGraphDefOptionsSetValidateColocationConstraints(
    scoped.options, True
  )
  yield scoped.options


def _has_device(graph: tf.Graph) -> bool:
  """Whether new operations of a graph get a device or a colocation."""
  if graph._colocation_stack:
    return True
  for spec in graph._device_function_stack.peek_objs():
    if not spec.is_null_merge:
      return spec.function is not None
  return False


def remove_functions(graph: tf.Graph, names) -> None:
  """Takes functions out of a graph that an import has failed to use.

  A failed import takes back the nodes that it added, and leaves functions.
  """
  with graph._c_graph.get() as c_graph:
    for name in names:
      with contextlib.suppress(tf.errors.OpError):
        c_api.TF_GraphRemoveFunction(c_graph, name.encode())
