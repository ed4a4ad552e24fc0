"""The private TensorFlow symbols that feature columns of our own need.

There is no public base class of a feature column, and no public way from a
state manager to the layer whose state it manages.
"""

from __future__ import annotations

from typing import Any, Optional

# The two generations: what `tf.compat.v1.feature_column.input_layer` and
# `linear_model` take, and what Keras's DenseFeatures takes.
from tensorflow.python.feature_column.feature_column import (
  _DenseColumn as DenseColumnV1,
)
from tensorflow.python.feature_column.feature_column_v2 import DenseColumn
from tensorflow.python.feature_column.feature_column_v2_types import (
  FeatureColumn,
)
from tensorflow.python.feature_column.serialization import (
  deserialize_feature_column,
  serialize_feature_column,
)

from hub_estimator.tf_compat import tf

__all__ = [
  "DenseColumn",
  "DenseColumnV1",
  "FeatureColumn",
  "deserialize_feature_column",
  "serialize_feature_column",
]


def layer_is_trainable(state_manager: Any) -> bool:
  """Whether the layer that a state manager belongs to is to be trained."""
  return bool(getattr(state_manager, "_trainable", True))


def layer_of(state_manager: Any) -> Optional[Any]:
  """Returns the Keras layer that a state manager belongs to, or None."""
  return getattr(state_manager, "_layer", None)


def add_trainable_weight(layer: Any, variable: tf.Variable, name: str) -> None:
  """Makes a variable one of the trainable weights of a Keras layer.

  Args:
    layer: a layer of Keras 2.
    variable: the variable.
    name: its name in object-based checkpoints of the layer.
  """
  # What feature columns' own variables go through, but that the variable is
  # there already.
  layer.add_weight(
    name=name,
    shape=variable.shape,
    dtype=variable.dtype.base_dtype,
    getter=lambda **_: variable,
  )
