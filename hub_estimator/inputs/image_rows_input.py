"""What pipelines have in common whose examples are image files."""

from __future__ import annotations

import copy
import dataclasses
import os
from typing import TYPE_CHECKING, Any, Callable, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import image_batches, image_checks, mixup
from hub_estimator.inputs.image_augmentation import (
  ImageAugmentation,
  example_seed,
)
from hub_estimator.inputs.image_failures import ImageFailures
from hub_estimator.inputs.image_headers import ImageError
from hub_estimator.inputs.image_preprocessing import (
  ImagePreprocessing,
  check_preprocessing,
)
from hub_estimator.inputs.image_receivers import (
  create_encoded_receiver_fn,
)
from hub_estimator.inputs.pipeline import TRAIN_SPLIT, InputPipeline
from hub_estimator.inputs.rows_input import RowsInput

if TYPE_CHECKING:
  from hub_estimator import estimator
  from hub_estimator.tf_compat import tf

# What is known of an example: its file, or the image itself if it is kept.
_PATH = "path"
_DECODED = "decoded"


@dataclasses.dataclass(frozen=True)
class ImageSettings:
  """How the images of a pipeline are read, and what is done to them.

  Attributes:
    feature_name: the key of the features.
    preprocessing: from the bytes of a file to a feature.
    augmentation: what is drawn anew for each training example.
    mixup_alpha: see `mixup.mix_batch`; 0 for none.
    cache_decoded: whether resized images are kept in memory.
    deterministic: whether images come in the order of the rows.
    on_bad_example: "error" or "skip", for images that cannot be decoded.
  """

  feature_name: str
  preprocessing: ImagePreprocessing
  augmentation: ImageAugmentation
  mixup_alpha: float
  cache_decoded: bool
  deterministic: bool
  on_bad_example: str


class ImageRowsInput(RowsInput):
  """Examples that are image files, decoded as they are needed.

  Features come out as one tensor, float32 [batch_size, height, width,
  num_channels]. A subclass calls `_set_images` before `_set_examples`.
  """

  def _set_images(
    self, settings: ImageSettings, paths: dict[str, list[str]]
  ) -> None:
    """Holds the files.

    Args:
      settings: how to read them.
      paths: part of the source -> the file of each row.
    """
    self._images = settings
    self._paths = paths
    self._failures = ImageFailures(
      self._owner, settings.on_bad_example, self._skipped
    )
    self._decoded: dict[str, np.ndarray] = {}

  @property
  def image_size(self) -> Optional[tuple[int, int]]:
    """(height, width) of the features in pixels; None if not known yet."""
    return self._images.preprocessing.image_size

  @property
  def num_channels(self) -> int:
    """The number of channels of the features."""
    return self._images.preprocessing.num_channels

  @property
  def mixup_alpha(self) -> float:
    """The parameter of mixup's beta distribution; 0 for no mixup."""
    return self._images.mixup_alpha

  @property
  def reading_error(self) -> Optional[errors.UserError]:
    """What was wrong with an image that stopped the last dataset, if one did.

    TensorFlow raises an error of its own in its place.
    """
    return self._failures.error

  @property
  def augmentations(self) -> tuple[str, ...]:
    """See `InputPipeline.augmentations`."""
    bindings = self._images.augmentation.bindings(self._owner)
    if self._images.mixup_alpha:
      bindings += (f"{self._owner}.mixup_alpha = {self._images.mixup_alpha!r}",)
    return bindings

  def with_image_size(
    self, height: int, width: int, num_channels: Optional[int] = None
  ) -> ImageRowsInput:
    """Returns a copy whose features have another size.

    Args:
      height: in pixels.
      width: in pixels.
      num_channels: 1 or 3; as it is if None.

    Raises:
      UserValueError: one is out of range.
    """
    if num_channels is None:
      num_channels = self.num_channels
    old = self._images.preprocessing
    check_preprocessing(
      self._owner,
      (height, width),
      num_channels,
      old.resize_method,
      old.value_range,
    )
    changed = copy.copy(self)
    changed._images = dataclasses.replace(
      self._images,
      preprocessing=dataclasses.replace(
        old, image_size=(int(height), int(width)), num_channels=num_channels
      ),
    )
    changed._decoded = {}
    return changed

  def with_settings(
    self,
    batch_size: Optional[int] = None,
    mixup_alpha: Optional[float] = None,
  ) -> InputPipeline:
    """See `InputPipeline.with_settings`."""
    changed = super().with_settings(batch_size)
    if mixup_alpha is None:
      mixup_alpha = self._images.mixup_alpha
    mixup.check_mixup_alpha(self._owner, mixup_alpha, changed.batch_size)
    changed._images = dataclasses.replace(self._images, mixup_alpha=mixup_alpha)
    return changed

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """See `InputPipeline.feature_spec`; size None while it is not known."""
    from hub_estimator.tf_compat import tf

    shape = [None, *(self.image_size or (None, None)), self.num_channels]
    return {
      self._images.feature_name: tf.TensorSpec(
        shape, tf.float32, name=self._images.feature_name
      )
    }

  def encoded_serving_input_receiver_fn(
    self,
  ) -> Callable[[], estimator.export.ServingInputReceiver]:
    """Returns a receiver function that takes files as they are.

    Returns:
      A function without arguments that returns, in the default graph, a
      `ServingInputReceiver` which receives the bytes of image files; see
      `image_receivers.create_encoded_receiver_fn`.

    Raises:
      UserValueError: the size of the features is not known.
    """
    self._check_image_size()
    return create_encoded_receiver_fn(
      self._images.preprocessing, self._images.feature_name
    )

  def _check_image_size(self) -> None:
    if self.image_size is None:
      raise errors.UserValueError(
        f"The size of the images is not known: `{self._owner}.image_size` is "
        "None, and no module has told the size that it expects. Set "
        f"{self._owner}.image_size = (height, width), such as (224, 224)."
      )

  def _create_dataset(
    self,
    split: str,
    is_training: bool,
    has_targets: bool,
    first_batch: int = 0,
  ) -> tf.data.Dataset:
    self._check_image_size()
    self._split = split
    # Draws of augmentation and mixup go by the number of rows and batches.
    self._first_batch = first_batch
    self._failures.error = None
    return super()._create_dataset(split, is_training, has_targets, first_batch)

  def _feature_arrays(self, part: str) -> dict[str, np.ndarray]:
    if not self._images.cache_decoded:
      paths = np.empty([len(self._paths[part])], object)
      paths[:] = [os.fsencode(path) for path in self._paths[part]]
      return {_PATH: paths}
    if part not in self._decoded:
      self._decoded[part] = self._decode_part(part)
    return {_DECODED: self._decoded[part]}

  def _decode_part(self, part: str) -> np.ndarray:
    """Returns the images of a part, float32, 0 to 255, zeros where unused."""
    rows_of_splits = {
      split: rows
      for split, rows in self._rows.items()
      if self._part_of(split) == part
    }
    images = np.zeros(
      [len(self._paths[part]), *self.image_size, self.num_channels], np.float32
    )
    for split, rows in rows_of_splits.items():
      paths = [self._paths[part][row] for row in rows]
      problems, is_good = {}, np.ones([len(rows)], bool)
      results = image_checks.run_on_files(
        paths,
        lambda c: self._images.preprocessing.resize(
          self._images.preprocessing.decode(c)
        ),
      )
      for i, result in enumerate(results):
        if isinstance(result, ImageError):
          problems[paths[i]], is_good[i] = result, False
        else:
          images[rows[i]] = result
      self._failures.add(split, problems, len(rows))
      self._rows[split] = rows[is_good]
    return images

  def _create_batches(
    self,
    rows_of_batches: tf.data.Dataset,
    gather: Callable[[tf.Tensor], tuple[dict[str, tf.Tensor], Any]],
    is_training: bool,
  ) -> tf.data.Dataset:
    from hub_estimator.tf_compat import tf

    augmentation = (
      self._images.augmentation if is_training else ImageAugmentation()
    )
    create = (
      self._create_kept_batches
      if self._images.cache_decoded
      else self._create_decoded_batches
    )
    batches = create(rows_of_batches, gather, augmentation, is_training)
    mixes = is_training and self._images.mixup_alpha

    def finish(batch_number, batch):
      rows, images = batch
      _, targets = gather(rows)
      features = {self._images.feature_name: images}
      if mixes:
        seed = tf.stack([tf.constant(self.seed, tf.int64), batch_number])
        features = mixup.mix_batch(
          features, targets["labels"], self._images.mixup_alpha, seed
        )
      return features, targets

    return batches.enumerate(self._first_batch).map(finish)

  def _create_kept_batches(
    self, rows_of_batches, gather, augmentation, is_training
  ):
    """Returns batches of rows and images, of images kept in memory."""
    del is_training

    def convert(position, row):
      (image,) = gather(row)[0].values()
      if augmentation.bindings(""):
        image = augmentation.vary(image, self._seed_of(position, row))
      return row, self._images.preprocessing.to_range(image)

    if not augmentation.bindings(""):
      return rows_of_batches.map(lambda rows: convert(None, rows))
    return (
      rows_of_batches.unbatch()
      .enumerate(self._first_batch * self.batch_size)
      .map(
        convert,
        num_parallel_calls=image_batches.num_parallel_decodes(),
        deterministic=self._images.deterministic,
      )
      .batch(self.batch_size)
    )

  def _create_decoded_batches(
    self, rows_of_batches, gather, augmentation, is_training
  ):
    """Returns batches of rows and images, decoded as they are needed."""
    from hub_estimator.tf_compat import tf

    preprocessor = self._images.preprocessing
    crops = augmentation.crop_fraction is not None
    split = self._split
    part = self._part_of(split)
    num_before = self._first_batch * self.batch_size

    def decode(path, row, position):
      image = preprocessor.decode(tf.io.read_file(path))
      seed = self._seed_of(num_before + position, row)
      if crops:
        image = augmentation.crop(image, seed)
      image = preprocessor.resize(image, stretch=crops)
      return preprocessor.to_range(augmentation.vary(image, seed))

    def report_missing(rows, may_be_late):
      return self._failures.examine(
        split,
        [self._paths[part][row] for row in rows],
        preprocessor.decode,
        bool(may_be_late),
        len(self._rows[split]),
      )

    return image_batches.decode_batches(
      rows_of_batches,
      lambda rows: gather(rows)[0][_PATH],
      decode,
      self.batch_size,
      report_missing,
      is_endless=is_training,
      deterministic=self._images.deterministic,
      fills_up=self._failures.skips,
    )

  def _seed_of(self, position: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """Returns the seed of an example's augmentation, the same for all shards.

    Args:
      position: the number of rows before it.
      row: the example.
    """
    rows = self._rows[TRAIN_SPLIT][self.shard_index :: self.num_shards]
    return example_seed(self.seed, position // len(rows), row)

  def _description_details(self) -> dict[str, Any]:
    return {
      **super()._description_details(),
      "image": {
        **dataclasses.asdict(self._images.preprocessing),
        "feature_name": self._images.feature_name,
        "mixup_alpha": self._images.mixup_alpha,
      },
    }

  def _preprocessing(self) -> dict[str, Any]:
    return {
      "feature_name": self._images.feature_name,
      **dataclasses.asdict(self._images.preprocessing),
    }

  def _add_features(self, digest: Any, part: str, rows: np.ndarray) -> None:
    image_checks.add_files(digest, [self._paths[part][row] for row in rows])
