"""The interface of an input pipeline: one object gives everything.

A run takes from it the data of every mode, what the features look like, and how
an exported model receives them, so that the three cannot disagree.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

from hub_estimator import errors

if TYPE_CHECKING:
  from hub_estimator import estimator
  from hub_estimator.tf_compat import tf

# TensorFlow is imported when a graph is built: a config is parsed, and its
# mistakes are reported, without waiting for that import.

TRAIN_SPLIT = "train"
EVAL_SPLIT = "eval"

# The values of `estimator.ModeKeys`.
TRAIN = "train"
EVAL = "eval"
PREDICT = "infer"

_SPLIT_OF_MODE = {TRAIN: TRAIN_SPLIT, EVAL: EVAL_SPLIT, PREDICT: EVAL_SPLIT}


class InputPipeline(abc.ABC):
  """Features and labels for training, evaluation, prediction and serving.

  There are two splits of examples: "train" is what TRAIN reads, "eval" is what
  EVAL reads, with its labels, and what PREDICT reads, without them.

  Attributes:
    batch_size: the number of examples in a batch; the last batch of EVAL and
      PREDICT may have fewer.
    num_classes: the number of classes that the labels tell apart; None for
      regression.
    class_names: their names, in the order of the labels; None if they have no
      names or there are no classes.
  """

  batch_size: int
  num_classes: Optional[int]
  class_names: Optional[Sequence[str]]

  @abc.abstractmethod
  def input_fn(self, mode: str) -> Callable[[], tf.data.Dataset]:
    """Returns a function for `Estimator.train`, `evaluate` or `predict`.

    Args:
      mode: one of `estimator.ModeKeys`.

    Returns:
      A function without arguments that returns, in the default graph, a dataset
      of batches: pairs of features, a dict with the keys and shapes of
      `feature_spec`, and labels, as in `label_spec`; for PREDICT the features
      alone. The dataset of TRAIN never ends; the others are one pass, in order.

    Raises:
      UserValueError: there is no such mode.
    """

  @abc.abstractmethod
  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """Returns name -> spec of the features, with batch dimension None."""

  @abc.abstractmethod
  def label_spec(self) -> tf.TensorSpec:
    """Returns the spec of the labels, with batch dimension None."""

  @abc.abstractmethod
  def num_examples(self, mode: str) -> int:
    """Returns the number of examples in the split that a mode reads.

    Raises:
      UserValueError: there is no such mode.
    """

  @abc.abstractmethod
  def check_labels(self, num_classes: int) -> None:
    """Raises unless a head with so many classes can take every label.

    Args:
      num_classes: the head's number of classes.

    Raises:
      UserValueError: a label is outside of the head's classes; the message
        names the label, an example with it and the allowed range.
    """

  def serving_input_receiver_fn(
    self,
  ) -> Callable[[], estimator.export.ServingInputReceiver]:
    """Returns a function for `Estimator.export_saved_model` and exporters.

    Returns:
      A function without arguments that returns, in the default graph, a
      `ServingInputReceiver` whose features are placeholders, one for each entry
      of `feature_spec`, received under the feature's name.
    """

    def receiver_fn() -> estimator.export.ServingInputReceiver:
      from hub_estimator import estimator
      from hub_estimator.tf_compat import tf

      features = {
        name: tf.compat.v1.placeholder(
          spec.dtype, spec.shape, name=_op_name(name)
        )
        for name, spec in self.feature_spec().items()
      }
      return estimator.export.ServingInputReceiver(features, dict(features))

    return receiver_fn


def split_of_mode(mode: Any) -> str:
  """Returns the name of the split that a mode reads.

  Args:
    mode: one of `estimator.ModeKeys`.

  Raises:
    UserValueError: there is no such mode.
  """
  if mode not in _SPLIT_OF_MODE:
    raise errors.UserValueError(
      f"There is no mode {mode!r}. The modes of an input pipeline are those of "
      f"estimator.ModeKeys: {', '.join(map(repr, _SPLIT_OF_MODE))}."
    )
  return _SPLIT_OF_MODE[mode]


def _op_name(feature_name: str) -> str:
  """Returns a feature's name as the name of an op, which allows fewer signs."""
  name = re.sub(r"[^A-Za-z0-9_.\-/]", "_", feature_name)
  return name if re.match(r"[A-Za-z0-9.]", name) else f"feature{name}"
