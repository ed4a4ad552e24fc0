"""Input from arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import gin
import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import (
  argument_checks,
  array_sources,
  bad_examples,
  feature_arrays,
)
from hub_estimator.inputs.array_sources import FEATURES_KEY, ArraySource
from hub_estimator.inputs.evaluation_sets import (
  binding_of,
  check_evaluation_sets,
)
from hub_estimator.inputs.example_source import ExamplePart, ExampleSource
from hub_estimator.inputs.rows_input import RowsInput

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf


@gin.register(module="hub_estimator")
class NumpyInput(RowsInput):
  """Features and labels from arrays, an .npz file or a bundled data set.

  Features come out as one tensor named `feature_name`, [batch_size,
  *feature_shape], or as several, with `feature_names`; labels and splits as
  `RowsInput` says.
  """

  def __init__(
    self,
    source: Any = gin.REQUIRED,
    feature_name: str = "images",
    batch_size: int = 32,
    seed: int = 0,
    classes: Optional[Sequence[Any]] = None,
    num_train_examples_per_class: Optional[int] = None,
    eval_fraction: Optional[float] = None,
    shuffle: bool = True,
    feature_shape: Union[None, Sequence[int], Mapping] = None,
    feature_dtype: Union[str, Mapping] = "float32",
    scale: Union[float, Mapping] = 1.0,
    label_kind: Optional[str] = None,
    test_fraction: Optional[float] = None,
    stratify: bool = True,
    num_train_examples: Optional[int] = None,
    num_shards: int = 1,
    shard_index: int = 0,
    feature_names: Optional[Mapping[str, str]] = None,
    on_bad_example: str = "error",
    evaluation_sets: Optional[Mapping[str, Any]] = None,
  ):
    """Loads and checks the data, and cuts it into splits.

    A source that is not cut into splits yet needs `eval_fraction`,
    `num_train_examples_per_class` or both. Arguments that are not listed are
    those of `RowsInput`.

    Args:
      source: the path of an .npz file, or a mapping of arrays, with the keys
        `features` and `labels`, or `train_features`, `train_labels`,
        `eval_features` and `eval_labels`, each [num_examples, ...]; optionally
        `test_features` and `test_labels`; the examples' weights as `weights`,
        with the prefix of the split if there are splits; and `class_names`; or
        a data set that ships with scikit-learn: "sklearn:digits",
        "sklearn:iris", "sklearn:wine", "sklearn:breast_cancer" or
        "sklearn:diabetes" (regression).
      feature_name: the name of the feature of the key `features`.
      feature_shape: the shape of one example, such as (8, 8, 1); that of the
        arrays if None. With several features, a dict from feature name to
        shape; the same holds for the next two.
      feature_dtype: the type of the features, if they are numbers: a name such
        as "float32", "uint8" or "int32". Strings stay strings.
      scale: factor on the features, such as 1/255.
      feature_names: for modules with several inputs: key of an array -> name of
        the feature, such as {'title': 'title', 'body': 'text'}, in place of
        `features` and `feature_name`. The keys have the prefix of the split if
        there are splits: `train_title`.
      on_bad_example: "error", or "skip" to leave out, and count, examples with
        NaN or infinite values in features, targets or weights.
      evaluation_sets: name -> a source that is not cut into splits, to evaluate
        on by that name. Their classes are those of the other splits.

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
    bad_examples.check_on_bad_example(self._owner, on_bad_example)
    names = _check_feature_names(feature_names, feature_name)
    self._keys, self._on_bad_example = names, on_bad_example
    loaded = array_sources.load_array_source(source, list(names))
    for set_name, of_set in check_evaluation_sets(
      self._owner, evaluation_sets
    ).items():
      loaded.parts[set_name] = array_sources.load_whole_part(
        of_set, list(names), binding_of(self._owner, set_name)
      )
    settings = {
      "feature_shape": feature_shape,
      "feature_dtype": feature_dtype,
      "scale": scale,
    }
    for setting, value in settings.items():
      _check_setting(setting, value, names.values())
    self._features = {
      name: feature_arrays.prepare_features(
        loaded.place,
        {part: value.features[key] for part, value in loaded.parts.items()},
        {p: value.feature_places[key] for p, value in loaded.parts.items()},
        _setting_of(feature_shape, name, None),
        _setting_of(feature_dtype, name, "float32"),
        _setting_of(scale, name, 1.0),
        allow_not_finite=on_bad_example == bad_examples.SKIP,
      )
      for key, name in names.items()
    }
    self._kept = self._choose_kept(loaded, on_bad_example)
    self._set_examples(
      ExampleSource(
        place=loaded.place,
        parts={
          name: self._create_part(part, self._kept[name])
          for name, part in loaded.parts.items()
        },
        class_names=loaded.class_names,
      )
    )

  def _choose_kept(
    self, loaded: ArraySource, on_bad_example: str
  ) -> dict[str, Optional[np.ndarray]]:
    """Returns part -> the rows to keep, None for all; counts the others."""
    kept = dict.fromkeys(loaded.parts)
    if on_bad_example != bad_examples.SKIP:
      return kept
    for name, part in loaded.parts.items():
      bad = {
        f"NaN or infinite {feature}": arrays.not_finite[name]
        for feature, arrays in self._features.items()
      }
      bad["NaN or infinite label"] = _rows_not_finite(part.labels)
      if part.weights is not None and len(part.weights) == len(part.labels):
        bad["NaN or infinite weight"] = _rows_not_finite(part.weights)
      good = np.ones([len(part.labels)], bool)
      for reason, rows in bad.items():
        # An example is counted once.
        number = int(good[rows].sum())
        good[rows] = False
        if number:
          self._skipped[reason] = self._skipped.get(reason, 0) + number
          self._notes.append(
            f"{number} examples of {part.place} were skipped: {reason}."
          )
      if not good.all():
        kept[name] = np.flatnonzero(good)
    return kept

  def _create_part(
    self, part: array_sources.ArrayPart, kept: Optional[np.ndarray]
  ) -> ExamplePart:
    """Returns the examples of a part that are kept."""
    if kept is None:
      return ExamplePart(part.place, part.labels, part.weights)
    return ExamplePart(
      part.place,
      part.labels[kept],
      None if part.weights is None else part.weights[kept],
      lambda row: f"row {kept[row]} of {part.place}",
    )

  def feature_spec(self) -> dict[str, tf.TensorSpec]:
    """See `InputPipeline.feature_spec`."""
    from hub_estimator.tf_compat import tf

    return {
      name: tf.TensorSpec([None, *feature.shape], feature.dtype, name=name)
      for name, feature in self._features.items()
    }

  def _feature_arrays(self, part: str) -> dict[str, np.ndarray]:
    kept = self._kept[part]
    return {
      name: feature.arrays[part] if kept is None else feature.arrays[part][kept]
      for name, feature in self._features.items()
    }

  def _convert(self, arrays: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    from hub_estimator.tf_compat import tf

    features = {}
    for name, batch in arrays.items():
      if batch.dtype != tf.string:
        batch = tf.cast(batch, self._features[name].dtype)
        if self._features[name].scale != 1:
          batch = batch * self._features[name].scale
      features[name] = batch
    return features

  def _reader_settings(self) -> dict[str, Any]:
    return {
      "kind": "array",
      "features": [
        {
          "key": key,
          "name": name,
          "dtype": self._features[name].dtype,
          "shape": list(self._features[name].shape),
          "scale": float(self._features[name].scale),
        }
        for key, name in self._keys.items()
      ],
      "classes": self._classes,
      "on_bad_example": self._on_bad_example,
    }

  def _preprocessing(self) -> dict[str, Any]:
    return {
      name: {"dtype": feature.dtype, "scale": float(feature.scale)}
      for name, feature in self._features.items()
    }


def _check_feature_names(
  feature_names: Optional[Mapping[str, str]], feature_name: str
) -> dict[str, str]:
  """Returns key of an array -> name of its feature."""
  if feature_names is None:
    return {FEATURES_KEY: feature_name}
  if (
    not isinstance(feature_names, Mapping)
    or not feature_names
    or not all(isinstance(v, str) for v in feature_names.values())
    or len(set(feature_names.values())) < len(feature_names)
  ):
    raise errors.UserValueError(
      "`NumpyInput.feature_names` maps the keys of arrays to different names "
      f"of features, such as {{'title': 'title'}}; got {feature_names!r}."
    )
  return dict(feature_names)


def _check_setting(setting: str, value: Any, names: Any) -> None:
  """Raises if a setting by feature names a feature that is not there."""
  for name in value if isinstance(value, Mapping) else ():
    if name not in names:
      raise errors.UserKeyError(
        f"`NumpyInput.{setting}` has a value for {name!r}, but features are "
        f"{', '.join(map(repr, names))}."
        f"{argument_checks.did_you_mean(name, names)}"
      )


def _setting_of(value: Any, name: str, default: Any) -> Any:
  """Returns a setting that may be given by feature."""
  return value.get(name, default) if isinstance(value, Mapping) else value


def _rows_not_finite(array: np.ndarray) -> np.ndarray:
  """Returns the rows of an array of any type with NaN or infinite values."""
  if array.dtype.kind != "f":
    return np.zeros([0], np.int64)
  finite = np.isfinite(array).reshape(len(array), -1).all(axis=1)
  return np.flatnonzero(~finite)
