"""Input from folders of images, and from lists of image files."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import gin
import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  bad_examples,
  image_batches,
  image_checks,
  image_examples,
  mixup,
)
from hub_estimator.inputs import image_preprocessing as preprocessing_lib
from hub_estimator.inputs.image_augmentation import (
  ImageAugmentation,
  example_seed,
)
from hub_estimator.inputs.image_failures import ImageFailures
from hub_estimator.inputs.image_headers import ImageProblem
from hub_estimator.inputs.image_preprocessing import ImagePreprocessing
from hub_estimator.inputs.pipeline import (
  EVAL_SPLIT,
  TEST_SPLIT,
  TRAIN_SPLIT,
  InputPipeline,
)
from hub_estimator.inputs.rows_input import RowsInput

if TYPE_CHECKING:
  from hub_estimator import estimator
  from hub_estimator.tf_compat import tf

IMAGE_BYTES = "image_bytes"
# What is known of an example: its file, or the image itself if it is kept.
_PATH = "path"
_DECODED = "decoded"


@gin.register(module="hub_estimator")
class ImageFolderInput(RowsInput):
  """Images and labels from folders, or from a table of paths and labels.

  Features come out as one tensor named `feature_name`, float32 [batch_size,
  height, width, num_channels]. Labels and splits are as `RowsInput` says.

  Files are JPEG, PNG, BMP, or GIF, of which the first frame is taken; what a
  file is, its content says, whatever its name. Transparency is dropped, 16 bits
  become 8, CMYK becomes RGB.

  Augmentation is for TRAIN alone, and the same for the same seed, epoch and
  example: random crops, then resizing, then flips, shifts, brightness and
  contrast, then mixup within the batch.
  """

  def __init__(
    self,
    train_dir: Union[str, os.PathLike] = gin.REQUIRED,
    eval_dir: Union[None, str, os.PathLike] = None,
    test_dir: Union[None, str, os.PathLike] = None,
    image_size: Optional[Sequence[int]] = None,
    num_channels: int = 3,
    value_range: Sequence[float] = (0, 1),
    resize_method: str = preprocessing_lib.STRETCH,
    antialias: bool = False,
    feature_name: str = "images",
    path_column: str = "path",
    label_column: Union[str, Sequence[str]] = "label",
    label_separator: str = "|",
    weight_column: Optional[str] = None,
    flip_horizontally: bool = False,
    crop_fraction: Optional[float] = None,
    pad_and_crop: int = 0,
    brightness_delta: float = 0.0,
    contrast_delta: float = 0.0,
    mixup_alpha: float = 0.0,
    cache_decoded: bool = False,
    deterministic: bool = True,
    check_images: str = image_checks.HEADERS,
    on_bad_example: str = bad_examples.ERROR,
    max_bad_examples: int = 10,
    batch_size: int = 32,
    seed: int = 0,
    shuffle: bool = True,
    eval_fraction: Optional[float] = None,
    test_fraction: Optional[float] = None,
    stratify: bool = True,
    num_train_examples: Optional[int] = None,
    num_train_examples_per_class: Optional[int] = None,
    classes: Optional[Sequence[Any]] = None,
    label_kind: Optional[str] = None,
    num_shards: int = 1,
    shard_index: int = 0,
  ):
    """Lists and checks the images, and cuts them into splits.

    Arguments that are not listed are those of `RowsInput`.

    Args:
      train_dir: a folder with one folder of images for each class, whose name
        is the class's; images may be in folders within, and names that begin
        with a dot are hidden. Or a .csv, .tsv or .jsonl file, plain or .gz,
        with a row for each image.
      eval_dir: likewise, for the eval split; None cuts it off the train split,
        with `eval_fraction` or `num_train_examples_per_class`.
      test_dir: likewise, for the test split, if there is one.
      image_size: (height, width) in pixels that images are resized to,
        bilinearly. None for what the module expects, which the model tells with
        `with_image_size`.
      num_channels: 3 for RGB, 1 for shades of grey; images are converted.
      value_range: the values of black and white. (0, 1) is the common one of
        TF1 Hub's image modules.
      resize_method: "stretch" does not keep the ratio of the sides; "crop" cuts
        the central part of the right ratio out first; "pad" resizes the whole
        image to fit, and adds black at two sides.
      antialias: whether pixels are averaged where images are made smaller.
        False is how the training of most TF1 modules resized.
      feature_name: the key of the features.
      path_column: the column of paths, which are relative to the file's folder.
      label_column: the column of the label, or several; see `TextFileInput`.
      label_separator: what stands between the labels of an image in one column,
        with label_kind = 'multi_label'.
      weight_column: the column of the examples' weights; 1 each if None.
      flip_horizontally: mirrors half of the training images.
      crop_fraction: random crops of at least this share of the image's area;
        they are stretched to `image_size`, whatever `resize_method`. This and
        the next three are those of `ImageAugmentation`.
      pad_and_crop: moves training images by up to so many pixels.
      brightness_delta: changes brightness, from 0 to 1.
      contrast_delta: changes contrast, from 0 to 1.
      mixup_alpha: mixes pairs of training examples; see `mixup.mix_batch`. 0
        for none.
      cache_decoded: decode each image once, and keep it resized in memory, 4
        bytes for each value, from the first use of a split to the end of the
        process. Not with `crop_fraction`, which needs the whole image.
      deterministic: whether the order of the examples is the same each time.
        False lets images that are slow to decode be overtaken.
      check_images: what is looked at before a run: "headers" reads the sizes,
        and whether the end of a file is missing; "decode" decodes all images;
        "none" nothing.
      on_bad_example: "error", or "skip" to leave bad images and rows out, and
        count them. Images that turn out to be bad while a run goes on are
        treated alike.
      max_bad_examples: how many of them an error lists; it counts all.

    Raises:
      UserError: a mistake in the arguments or in the data.
    """
    super().__init__(
      batch_size=batch_size,
      seed=seed,
      shuffle=shuffle,
      eval_fraction=eval_fraction,
      test_fraction=test_fraction,
      stratify=stratify,
      num_train_examples=num_train_examples,
      num_train_examples_per_class=num_train_examples_per_class,
      classes=classes,
      label_kind=label_kind,
      num_shards=num_shards,
      shard_index=shard_index,
    )
    preprocessing_lib.check_preprocessing(
      self._owner, image_size, num_channels, resize_method, value_range
    )
    self._preprocessor = ImagePreprocessing(
      image_size=None if image_size is None else tuple(image_size),
      num_channels=num_channels,
      resize_method=resize_method,
      antialias=antialias,
      value_range=tuple(value_range),
    )
    self._augmentation = ImageAugmentation(
      flip_horizontally=flip_horizontally,
      crop_fraction=crop_fraction,
      pad_and_crop=pad_and_crop,
      brightness_delta=brightness_delta,
      contrast_delta=contrast_delta,
    )
    self._augmentation.check(self._owner)
    mixup.check_mixup_alpha(self._owner, mixup_alpha, batch_size)
    argument_checks.check_choice(
      self._owner, "check_images", check_images, image_checks.CHECKS
    )
    if cache_decoded and crop_fraction is not None:
      raise errors.UserValueError(
        f"`{self._owner}.cache_decoded = True` keeps resized images, but "
        f"`{self._owner}.crop_fraction = {crop_fraction}` needs whole ones: "
        "leave one out."
      )
    self.feature_name = feature_name
    self._mixup_alpha = mixup_alpha
    self._cache_decoded = cache_decoded
    self._decoded: dict[str, np.ndarray] = {}
    self._deterministic = deterministic
    examples = image_examples.read_image_examples(
      {
        f"{split}_dir": os.fspath(path)
        for split, path in (
          (TRAIN_SPLIT, train_dir),
          (EVAL_SPLIT, eval_dir),
          (TEST_SPLIT, test_dir),
        )
        if path is not None
      },
      image_examples.TableColumns(
        owner=self._owner,
        path=path_column,
        label=label_column,
        label_separator=label_separator,
        label_kind=self._label_kind,
        keeps_names=classes is not None,
        weight=weight_column,
      ),
      bad_examples.BadExamples(self._owner, on_bad_example, max_bad_examples),
      lambda paths: image_checks.find_problems(
        paths, check_images, self._preprocessor.decode
      ),
    )
    self._paths = examples.paths
    self._notes += examples.notes
    self._skipped.update(examples.skipped)
    self._failures = ImageFailures(self._owner, on_bad_example, self._skipped)
    if examples.label_kind is not None:
      self._label_kind = examples.label_kind
    self._set_examples(examples.source)

  @property
  def image_size(self) -> Optional[tuple[int, int]]:
    """(height, width) of the features in pixels; None if not known yet."""
    return self._preprocessor.image_size

  @property
  def num_channels(self) -> int:
    """The number of channels of the features."""
    return self._preprocessor.num_channels

  @property
  def reading_error(self) -> Optional[errors.UserError]:
    """What was wrong with an image that stopped the iterator last, if one did.

    TensorFlow raises an error of its own in its place.
    """
    return self._failures.error

  @property
  def augmentations(self) -> tuple[str, ...]:
    """See `InputPipeline.augmentations`."""
    bindings = self._augmentation.bindings(self._owner)
    if self._mixup_alpha:
      bindings += (f"{self._owner}.mixup_alpha = {self._mixup_alpha!r}",)
    return bindings

  def with_image_size(
    self, height: int, width: int, num_channels: Optional[int] = None
  ) -> ImageFolderInput:
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
    old = self._preprocessor
    preprocessing_lib.check_preprocessing(
      self._owner,
      (height, width),
      num_channels,
      old.resize_method,
      old.value_range,
    )
    changed = copy.copy(self)
    changed._preprocessor = ImagePreprocessing(
      image_size=(int(height), int(width)),
      num_channels=num_channels,
      resize_method=old.resize_method,
      antialias=old.antialias,
      value_range=old.value_range,
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
    if mixup_alpha is not None:
      changed._mixup_alpha = mixup_alpha
    mixup.check_mixup_alpha(
      self._owner, changed._mixup_alpha, changed.batch_size
    )
    return changed

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """See `InputPipeline.feature_spec`; size None while it is not known."""
    from hub_estimator.tf_compat import tf

    shape = [None, *(self.image_size or (None, None)), self.num_channels]
    return {
      self.feature_name: tf.TensorSpec(
        shape, tf.float32, name=self.feature_name
      )
    }

  def encoded_serving_input_receiver_fn(
    self,
  ) -> Callable[[], estimator.export.ServingInputReceiver]:
    """Returns a receiver function that takes files as they are.

    Returns:
      A function without arguments that returns, in the default graph, a
      `ServingInputReceiver` which receives the bytes of image files under
      `IMAGE_BYTES`, string [batch_size], and whose features are those of EVAL.

    Raises:
      UserValueError: the size of the features is not known.
    """
    self._check_image_size()

    def receiver_fn() -> estimator.export.ServingInputReceiver:
      from hub_estimator import estimator
      from hub_estimator.tf_compat import tf

      contents = tf.compat.v1.placeholder(tf.string, [None], name=IMAGE_BYTES)
      images = tf.map_fn(
        self._preprocessor.preprocess, contents, fn_output_signature=tf.float32
      )
      images = tf.ensure_shape(
        images, [None, *self.image_size, self.num_channels]
      )
      return estimator.export.ServingInputReceiver(
        {self.feature_name: images}, {IMAGE_BYTES: contents}
      )

    return receiver_fn

  def _check_image_size(self) -> None:
    if self.image_size is None:
      raise errors.UserValueError(
        f"The size of the images is not known: `{self._owner}.image_size` is "
        "None, and no module has told the size that it expects. Set "
        f"{self._owner}.image_size = (height, width), such as (224, 224)."
      )

  def _create_dataset(
    self, split: str, is_training: bool, has_targets: bool
  ) -> tf.data.Dataset:
    self._check_image_size()
    self._split = split
    return super()._create_dataset(split, is_training, has_targets)

  def _feature_arrays(self, part: str) -> dict[str, np.ndarray]:
    if not self._cache_decoded:
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
        paths, lambda c: self._preprocessor.resize(self._preprocessor.decode(c))
      )
      for i, result in enumerate(results):
        if isinstance(result, ImageProblem):
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

    augmentation = self._augmentation if is_training else ImageAugmentation()
    create = (
      self._create_kept_batches
      if self._cache_decoded
      else self._create_decoded_batches
    )
    batches = create(rows_of_batches, gather, augmentation, is_training)
    mixes = is_training and self._mixup_alpha

    def finish(batch_number, batch):
      rows, images = batch
      _, targets = gather(rows)
      features = {self.feature_name: images}
      if mixes:
        seed = tf.stack([tf.constant(self.seed, tf.int64), batch_number])
        features = mixup.mix_batch(
          features, targets["labels"], self._mixup_alpha, seed
        )
      return features, targets

    return batches.enumerate().map(finish)

  def _create_kept_batches(
    self, rows_of_batches, gather, augmentation, is_training
  ):
    """Returns batches of rows and images, of images kept in memory."""
    from hub_estimator.tf_compat import tf

    del is_training

    def convert(position, row):
      (image,) = gather(row)[0].values()
      if augmentation.bindings(""):
        image = augmentation.vary(image, self._seed_of(position, row))
      return row, self._preprocessor.to_range(image)

    if not augmentation.bindings(""):
      return rows_of_batches.map(lambda rows: convert(None, rows))
    return (
      rows_of_batches.unbatch()
      .enumerate()
      .map(
        convert,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=self._deterministic,
      )
      .batch(self.batch_size)
    )

  def _create_decoded_batches(
    self, rows_of_batches, gather, augmentation, is_training
  ):
    """Returns batches of rows and images, decoded as they are needed."""
    from hub_estimator.tf_compat import tf

    preprocessor = self._preprocessor
    crops = augmentation.crop_fraction is not None
    split = self._split
    part = self._part_of(split)

    def decode(path, row, position):
      image = preprocessor.decode(tf.io.read_file(path))
      seed = self._seed_of(position, row)
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
      deterministic=self._deterministic,
      fills_up=self._failures.skips,
    )

  def _seed_of(self, position: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """Returns the seed of an example's augmentation, the same for all shards.

    Args:
      position: the number of rows before it.
      row: the example.
    """
    rows = self._rows[TRAIN_SPLIT][self._shard_index :: self._num_shards]
    return example_seed(self.seed, position // len(rows), row)

  def _preprocessing(self) -> dict[str, Any]:
    return {
      "feature_name": self.feature_name,
      **dict(vars(self._preprocessor)),
    }

  def _add_features(self, digest: Any, part: str, rows: np.ndarray) -> None:
    image_checks.add_files(digest, [self._paths[part][row] for row in rows])
