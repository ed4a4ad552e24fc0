"""Finding out whether a call can be made, before it changes the graph.

A call's import is taken back by TensorFlow if it fails. Not so what comes
before and after it: constants that are made of the caller's values, tensors
that enter a loop, composite outputs. Where there is any of these, all of it is
tried in a graph that is thrown away.
"""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from hub_estimator.hub import graph_import
from hub_estimator.hub.graph_index import Endpoint
from hub_estimator.hub.graph_variant import Application, GraphVariant
from hub_estimator.hub.tensor_info import ParsedTensorInfo
from hub_estimator.tf_compat import tf

_PLAIN_TYPES = (np.ndarray, np.generic, str, bytes, bool, int, float, complex)


def try_application(
  variant: GraphVariant,
  application: Application,
  inputs: dict[str, ParsedTensorInfo],
  values: dict[str, Any],
  outputs: dict[str, ParsedTensorInfo],
  state: dict[Endpoint, tf.Tensor],
  changes_graph: bool = False,
) -> None:
  """Raises the error of a call that cannot be made, if it must be tried.

  Args:
    variant: the module's graph.
    application: what the call imports.
    inputs: the signature's inputs that are given.
    values: what is given for them.
    outputs: the signature's outputs.
    state: endpoint of a state node -> the module's tensor.
    changes_graph: whether the call changes the graph before its import, even if
      all values are tensors of the graph.

  Raises:
    TypeError, ValueError: values that do not fit.
  """
  composites = [info for info in outputs.values() if info.is_composite]
  values = {key: values[key] for key in inputs}
  if not (changes_graph or composites or any(map(_adds_ops, values.values()))):
    return
  feeds = _stand_ins(variant, inputs, values)
  if feeds is None:
    return
  graph_import.fed_colocations(
    variant.index, application.subgraph, {**state, **feeds}
  )
  specs = tuple((t.dtype, str(t.shape)) for t in feeds.values())
  variant.kept(
    ("trial", id(application), specs),
    lambda: graph_import.try_import(
      variant.index, application.subgraph, feeds, outputs=composites
    ),
  )


def _stand_ins(variant, inputs, values) -> Optional[dict[Endpoint, tf.Tensor]]:
  """Returns tensors like those that will be fed, in a graph of their own.

  None if it cannot be known how a value converts.
  """
  feeds = {}
  with tf.Graph().as_default():
    for key, info in inputs.items():
      value = values[key]
      if isinstance(value, (tf.SparseTensor, tf.RaggedTensor)):
        value = tf.nest.map_structure(_stand_in, value, expand_composites=True)
      elif isinstance(value, tf.compat.v1.ragged.RaggedTensorValue):
        pass
      elif (
        isinstance(value, np.ndarray)
        and value.dtype != object
        and value.dtype == info.dtype.as_numpy_dtype
        and not info.is_composite
      ):
        # It may be large, and converts.
        value = tf.compat.v1.placeholder(info.dtype, value.shape)
      else:
        leaves = tf.nest.flatten(value)
        known = (tf.Tensor, tf.Variable, *_PLAIN_TYPES)
        if not all(isinstance(leaf, known) for leaf in leaves):
          return None
        value = tf.nest.map_structure(_stand_in, value)
      for name, tensor in zip(
        info.tensor_names, info.convert(value, key, name=None)
      ):
        feeds[variant.index.endpoint(name)] = tensor
  return feeds


def _stand_in(value):
  if isinstance(value, tf.Variable) or _is_symbolic(value):
    return tf.compat.v1.placeholder(value.dtype.base_dtype, value.shape)
  return value


def _adds_ops(value) -> bool:
  """Whether converting a value to a tensor adds to the graph."""
  if isinstance(value, (tf.SparseTensor, tf.RaggedTensor)):
    leaves = tf.nest.flatten(value, expand_composites=True)
    return not all(map(_is_symbolic, leaves))
  return not _is_symbolic(value)


def _is_symbolic(value) -> bool:
  return isinstance(value, tf.Tensor) and tf.is_symbolic_tensor(value)
