"""How variables are called in a checkpoint."""

from __future__ import annotations

from hub_estimator.tf_compat import tf


def name_of(variable: tf.Variable) -> str:
  """Returns a variable's name in a checkpoint; of a part, that of the whole."""
  slice_info = variable._get_save_slice_info()
  return variable.op.name if slice_info is None else slice_info.full_name


def slice_of(variable: tf.Variable) -> str:
  """Returns what a RestoreV2 op is told to read: "" for all of it."""
  slice_info = variable._get_save_slice_info()
  return "" if slice_info is None else slice_info.spec
