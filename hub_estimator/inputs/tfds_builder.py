"""Finding a prepared data set of TensorFlow Datasets, an optional package."""

from __future__ import annotations

import importlib
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.inputs import argument_checks


def import_tfds(owner: str) -> Any:
  """Returns the package tensorflow_datasets.

  Args:
    owner: the Gin configurable that needs it, for the message.

  Raises:
    UserRuntimeError: it is not installed.
  """
  try:
    return importlib.import_module("tensorflow_datasets")
  except ImportError as error:
    raise errors.UserRuntimeError(
      f"{owner} reads what TensorFlow Datasets prepares, which is not "
      "installed: run `pip install 'hub_estimator[tfds]'`."
    ) from error


def load_builder(
  owner: str, name: str, data_dir: Optional[str], download: bool
) -> Any:
  """Returns the builder of a data set that is prepared.

  Args:
    owner: the Gin configurable whose arguments the others are.
    name: the set's name, such as "mnist" or "glue/sst2:2.0.0".
    data_dir: where prepared sets are; None for TensorFlow Datasets' own place.
    download: whether to download and prepare it if it is not there.

  Raises:
    UserKeyError: there is no such set.
    UserOSError: it is not prepared, and may not be downloaded.
    UserRuntimeError: TensorFlow Datasets is not installed, or could not prepare
      the set.
  """
  tfds = import_tfds(owner)
  try:
    builder = tfds.builder(name, data_dir=data_dir)
  except tfds.core.DatasetNotFoundError as error:
    there = tfds.list_builders(with_community_datasets=False)
    raise errors.UserKeyError(
      f"`{owner}.name = {name!r}`: TensorFlow Datasets has no such data set"
      f"{f' in {data_dir!r}' if data_dir else ''}."
      f"{argument_checks.did_you_mean(name, there)}"
    ) from error
  if builder.is_prepared():
    return builder
  if not download:
    raise errors.UserOSError(
      f"`{owner}.name = {name!r}` is not prepared in "
      f"{str(builder.data_path)!r}. Set {owner}.data_dir to where it is, or "
      f"{owner}.download = True to download and prepare it."
    )
  try:
    builder.download_and_prepare()
  except Exception as error:
    # Whatever the code of one of a thousand data sets, or the network, raises.
    raise errors.UserRuntimeError(
      f"`{owner}.name = {name!r}` could not be downloaded and prepared: "
      f"{type(error).__name__}: {error}"
    ) from error
  return builder


def check_split(owner: str, argument: str, builder: Any, split: str) -> None:
  """Raises UserKeyError unless a data set has a split, or a slice of one."""
  there = ", ".join(map(repr, sorted(builder.info.splits)))
  try:
    builder.info.splits[split]
  except (ValueError, KeyError, AssertionError, TypeError) as error:
    raise errors.UserKeyError(
      f"`{owner}.{argument} = {split!r}` is no split of {builder.name!r}: "
      f"there are {there}, and slices of them such as 'train[:80%]'."
    ) from error


def keys_of(builder: Any) -> dict[str, Any]:
  """Returns key -> feature of a data set, nested ones as "outer/inner"."""
  keys = {}

  def add(prefix, features):
    for key, feature in features.items():
      keys[prefix + key] = feature
      # A FeaturesDict has the methods of a dict, but is none.
      if hasattr(feature, "items"):
        add(f"{prefix}{key}/", feature)

  add("", builder.info.features)
  return keys


def value_at(example: Any, key: str) -> Any:
  """Returns the value of a key of `keys_of` in an example."""
  for part in key.split("/"):
    example = example[part]
  return example


def check_keys(owner: str, builder: Any, bindings: dict[str, Any]) -> None:
  """Raises UserKeyError unless a data set has all keys.

  Args:
    owner: the Gin configurable that names them, for messages.
    builder: the builder of the data set.
    bindings: parameter of the configurable -> the key that it names.
  """
  there = keys_of(builder)
  missing = [
    f"{owner}.{binding} = {key!r}"
    f"{argument_checks.did_you_mean_aside(str(key), there)}"
    for binding, key in bindings.items()
    if key not in there
  ]
  if missing:
    raise errors.UserKeyError(
      f"{builder.name!r} lacks features: {'; '.join(missing)}. There are "
      f"{', '.join(map(repr, there))}."
    )


def label_names(builder: Any, key: str) -> Optional[list[str]]:
  """Returns the names of a ClassLabel or of a sequence of it, if it is one."""
  feature = keys_of(builder)[key]
  names = getattr(getattr(feature, "feature", feature), "names", None)
  return list(names) if names else None
