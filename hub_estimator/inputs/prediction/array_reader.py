"""New examples from arrays in .npz and .npy files."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import feature_arrays
from hub_estimator.inputs.bad_examples import SKIP
from hub_estimator.inputs.label_encoding import CLASS, REGRESSION
from hub_estimator.inputs.prediction import table_labels
from hub_estimator.inputs.prediction.example_reader import (
  ExampleReader,
  PredictionBatch,
)

_LABELS = "labels"
_PART = "new"


class ArrayReader(ExampleReader):
  """Reads .npz files as `NumpyInput` does, and .npy files of one feature."""

  def __init__(
    self,
    description: Mapping[str, Any],
    path: str,
    batch_size: int,
    file_format: Optional[str] = None,
  ):
    """Loads and checks the arrays; see `create_example_reader`."""
    del file_format
    reader = description["reader"]
    super().__init__(path, batch_size, reader["on_bad_example"])
    self._description = description
    self._features = reader["features"]
    arrays = self._load(path)
    self._arrays = {}
    self._is_good = None
    for feature in self._features:
      self._add(feature, self._pick(arrays, feature))
    sizes = {name: len(array) for name, array in self._arrays.items()}
    if len(set(sizes.values())) > 1:
      raise errors.UserValueError(
        f"Features have a row for each example, but those of {path!r} have "
        f"{sizes} rows."
      )
    self._labels = self._encode_labels(arrays.get(_LABELS))
    self.total = next(iter(sizes.values()))
    self._num_done = 0

  @property
  def done(self) -> int:
    """See `ExampleReader.done`."""
    return self._num_done

  def _load(self, path: str) -> Mapping[str, np.ndarray]:
    """Returns the arrays of a file; that of an .npy file under its feature."""
    if not os.path.isfile(path):
      what = "is a folder" if os.path.isdir(path) else "does not exist"
      raise errors.UserOSError(
        "Examples to predict on are read from an .npz file, or an .npy file "
        f"for a single feature, but {path!r} {what}."
      )
    try:
      if zipfile.is_zipfile(path):
        with np.load(path, allow_pickle=False) as archive:
          keys = {f[k] for f in self._features for k in ("key", "name")}
          return {
            key: archive[key] if key in keys | {_LABELS} else np.zeros(0)
            for key in archive.files
          }
      array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
      raise errors.UserValueError(
        f"{path!r} is no .npz or .npy file of numbers or fixed-length strings: "
        f"{error}"
      ) from error
    if len(self._features) > 1:
      listed = ", ".join(repr(feature["name"]) for feature in self._features)
      raise errors.UserValueError(
        f"{path!r} is an .npy file, which holds one array, but the model takes "
        f"{listed}: write an .npz file with numpy.savez."
      )
    return {self._features[0]["key"]: array}

  def _pick(
    self, arrays: Mapping[str, np.ndarray], feature: Mapping[str, Any]
  ) -> np.ndarray:
    """Returns the array of a feature."""
    for key in (feature["key"], feature["name"]):
      if key in arrays:
        if arrays[key].ndim == 0:
          raise errors.UserValueError(
            f"`{key}` of {self.place!r} is an array with one row for each "
            f"example; got a single value of {arrays[key].dtype}."
          )
        return arrays[key]
    raise errors.UserKeyError(
      f"{self.place!r} lacks `{feature['key']}`, the array of the feature "
      f"{feature['name']!r} (or one of that name). Keys there are: "
      f"{', '.join(sorted(arrays)) or 'none'}."
    )

  def _add(self, feature: Mapping[str, Any], array: np.ndarray) -> None:
    """Checks the array of a feature, and gives it its shape."""
    is_string = feature["dtype"] == "string"
    if is_string != (array.dtype.kind in "SUO"):
      raise errors.UserValueError(
        f"The feature {feature['name']!r} is of type {feature['dtype']}; "
        f"`{feature['key']}` of {self.place!r} is {array.dtype}."
      )
    prepared = feature_arrays.prepare_features(
      repr(self.place),
      {_PART: array},
      {_PART: f"`{feature['key']}` of {self.place!r}"},
      feature["shape"],
      "float32" if is_string else feature["dtype"],
      feature["scale"],
      allow_not_finite=self._description["reader"]["on_bad_example"] == SKIP,
    )
    self._arrays[feature["name"]] = prepared.arrays[_PART]
    if self._is_good is None:
      self._is_good = np.ones([len(array)], bool)
    for row in prepared.not_finite[_PART].tolist():
      if row < len(self._is_good) and self._is_good[row]:
        self._is_good[row] = False
        self._bad.add(
          f"NaN or infinite {feature['name']}",
          f"row {row} of {self.place!r}",
          "expected finite numbers",
        )

  def _encode_labels(
    self, labels: Optional[np.ndarray]
  ) -> Optional[np.ndarray]:
    """Returns the labels of all examples, as `PredictionBatch.labels`."""
    if labels is None:
      return None
    number, kind = len(self._is_good), self._description["label_kind"]
    size = self._description["label_spec"][1][-1]
    if labels.size != number * size:
      raise errors.UserValueError(
        f"`{_LABELS}` of {self.place!r} have the shape {list(labels.shape)}; "
        f"for {number} examples of this model they have {[number, size]}. "
        "Leave them out if there are none."
      )
    labels = labels.reshape(number, size)
    if kind == CLASS:
      labels, known = self._encode_classes(labels[:, 0])
    elif labels.dtype.kind not in "iubf":
      known = np.zeros([number], bool)
      labels = np.zeros([number, size])
    elif kind == REGRESSION:
      known = np.isfinite(labels).all(axis=1)
    else:
      known = np.isin(labels, (0, 1)).all(axis=1)
    return table_labels.mark_unknown(labels, known, kind)[0]

  def _encode_classes(
    self, labels: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the numbers of classes, and which are known."""
    if labels.dtype.kind == "S":
      labels = np.char.decode(labels, "utf-8")
    chosen = self._description["reader"]["classes"]
    if chosen is None and labels.dtype.kind in "iub":
      known = (labels >= 0) & (labels < self._description["num_classes"])
      return labels, known
    names = chosen or self._description["class_names"] or []
    numbers = {str(name): i for i, name in enumerate(names)}
    encoded = np.array(
      [numbers.get(str(label), -1) for label in labels.tolist()], np.int64
    )
    return encoded, encoded >= 0

  def _read(self) -> Iterator[PredictionBatch]:
    self._bad.finish(self.place)
    for start in range(0, self.total, self.batch_size):
      stop = min(start + self.batch_size, self.total)
      rows = start + np.flatnonzero(self._is_good[start:stop])
      features = {
        feature["name"]: _convert(self._arrays[feature["name"]][rows], feature)
        for feature in self._features
      }
      labels = None
      if self._labels is not None:
        labels = self._labels[rows]
        is_known = (
          ~np.isnan(labels) if labels.dtype.kind == "f" else labels >= 0
        )
        self._count_unknown(
          int((~is_known.reshape(len(rows), -1).all(axis=1)).sum())
        )
      self._num_done = stop
      yield PredictionBatch(
        features=features,
        keys=[f"row {row}" for row in rows.tolist()],
        echoes=[{"row": row} for row in rows.tolist()],
        labels=labels,
      )


def _convert(array: np.ndarray, feature: Mapping[str, Any]) -> np.ndarray:
  """Returns a batch of a feature in the type and scale that a model gets."""
  if feature["dtype"] == "string":
    return array
  array = array.astype(feature["dtype"])
  return array * array.dtype.type(feature["scale"])
