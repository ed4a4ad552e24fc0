"""What the tests of `ImageFolderInput` share: folders of known images."""

import numpy as np
import tiny_images
from tiny_images import solid_png

from hub_estimator.inputs.image_folder_input import ImageFolderInput


def write_folder(folder, num_images=4, classes=("cat", "dog"), first=0):
  """Writes grey images; value 10 * class + number, so that each is known."""
  for i, name in enumerate(classes):
    for j in range(num_images):
      value = 10 * i + j + first
      tiny_images.write(folder / name / f"{j:03}.png", solid_png([value] * 3))
  return str(folder)


def create(folders, **arguments):
  return ImageFolderInput(
    *folders,
    **{
      "image_size": (2, 2),
      "batch_size": 3,
      "value_range": (0, 255),
      **arguments,
    },
  )


def values(found):
  """Returns the first pixel of each image of batches."""
  images = [one[0] if isinstance(one, tuple) else one for one in found]
  return [
    np.round(batch["images"][:, 0, 0, 0]).astype(int).tolist()
    for batch in images
  ]


def flat(lists):
  return [value for one in lists for value in one]


def train_and_eval(tmp_path):
  """Writes images with the values 0 to 3 and 10 to 13; 100, 101, 110, 111."""
  return (
    write_folder(tmp_path / "train"),
    write_folder(tmp_path / "eval", 2, first=100),
  )
