"""Compares `ImageFolderInput` with bare decoding and resizing in tf.data.

python experiments/benchmarks/image_pipeline.py [--data_dir=FOLDER]
    [--image_size=224] [--batch_size=32] [--num_rounds=10] [--round_secs=3]

Both sides read the same JPEG files, in one process. The bare side is a list of
paths, read_file, decode_jpeg, resize, batch, prefetch; ours is the TRAIN data
of the pipeline, with shuffling, labels, values from 0 to 1, and the watch over
images that cannot be decoded. They take turns. Prints quantiles of the examples
per second of both sides' turns, and their ratio ours / bare. The last row is by
the process's CPU time, which other work on the machine disturbs less.

FOLDER has one folder of JPEG files for each class; without it, images are made.
"""

import pathlib
import shutil
import tempfile
import time

import numpy as np
from absl import app, flags

from hub_estimator import estimator
from hub_estimator.inputs.image_folder_input import ImageFolderInput
from hub_estimator.tf_compat import tf

_DATA_DIR = flags.DEFINE_string("data_dir", None, "One folder a class.")
_IMAGE_SIZE = flags.DEFINE_integer("image_size", 224, "Height and width.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images in a batch.")
_NUM_ROUNDS = flags.DEFINE_integer("num_rounds", 10, "Turns of each side.")
_ROUND_SECS = flags.DEFINE_float("round_secs", 3.0, "Timed seconds of a turn.")
_WARM_UP_SECS = flags.DEFINE_float(
  "warm_up_secs", 2.0, "Seconds before them, in which tf.data tunes itself."
)

_NUM_IMAGES = 400
_HEIGHT, _WIDTH = 375, 500


class _Side:
  """A dataset, of which each turn makes a new iterator.

  One that was kept would go on reading ahead, by hundreds of batches, while the
  other side has its turn.
  """

  def __init__(self, create_dataset):
    self._graph = tf.Graph()
    with self._graph.as_default():
      iterator = tf.compat.v1.data.make_initializable_iterator(create_dataset())
      self._initializer = iterator.initializer
      # What is fetched is an op: no image is copied into Python.
      self._next = tf.nest.flatten(iterator.get_next())[0].op

  def run(self):
    """Returns examples per second, and per second of the process's CPU time."""
    with tf.compat.v1.Session(graph=self._graph) as session:
      session.run(self._initializer)
      self._run_for(session, _WARM_UP_SECS.value)
      cpu_started, started = time.process_time(), time.perf_counter()
      num_examples = self._run_for(session, _ROUND_SECS.value)
      return (
        num_examples / (time.perf_counter() - started),
        num_examples / (time.process_time() - cpu_started),
      )

  def _run_for(self, session, seconds):
    num_batches, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
      session.run(self._next)
      num_batches += 1
    return num_batches * _BATCH_SIZE.value


def _make_images(folder):
  """Writes JPEG files of smooth noise, as large as the median of ImageNet's."""
  random = np.random.RandomState(0)
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    noise = tf.compat.v1.placeholder(tf.float32, [12, 16, 3])
    smooth = tf.image.resize(noise, [_HEIGHT, _WIDTH], "bicubic")
    encoded = tf.io.encode_jpeg(
      tf.cast(tf.clip_by_value(smooth, 0, 255), "uint8")
    )
    for i in range(_NUM_IMAGES):
      path = folder / f"class{i % 2}" / f"{i}.jpg"
      path.parent.mkdir(exist_ok=True)
      pixels = random.uniform(0, 255, noise.shape.as_list())
      path.write_bytes(session.run(encoded, {noise: pixels}))


def _measure(folder):
  size = _IMAGE_SIZE.value
  pipeline = ImageFolderInput(
    folder,
    eval_fraction=0.1,
    image_size=(size, size),
    batch_size=_BATCH_SIZE.value,
  )
  paths = sorted(str(p) for p in folder.glob("*/*") if p.is_file())

  def decode(path):
    image = tf.io.decode_jpeg(tf.io.read_file(path), 3)
    return tf.image.resize(image, [size, size])

  def create_bare_dataset():
    return (
      tf.data.Dataset.from_tensor_slices(paths)
      .repeat()
      .map(decode, num_parallel_calls=tf.data.AUTOTUNE)
      .batch(_BATCH_SIZE.value)
      .prefetch(tf.data.AUTOTUNE)
    )

  bare = _Side(create_bare_dataset)
  ours = _Side(pipeline.input_fn(estimator.ModeKeys.TRAIN))
  pairs = [(bare.run(), ours.run()) for _ in range(_NUM_ROUNDS.value)]
  speeds = np.array(pairs)  # [round, side, by the clock or by the CPU]
  print(
    f"TensorFlow {tf.__version__}, {len(paths)} files, to {size} x {size}, "
    f"batches of {_BATCH_SIZE.value}"
  )
  print("turns        bare examples/s  ours examples/s  ratio")
  for name, quantile, measure in (
    ("fastest", 1.0, 0),
    ("median", 0.5, 0),
    ("slowest", 0.0, 0),
    ("median, CPU", 0.5, 1),
  ):
    of_bare, of_ours = np.quantile(speeds[:, :, measure], quantile, axis=0)
    print(
      f"{name:<11}  {of_bare:15,.0f}  {of_ours:15,.0f}  "
      f"{of_ours / of_bare:5.3f}"
    )


def main(_):
  if _DATA_DIR.value is not None:
    _measure(pathlib.Path(_DATA_DIR.value))
    return
  folder = pathlib.Path(tempfile.mkdtemp())
  try:
    _make_images(folder)
    _measure(folder)
  finally:
    shutil.rmtree(folder)


if __name__ == "__main__":
  app.run(main)
