"""Input from folders of images, and from lists of image files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import gin

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  bad_examples,
  image_checks,
  image_examples,
  mixup,
)
from hub_estimator.inputs import image_preprocessing as preprocessing_lib
from hub_estimator.inputs.evaluation_sets import check_evaluation_sets
from hub_estimator.inputs.image_augmentation import ImageAugmentation
from hub_estimator.inputs.image_preprocessing import ImagePreprocessing
from hub_estimator.inputs.image_rows_input import ImageRowsInput, ImageSettings
from hub_estimator.inputs.pipeline import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT


@gin.register(module="hub_estimator")
class ImageFolderInput(ImageRowsInput):
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
    evaluation_sets: Optional[Mapping[str, Any]] = None,
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
      evaluation_sets: name -> a folder or file, as `eval_dir`, to evaluate on
        by that name. Their classes are those of the other splits.

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
    settings = ImageSettings(
      feature_name=feature_name,
      preprocessing=ImagePreprocessing(
        image_size=None if image_size is None else tuple(image_size),
        num_channels=num_channels,
        resize_method=resize_method,
        antialias=antialias,
        value_range=tuple(map(float, value_range)),
      ),
      augmentation=ImageAugmentation(
        flip_horizontally=flip_horizontally,
        crop_fraction=crop_fraction,
        pad_and_crop=pad_and_crop,
        brightness_delta=brightness_delta,
        contrast_delta=contrast_delta,
      ),
      mixup_alpha=mixup_alpha,
      cache_decoded=cache_decoded,
      deterministic=deterministic,
      on_bad_example=on_bad_example,
    )
    settings.augmentation.check(self._owner)
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
    self._table_columns = image_examples.TableColumns(
      owner=self._owner,
      path=path_column,
      label=label_column,
      label_separator=label_separator,
      label_kind=self._label_kind,
      keeps_names=classes is not None,
      weight=weight_column,
    )
    examples = image_examples.read_image_examples(
      {
        split: os.fspath(path)
        for split, path in (
          (TRAIN_SPLIT, train_dir),
          (EVAL_SPLIT, eval_dir),
          (TEST_SPLIT, test_dir),
          *check_evaluation_sets(self._owner, evaluation_sets).items(),
        )
        if path is not None
      },
      self._table_columns,
      bad_examples.BadExamples(self._owner, on_bad_example, max_bad_examples),
      lambda paths: image_checks.find_problems(
        paths, check_images, settings.preprocessing.decode
      ),
    )
    self._notes += examples.notes
    self._skipped.update(examples.skipped)
    if examples.label_kind is not None:
      self._label_kind = examples.label_kind
    self._set_images(settings, examples.paths)
    self._set_examples(examples.source)

  def _reader_settings(self) -> dict[str, Any]:
    columns = self._table_columns
    label = columns.label
    return {
      "kind": "image",
      "path_column": columns.path,
      "label_columns": [label] if isinstance(label, str) else list(label),
      "label_separator": columns.label_separator,
      "on_bad_example": self._images.on_bad_example,
    }
