"""Embeddings as files for TensorBoard's projector."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.hub import folders
from hub_estimator.reports.png_files import (
  encode_png,
  image_pixels,
  is_image,
)
from hub_estimator.reports.tensorboard_files import own_event_file

PROJECTOR_FOLDER = "projector"
TENSORS_FILE = "tensors.tsv"
METADATA_FILE = "metadata.tsv"
SPRITE_FILE = "sprite.png"
CONFIG_FILE = "projector_config.pbtxt"

_SPRITE_SIDE = 48
# What a graphics card takes as a texture.
_MAX_SPRITE_PIXELS = 8192


def write_embeddings(
  model_dir: str,
  embeddings: np.ndarray,
  metadata: Mapping[str, Sequence[Any]],
  images: Optional[Sequence[np.ndarray]] = None,
  value_range: Optional[tuple[float, float]] = None,
) -> str:
  """Writes embeddings of examples, for `tensorboard --logdir=model_dir`.

  Writes `projector/tensors.tsv`, `metadata.tsv`, `projector_config.pbtxt`, with
  images `sprite.png`, and an event file, by which TensorBoard finds the folder.

  Args:
    model_dir: the run's folder.
    embeddings: [num_examples, num_dimensions].
    metadata: name of a column -> a value for each example, such as "label".
    images: an array for each example, all of one shape (see
      `png_files.is_image`); up to 29,000 are drawn.
    value_range: of the images; see `png_files.image_pixels`.

  Returns:
    the folder.

  Raises:
    UserValueError: numbers of examples that differ, or none.
  """
  embeddings = np.asarray(embeddings)
  sizes = {name: len(values) for name, values in metadata.items()}
  if images is not None:
    sizes["images"] = len(images)
  wrong = {name: n for name, n in sizes.items() if n != len(embeddings)}
  if embeddings.ndim != 2 or not len(embeddings) or wrong:
    raise errors.UserValueError(
      f"Embeddings of the shape {list(embeddings.shape)}"
      + (f" with metadata of the lengths {wrong}" if wrong else "")
      + ": they have the shape [num_examples, num_dimensions], at least one "
      "example, and each column of metadata has num_examples values."
    )
  folder = os.path.join(model_dir, PROJECTOR_FOLDER)
  os.makedirs(folder, exist_ok=True)
  lines = ("\t".join(f"{v:.6g}" for v in row) for row in embeddings.tolist())
  _write(folder, TENSORS_FILE, _lines(lines))
  config = [f'tensor_name: "embeddings"\ntensor_path: "{TENSORS_FILE}"']
  if metadata:
    _write(folder, METADATA_FILE, _metadata_text(metadata))
    config.append(f'metadata_path: "{METADATA_FILE}"')
  if images is not None and len(images) <= _max_images(images[0].shape):
    png, (height, width) = _sprite(images, value_range)
    folders.write_file(os.path.join(folder, SPRITE_FILE), png)
    config.append(
      f'sprite {{ image_path: "{SPRITE_FILE}" '
      f"single_image_dim: {width} single_image_dim: {height} }}"
    )
  text = "\n".join(config)
  _write(folder, CONFIG_FILE, f"embeddings {{\n{text}\n}}\n")
  with own_event_file(folder, "projector"):
    pass
  return folder


def write_split_embeddings(
  model_dir: str,
  embedded: Mapping[str, Any],
  class_names: Optional[Sequence[str]] = None,
) -> str:
  """Writes embeddings of a split, with labels, predictions and texts or images.

  Args:
    model_dir: the run's folder.
    embedded: of `KeptEvaluation.embeddings`.
    class_names: of the labels; their numbers if None.

  Returns:
    the folder.
  """
  metadata: dict[str, Sequence[Any]] = {}
  images = None
  labels, scores = embedded["labels"], embedded["scores"]
  if labels.shape[1] == 1 and labels.dtype.kind == "i":
    for name, numbers in (
      ("label", labels[:, 0]),
      ("prediction", scores.argmax(axis=1)),
    ):
      metadata[name] = [
        class_names[n] if class_names else n for n in numbers.tolist()
      ]
  else:
    metadata["label"] = labels.tolist()
    metadata["prediction"] = scores.round(4).tolist()
  for name, values in embedded["features"].items():
    if values.dtype.kind == "O" and values.ndim <= 2:
      metadata[name] = values.reshape(len(values), -1)[:, 0].tolist()
    elif images is None and is_image(values[0]):
      images = list(values)
  return write_embeddings(model_dir, embedded["embeddings"], metadata, images)


def _metadata_text(metadata: Mapping[str, Sequence[Any]]) -> str:
  rows = zip(*metadata.values())
  lines = ["\t".join(_cell(v) for v in row) for row in rows]
  if len(metadata) == 1:
    return _lines(lines)  # The projector takes a header for an example then.
  return _lines(["\t".join(_cell(name) for name in metadata), *lines])


def _cell(value: Any) -> str:
  if isinstance(value, bytes):
    value = value.decode("utf-8", errors="replace")
  # An empty line would be skipped, and the rows no longer fit.
  return " ".join(str(value).split()) or "-"


def _lines(lines) -> str:
  return "".join(f"{line}\n" for line in lines)


def _write(folder: str, name: str, text: str) -> None:
  folders.write_file(os.path.join(folder, name), text.encode())


def _max_images(shape) -> int:
  scale = max(1, max(shape[:2]) / _SPRITE_SIDE)
  side = max(shape[:2]) / scale
  return int(_MAX_SPRITE_PIXELS // side) ** 2


def _sprite(images, value_range):
  """Returns a PNG of all images in a square, row by row, and their size."""
  pixels = [image_pixels(i, value_range, _SPRITE_SIDE) for i in images]
  pixels = [p.reshape(*p.shape[:2], -1) for p in pixels]
  height, width, channels = pixels[0].shape
  side = math.ceil(math.sqrt(len(pixels)))
  page = np.zeros([side * height, side * width, channels], np.uint8)
  for number, image in enumerate(pixels):
    top, left = number // side * height, number % side * width
    page[top : top + height, left : left + width] = image
  return encode_png(page), (height, width)
