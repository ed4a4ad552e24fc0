"""An input pipeline without data, as a run saved it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, NoReturn, Optional

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  descriptions,
  image_receivers,
  label_checks,
)
from hub_estimator.inputs.image_preprocessing import ImagePreprocessing
from hub_estimator.inputs.pipeline import (
  TRAIN_SPLIT,
  InputPipeline,
  split_of_mode,
)

if TYPE_CHECKING:
  from hub_estimator import estimator
  from hub_estimator.tf_compat import tf


class SavedInput(InputPipeline):
  """What a run's model and its export need of a pipeline, without the data.

  Specs, names and counts of classes, the numbers of examples, vocabularies and
  serving receivers are those of the pipeline that was described. There are no
  examples: what would give some raises UserRuntimeError.

  As the pipeline that was described, it has `image_size`, `num_channels`,
  `mixup_alpha`, `with_image_size` and `encoded_serving_input_receiver_fn` if,
  and only if, that was one of images.
  """

  def __init__(self, description: Mapping[str, Any]):
    """Takes a pipeline's description.

    Args:
      description: of `InputPipeline.description`.

    Raises:
      UserValueError: it is none, or lacks something.
    """
    descriptions.check_description(description)
    self._description = copy.deepcopy(dict(description))
    self._owner = description["input"]
    self.batch_size = description["batch_size"]
    self.num_classes = description["num_classes"]
    self.class_names = description["class_names"]
    self.splits = tuple(description["splits"])
    self.weight_key = description.get("weight_key")
    self._image = description.get("image")

  def description(self) -> dict[str, Any]:
    """See `InputPipeline.description`: what this was made of."""
    return copy.deepcopy(self._description)

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """See `InputPipeline.feature_spec`."""
    return {
      name: descriptions.read_spec(entry, name)
      for name, entry in self._description["feature_spec"].items()
    }

  def label_spec(self) -> tf.TensorSpec:
    """See `InputPipeline.label_spec`."""
    return descriptions.read_spec(self._description["label_spec"], "labels")

  def num_examples(self, mode: str) -> int:
    """See `InputPipeline.num_examples`."""
    split = split_of_mode(mode)
    if split == TRAIN_SPLIT:
      return self._description["num_train_examples"]
    return self.num_split_examples(split)

  def num_split_examples(self, split: str) -> int:
    """See `InputPipeline.num_split_examples`."""
    self.check_split(split)
    number = self._description.get("num_split_examples", {}).get(split)
    if number is None:
      raise errors.UserRuntimeError(
        f"The description of {self._owner} does not say how many examples the "
        f"{split} split has: define num_split_examples in that class."
      )
    return number

  def check_labels(self, num_classes: int) -> None:
    """See `InputPipeline.check_labels`."""
    label_checks.check_kind(
      self._description["label_kind"],
      self.num_classes or 0,
      num_classes,
      self._owner,
    )
    largest = self._description.get("largest_label")
    if largest is not None and largest >= num_classes:
      raise errors.UserValueError(
        f"The head's labels are 0 to {num_classes - 1}, but the data of the "
        f"run ({self._owner}) has the label {largest}: give the head "
        f"num_classes = {self.num_classes}."
      )

  def class_counts(self) -> list[int]:
    """See `InputPipeline.class_counts`."""
    counts = self._description.get("class_counts")
    if counts is None:
      raise errors.UserRuntimeError(
        f"The description of {self._owner} does not count the examples of its "
        "classes, which balanced class weights need."
      )
    return list(counts)

  def vocabularies(self) -> dict[str, list[str]]:
    """See `InputPipeline.vocabularies`."""
    return self.description().get("vocabularies", {})

  def skipped_examples(self) -> dict[str, int]:
    """See `InputPipeline.skipped_examples`."""
    return self.description().get("skipped_examples", {})

  @property
  def augmentations(self) -> tuple[str, ...]:
    """See `InputPipeline.augmentations`."""
    return tuple(self._description.get("augmentations", ()))

  def input_fn(self, mode: str) -> Callable[[], tf.data.Dataset]:
    """Raises UserRuntimeError: there are no examples."""
    self._raise_no_examples(split_of_mode(mode))

  def ordered_input_fn(self, split: str) -> Callable[[], tf.data.Dataset]:
    """Raises UserRuntimeError: there are no examples."""
    self.check_split(split)
    self._raise_no_examples(split)

  def fingerprint(self, split: str) -> str:
    """Raises UserRuntimeError: there are no examples."""
    self.check_split(split)
    self._raise_no_examples(split)

  def _raise_no_examples(self, split: str) -> NoReturn:
    raise errors.UserRuntimeError(
      f"The examples of the {split} split are asked for, but this is what a "
      f"run saved of {self._owner} in its input.json, without the data: it is "
      "for predicting and exporting. To train or evaluate, make the pipeline "
      f"of the run's config, @{self._owner}(), where its files are."
    )

  def with_settings(
    self,
    batch_size: Optional[int] = None,
    mixup_alpha: Optional[float] = None,
  ) -> SavedInput:
    """See `InputPipeline.with_settings`."""
    changed = self.description()
    if batch_size is not None:
      argument_checks.check_count(self._owner, "batch_size", batch_size)
      changed["batch_size"] = batch_size
    if self._image is not None:
      if mixup_alpha is not None:
        changed["image"]["mixup_alpha"] = mixup_alpha
    elif mixup_alpha:
      super().with_settings(mixup_alpha=mixup_alpha)  # Raises.
    return type(self)(changed)

  def serving_input_receiver_fn(
    self,
  ) -> Callable[[], estimator.export.ServingInputReceiver]:
    """See `InputPipeline.serving_input_receiver_fn`.

    Raises:
      UserRuntimeError: the class that was described has a receiver of its own.
    """
    if self._description.get("own_receiver"):
      raise errors.UserRuntimeError(
        f"{self._owner} defines its own serving_input_receiver_fn, which a "
        "run's input.json does not hold: export with the data, of the run's "
        f"config, or let {self._owner} use that of InputPipeline."
      )
    return super().serving_input_receiver_fn()

  @property
  def image_size(self) -> Optional[tuple[int, int]]:
    """(height, width) of the features in pixels."""
    size = self._of_images("image_size")["image_size"]
    return None if size is None else tuple(size)

  @property
  def num_channels(self) -> int:
    """The number of channels of the features."""
    return self._of_images("num_channels")["num_channels"]

  @property
  def mixup_alpha(self) -> float:
    """The parameter of mixup's beta distribution; 0 for no mixup."""
    return self._of_images("mixup_alpha").get("mixup_alpha", 0.0)

  @property
  def image_preprocessing(self) -> ImagePreprocessing:
    """From the bytes of a file to a feature."""
    image = self._of_images("image_preprocessing")
    return ImagePreprocessing(
      image_size=self.image_size,
      num_channels=image["num_channels"],
      resize_method=image["resize_method"],
      antialias=image["antialias"],
      value_range=tuple(image["value_range"]),
    )

  @property
  def with_image_size(self) -> Callable[..., SavedInput]:
    """A function as `ImageRowsInput.with_image_size`."""
    image = self._of_images("with_image_size")

    def with_image_size(
      height: int, width: int, num_channels: Optional[int] = None
    ) -> SavedInput:
      changed = self.description()
      channels = num_channels or image["num_channels"]
      size = [int(height), int(width)]
      changed["image"].update(image_size=size, num_channels=channels)
      name = image["feature_name"]
      changed["feature_spec"][name] = ["float32", [None, *size, channels]]
      return type(self)(changed)

    return with_image_size

  @property
  def encoded_serving_input_receiver_fn(
    self,
  ) -> Callable[[], Callable[[], estimator.export.ServingInputReceiver]]:
    """A function as `ImageRowsInput.encoded_serving_input_receiver_fn`."""
    image = self._of_images("encoded_serving_input_receiver_fn")

    def encoded_serving_input_receiver_fn():
      if self.image_size is None:
        raise errors.UserValueError(
          f"The size of the images is not known: the run's {self._owner} has "
          f"image_size = None. Set {self._owner}.image_size = (height, width)."
        )
      return image_receivers.create_encoded_receiver_fn(
        self.image_preprocessing, image["feature_name"]
      )

    return encoded_serving_input_receiver_fn

  def _of_images(self, name: str) -> dict[str, Any]:
    """Returns the settings of images; as if there were no such attribute."""
    if self._image is None:
      raise AttributeError(
        f"{self._owner} has no images, and so no attribute {name!r}."
      )
    return self._image
