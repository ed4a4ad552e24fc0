"""Compares `TextFileInput` with a bare tf.data reader of lines.

python experiments/benchmarks/text_pipeline.py [--file=FILE]
    [--batch_size=128 …] [--num_rounds=10] [--round_secs=1]

Both sides read the same file of lines, label<TAB>text, in one process. The bare
side is TextLineDataset, repeat, batch, prefetch, and splits no columns; ours is
the TRAIN data of the pipeline: shuffled, texts and labels apart. They take
turns. Prints quantiles of the lines per second of both sides' turns, and their
ratio ours / bare. Asked for: at least 0.8.

Ours reads and checks the whole file before training. The last row counts that:
the lines per second of 5 epochs, each side's start included, for which the time
of an epoch is that of the median turn. The bare side's start is that of a
session and an iterator; ours has these too.

Without a file, one of 200,000 lines of about 20 words is made.
"""

import pathlib
import statistics
import tempfile
import time

import numpy as np
from absl import app, flags

from hub_estimator import estimator
from hub_estimator.inputs import TextFileInput
from hub_estimator.tf_compat import tf

_FILE = flags.DEFINE_string("file", None, "Lines of label<TAB>text, no header.")
_BATCH_SIZE = flags.DEFINE_multi_integer(
  "batch_size", [128, 32], "Lines in a batch; each size is measured."
)
_NUM_ROUNDS = flags.DEFINE_integer("num_rounds", 10, "Turns of each side.")
_ROUND_SECS = flags.DEFINE_float("round_secs", 1.0, "Timed seconds of a turn.")
_WARM_UP_SECS = flags.DEFINE_float(
  "warm_up_secs", 0.5, "Seconds before them, in which tf.data tunes itself."
)

tf1 = tf.compat.v1
_NUM_LINES = 200_000
_MEAN_NUM_WORDS = 20
_NUM_EPOCHS = 5
_MIN_RATIO = 0.8


class _Side:
  """A dataset, of which each turn makes a new session and iterator.

  One that was kept would go on reading ahead while the other side has its turn.
  """

  def __init__(self, batch_size, create_dataset):
    """Builds the graph; its time counts as start."""
    self._batch_size = batch_size
    started = time.perf_counter()
    self._graph = tf.Graph()
    with self._graph.as_default():
      iterator = tf1.data.make_initializable_iterator(create_dataset()())
      self._initializer = iterator.initializer
      # What is fetched is an op: no text is copied into Python.
      self._next = tf.nest.flatten(iterator.get_next())[0].op
    self._build_secs = time.perf_counter() - started
    self.speeds, self._first_batch_secs = [], []

  @property
  def start_secs(self):
    """From nothing to the first batch."""
    return self._build_secs + statistics.median(self._first_batch_secs)

  def run(self):
    """Takes a turn."""
    started = time.perf_counter()
    with tf1.Session(graph=self._graph) as session:
      session.run(self._initializer)
      session.run(self._next)
      self._first_batch_secs.append(time.perf_counter() - started)
      self._lines_per_second(session, _WARM_UP_SECS.value)
      self.speeds.append(self._lines_per_second(session, _ROUND_SECS.value))

  def _lines_per_second(self, session, seconds):
    num_batches, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
      session.run(self._next)
      num_batches += 1
    return num_batches * self._batch_size / (time.perf_counter() - started)


def _write_lines(path):
  """Writes lines of words as frequent as those of a language (Zipf's law)."""
  random = np.random.RandomState(0)
  words = [
    "".join(map(chr, random.randint(ord("a"), ord("z") + 1, length)))
    for length in random.randint(2, 10, 10_000)
  ]
  with open(path, "w", encoding="utf-8") as file:
    for number in range(_NUM_LINES):
      ranks = random.zipf(1.3, 1 + random.poisson(_MEAN_NUM_WORDS - 1))
      text = " ".join(words[rank % len(words)] for rank in ranks.tolist())
      file.write(f"{number % 2}\t{text}\n")


def _measure(path, batch_size):
  def create_pipeline():
    return TextFileInput(
      path,
      column_names=["label", "text"],
      format="tsv",
      # The smallest: nearly all lines are to train on.
      eval_fraction=0.01,
      batch_size=batch_size,
    ).input_fn(estimator.ModeKeys.TRAIN)

  def create_bare():
    return lambda: (
      tf.data.TextLineDataset(path)
      .repeat()
      .batch(batch_size)
      .prefetch(tf.data.AUTOTUNE)
    )

  with open(path, "rb") as file:
    num_lines = sum(1 for _ in file)
  bare, ours = (
    _Side(batch_size, create_bare),
    _Side(batch_size, create_pipeline),
  )
  for _ in range(_NUM_ROUNDS.value):
    bare.run()
    ours.run()
  print(
    f"TensorFlow {tf.__version__}, {num_lines:,} lines, batches of {batch_size}"
  )
  print("turns        bare lines/s  ours lines/s  ratio  asked")
  rows = [
    (name, *(np.quantile(side.speeds, quantile) for side in (bare, ours)))
    for name, quantile in (("fastest", 1.0), ("median", 0.5), ("slowest", 0.0))
  ]
  total = _NUM_EPOCHS * num_lines
  with_start = [
    total / (side.start_secs + total / statistics.median(side.speeds))
    for side in (bare, ours)
  ]
  rows.append((f"{_NUM_EPOCHS} epochs", *with_start))
  for name, of_bare, of_ours in rows:
    print(
      f"{name:<11}  {of_bare:12,.0f}  {of_ours:12,.0f}  "
      f"{of_ours / of_bare:5.3f}  {f'>= {_MIN_RATIO}':>6}"
    )
  print(
    f"start, to the first batch: bare {bare.start_secs:.2f} s, "
    f"ours {ours.start_secs:.2f} s\n",
    flush=True,
  )


def main(_):
  tf1.logging.set_verbosity(tf1.logging.WARN)
  with tempfile.TemporaryDirectory() as folder:
    path = _FILE.value
    if path is None:
      path = str(pathlib.Path(folder) / "lines.tsv")
      _write_lines(path)
    for batch_size in _BATCH_SIZE.value:
      _measure(path, batch_size)


if __name__ == "__main__":
  app.run(main)
