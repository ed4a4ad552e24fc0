"""Summaries whose tags do not depend on where they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub_estimator.optimization.variable_groups import VariableGroup
from hub_estimator.tf_compat import tf


def add_scalar_summary(tag: str, value: Any) -> None:
  """Adds a scalar summary to the default graph, at the top name scope.

  A summary's tag is its op's name, and a head calls a `train_op_fn` inside the
  name scope "training": without leaving it, the tag would be
  "training/learning_rate".

  Adds to the graph collection SUMMARIES, which an Estimator's summary hook
  reads in training.

  Args:
    tag: the tag, such as "learning_rate".
    value: a scalar tensor.
  """
  with tf.compat.v1.name_scope(None):
    tf.compat.v1.summary.scalar(tag, value)


def add_weight_summaries(
  groups: Sequence[VariableGroup], histograms: bool = False
) -> None:
  """Adds summaries of the weights that train to the default graph.

  Adds to the graph collection SUMMARIES: for each group the scalar
  "norm/<group>", the root of the sum of its squared weights.

  Args:
    groups: the variables that train.
    histograms: whether to add "weights/<variable>", a histogram of each, too.
  """
  with tf.compat.v1.name_scope(None):
    for group in groups:
      if not group.variables:
        continue
      values = [variable.read_value() for variable in group.variables]
      norm = tf.linalg.global_norm([tf.cast(v, tf.float32) for v in values])
      tf.compat.v1.summary.scalar(f"norm/{group.name}", norm)
      if histograms:
        for variable, value in zip(group.variables, values):
          tf.compat.v1.summary.histogram(f"weights/{variable.op.name}", value)
