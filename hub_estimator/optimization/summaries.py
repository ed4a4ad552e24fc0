"""Scalar summaries whose tags do not depend on where they are written."""

from __future__ import annotations

from typing import Any

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
