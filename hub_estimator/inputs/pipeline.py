"""The interface of an input pipeline: one object gives everything.

A run takes from it the data of every mode, what the features look like, and how
an exported model receives them, so that the three cannot disagree.
"""

from __future__ import annotations

import abc
import copy
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

from hub_estimator import errors
from hub_estimator.inputs import descriptions

if TYPE_CHECKING:
  from hub_estimator import estimator
  from hub_estimator.tf_compat import tf

# TensorFlow is imported when a graph is built: a config is parsed, and its
# mistakes are reported, without waiting for that import.

TRAIN_SPLIT = "train"
EVAL_SPLIT = "eval"
TEST_SPLIT = "test"

# Features of TRAIN where mixup is on; see `InputPipeline`.
MIXUP_LABELS = "mixup_labels"
MIXUP_FRACTION = "mixup_fraction"

# The values of `estimator.ModeKeys`.
TRAIN = "train"
EVAL = "eval"
PREDICT = "infer"

_SPLIT_OF_MODE = {TRAIN: TRAIN_SPLIT, EVAL: EVAL_SPLIT, PREDICT: EVAL_SPLIT}


class InputPipeline(abc.ABC):
  """Features and labels for training, evaluation, prediction and serving.

  There are two splits of examples or more: "train" is what TRAIN reads, "eval"
  is what EVAL reads, with its labels, and what PREDICT reads, without them;
  "test", if there is one, is evaluated at the end of a run. Further splits are
  named evaluation sets, which `ordered_input_fn` gives.

  A pipeline with mixup (Zhang et al., 2018, https://arxiv.org/abs/1710.09412)
  gives, in TRAIN, features λ x_i + (1 - λ) x_j, and two features more:
  `MIXUP_LABELS`, the labels of the examples j, and `MIXUP_FRACTION`, λ,
  float32 [batch_size, 1]. The loss is λ L(labels) + (1 - λ) L(mixup labels).

  Attributes:
    splits: the names of the splits there are.
    weight_key: the name of the feature that holds the examples' weights,
      float32 [batch_size, 1], in TRAIN, EVAL and ordered passes; it is not part
      of `feature_spec`. None if examples have no weights.
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
  splits: tuple[str, ...] = (TRAIN_SPLIT, EVAL_SPLIT)
  weight_key: Optional[str] = None

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

  def training_input_fn(
    self, first_batch: int = 0
  ) -> Callable[[], tf.data.Dataset]:
    """Returns `input_fn(TRAIN)` from a batch on, for runs that go on.

    The batch of a step is then the same whether a run was interrupted or not.
    Pipelines that know which examples a batch holds need not read those before.

    Args:
      first_batch: the number of the batch to begin with.
    """
    create = self.input_fn(TRAIN)
    return (lambda: create().skip(first_batch)) if first_batch else create

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

  def ordered_input_fn(self, split: str) -> Callable[[], tf.data.Dataset]:
    """Returns a function that gives one pass over a split, in order.

    As `input_fn(EVAL)` does for "eval": batches of features and labels, without
    shuffling, augmentation or mixup, whatever the split.

    Args:
      split: one of `splits`.

    Raises:
      UserValueError: there is no such split.
      UserRuntimeError: the pipeline cannot give one.
    """
    raise errors.UserRuntimeError(
      f"{type(self).__name__} gives no ordered pass over a split, which cached "
      "features and test splits need: define ordered_input_fn."
    )

  def num_split_examples(self, split: str) -> int:
    """Returns the number of examples in a split.

    Raises:
      UserValueError: there is no such split.
    """
    self.check_split(split)
    if split not in (TRAIN_SPLIT, EVAL_SPLIT):
      raise errors.UserRuntimeError(
        f"{type(self).__name__} does not say how many examples its {split} "
        "split has: define num_split_examples."
      )
    return self.num_examples(TRAIN if split == TRAIN_SPLIT else EVAL)

  def fingerprint(self, split: str) -> str:
    """Returns the SHA-256 of what an ordered pass over a split gives, in hex.

    It changes with the content of the data, with settings of the preprocessing
    and with the choice and order of the examples; not with the batch size, and
    not with what only training does: shuffling, augmentation, mixup.

    Raises:
      UserValueError: there is no such split.
      UserRuntimeError: the pipeline has none.
    """
    raise errors.UserRuntimeError(
      f"{type(self).__name__} has no fingerprint of its data, which cached "
      "features are kept by: define fingerprint, or set cache_features = False."
    )

  @property
  def augmentations(self) -> tuple[str, ...]:
    """Bindings in force that make training examples vary between epochs."""
    return ()

  def skipped_examples(self) -> dict[str, int]:
    """Returns reason -> number of the examples that were skipped or noted."""
    return {}

  def notes(self) -> list[str]:
    """Returns what a run should warn of at its start, a sentence each."""
    return []

  def class_counts(self) -> list[int]:
    """Returns the number of training examples with each label.

    Raises:
      UserRuntimeError: the pipeline does not count them.
    """
    raise errors.UserRuntimeError(
      f"{type(self).__name__} does not count the examples of its classes, "
      "which balanced class weights need: give the weights, or define "
      "class_counts."
    )

  def vocabularies(self) -> dict[str, list[str]]:
    """Returns name -> entries of what a run saves to be read without data."""
    return {"labels": list(self.class_names)} if self.class_names else {}

  def description(self) -> dict[str, Any]:
    """Returns what a run saves, to predict and export without its data.

    `SavedInput` is made of it, and `prediction.create_example_reader` reads
    new examples by it.

    Returns:
      a dict that JSON can hold; see `descriptions`.
    """
    return descriptions.describe(self, self._description_details())

  def _description_details(self) -> dict[str, Any]:
    """Returns what a class adds to its description."""
    own = type(self).serving_input_receiver_fn
    return {"own_receiver": own is not InputPipeline.serving_input_receiver_fn}

  def with_settings(
    self,
    batch_size: Optional[int] = None,
    mixup_alpha: Optional[float] = None,
  ) -> InputPipeline:
    """Returns a copy with other settings, for recipes that choose them.

    Args:
      batch_size: examples in a batch; as it is if None.
      mixup_alpha: the parameter of mixup's beta distribution, 0 for no mixup;
        as it is if None.

    Raises:
      UserValueError: the pipeline has no mixup, and `mixup_alpha` is not 0.
    """
    if mixup_alpha:
      raise errors.UserValueError(
        f"{type(self).__name__} has no mixup, and mixup_alpha = {mixup_alpha} "
        "is asked for: use one for images, or set it to 0."
      )
    changed = copy.copy(self)
    if batch_size is not None:
      changed.batch_size = batch_size
    return changed

  def check_split(self, split: str) -> None:
    """Raises UserValueError unless there is such a split."""
    if split not in self.splits:
      raise errors.UserValueError(
        f"There is no split {split!r}: the data has "
        f"{', '.join(map(repr, self.splits))}."
      )

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
