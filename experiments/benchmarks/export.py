"""Compares what exporting a module costs: with tensorflow_hub, and a copy.

python experiments/benchmarks/export.py [--rounds=5] [--table_rows=400000]
    [--large_rows=4000000] [--folder=/tmp]

The model is an embedding table of 205 MB with an Adagrad optimizer, whose slots
make its checkpoint twice as large. After an evaluation an Estimator calls
LatestModuleExporter.export: here that is timed, with the files in the page
cache, beside `cp -r` of what it wrote. Each measurement is a process of its
own, and the two sides take turns; the table shows medians over the rounds:

  export, first   the first export of a process
  export          the next one, as in a run that trains and evaluates
  verified        an export that is loaded and compared (ours alone)
  cp -r           of the export
  export / copy   of the same process

At the end, how much memory an export of a module of 2 GB takes (ours alone).

Asked for: export / copy at most 1.5; memory growing by less than 300 MB. It
needs 12 GB of disk and 6 GB of memory; --large_rows=0 leaves the second out.
"""

import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app, flags

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Processes for each side.")
_TABLE_ROWS = flags.DEFINE_integer(
  "table_rows", 400_000, "Rows, of 128 float32 values each, of the table."
)
_LARGE_ROWS = flags.DEFINE_integer(
  "large_rows", 4_000_000, "Rows of the table whose export's memory is shown."
)
_FOLDER = flags.DEFINE_string("folder", None, "Where temporary files go.")
_MEASURE = flags.DEFINE_string(
  "measure", None, "For the program itself: SIDE,checkpoint|time|memory,FOLDER."
)

_SIDES = {
  "hub_estimator": "hub_estimator.hub",
  "tensorflow_hub": "tensorflow_hub",
}
_DIM = 128


class _Model:
  """The model of one side, an Estimator, and its exporter."""

  def __init__(self, side, folder):
    # Both sides' Estimators are TensorFlow's on TensorFlow 2.15.
    from hub_estimator import estimator
    from hub_estimator.tf_compat import tf

    self._hub = importlib.import_module(_SIDES[side])
    self._tf, self._estimator_api = tf, estimator
    self._spec = self._hub.create_module_spec(self._module_fn)
    self.estimator = estimator.Estimator(self._model_fn, folder)

  def _module_fn(self):
    tf1 = self._tf.compat.v1
    ids = tf1.placeholder(self._tf.int64, [None], name="ids")
    table = tf1.get_variable(
      "table",
      [_TABLE_ROWS.value, _DIM],
      initializer=tf1.random_uniform_initializer(),
    )
    self._hub.add_signature(
      inputs=ids, outputs=self._tf.nn.embedding_lookup(table, ids)
    )

  def _model_fn(self, features, labels, mode):
    tf1 = self._tf.compat.v1
    module = self._hub.Module(self._spec, trainable=True, name="module")
    self._hub.register_module_for_export(module, "table")
    y = module(features["ids"])
    if mode == self._estimator_api.ModeKeys.PREDICT:
      return self._estimator_api.EstimatorSpec(mode, predictions={"y": y})
    loss = self._tf.reduce_mean(y * y)
    train_op = tf1.train.AdagradOptimizer(0.1).minimize(
      loss, global_step=tf1.train.get_or_create_global_step()
    )
    return self._estimator_api.EstimatorSpec(mode, loss=loss, train_op=train_op)

  def _serving_input_fn(self):
    ids = self._tf.compat.v1.placeholder(self._tf.int64, [None], name="ids")
    return self._estimator_api.export.ServingInputReceiver(
      {"ids": ids}, {"ids": ids}
    )

  def create_exporter(self, **arguments):
    return self._hub.LatestModuleExporter(
      "exporter", self._serving_input_fn, **arguments
    )

  def write_checkpoint(self):
    """Writes what an Estimator would, before the first step."""
    tf1 = self._tf.compat.v1
    with self._tf.Graph().as_default():
      tf1.train.create_global_step()
      ids = self._tf.constant([0], self._tf.int64)
      self._model_fn({"ids": ids}, None, "train")
      with tf1.Session() as session:
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver(sharded=True).save(
          session,
          os.path.join(self.estimator.model_dir, "model.ckpt"),
          global_step=0,
        )


def _measure(side, what, folder):
  """Prints JSON: measured quantity -> seconds or MiB."""
  import tensorflow as tf

  model = _Model(side, folder)
  if what == "checkpoint":
    model.write_checkpoint()
    print(json.dumps({}))
    return
  result = {"version": tf.__version__}
  exports = os.path.join(folder, "exports")
  try:
    if what == "memory":
      before = _peak_mib()
      model.create_exporter().export(model.estimator, exports)
      result["memory, MiB"] = _peak_mib() - before
    else:
      for key in ("export, first, s", "export, s"):
        seconds, path = _export(model.create_exporter(), model, exports)
        result[key] = seconds
      os.sync()
      started = time.perf_counter()
      subprocess.run(
        ["cp", "-r", path, os.path.join(folder, "copy")], check=True
      )
      result["cp -r, s"] = time.perf_counter() - started
      result["export / copy"] = result["export, s"] / result["cp -r, s"]
      shutil.rmtree(os.path.join(folder, "copy"))
      if side == "hub_estimator":
        exporter = model.create_exporter(
          verification_batch_fn=lambda: {"ids": list(range(32))}
        )
        result["verified, s"], _ = _export(exporter, model, exports)
  finally:
    shutil.rmtree(exports, ignore_errors=True)
  print(json.dumps(result))


def _export(exporter, model, exports):
  """Returns the seconds of an export that is the only one, and its path."""
  shutil.rmtree(exports, ignore_errors=True)
  os.sync()  # What was written before is no concern of this one.
  started = time.perf_counter()
  path = exporter.export(model.estimator, exports)
  return time.perf_counter() - started, os.fsdecode(path)


def _peak_mib():
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _child(table_rows, *arguments):
  """Runs this program again; returns what it printed as its last line."""
  process = subprocess.run(
    [
      sys.executable,
      __file__,
      f"--table_rows={table_rows}",
      f"--measure={','.join(arguments)}",
    ],
    env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    capture_output=True,
    text=True,
  )
  if process.returncode:
    sys.exit(process.stderr[-2000:])
  return json.loads(process.stdout.strip().splitlines()[-1])


def _sides():
  """Returns the sides to compare, ours first."""
  import tensorflow as tf

  major, minor = map(int, tf.__version__.split(".")[:2])
  installed = importlib.util.find_spec("tensorflow_hub") is not None
  if installed and (major, minor) < (2, 16):
    return list(_SIDES)
  print("tensorflow_hub has no TF1 modules on this TensorFlow: ours alone.")
  return ["hub_estimator"]


def main(_):
  if _MEASURE.value:
    _measure(*_MEASURE.value.split(",", 2))
    return
  sides = _sides()
  found = {side: [] for side in sides}
  with tempfile.TemporaryDirectory(dir=_FOLDER.value) as folder:
    for side in sides:
      os.mkdir(os.path.join(folder, side))
      _child(_TABLE_ROWS.value, side, "checkpoint", os.path.join(folder, side))
    for _ in range(_ROUNDS.value):
      for side in sides:
        found[side].append(
          _child(_TABLE_ROWS.value, side, "time", os.path.join(folder, side))
        )
  _print_table(found)
  if _LARGE_ROWS.value:
    with tempfile.TemporaryDirectory(dir=_FOLDER.value) as folder:
      _child(_LARGE_ROWS.value, "hub_estimator", "checkpoint", folder)
      memory = _child(_LARGE_ROWS.value, "hub_estimator", "memory", folder)
    size = _LARGE_ROWS.value * _DIM * 4 / 1e9
    print(
      f"\nmemory of an export of {size:.2f} GB: grows by "
      f"{memory['memory, MiB']:.0f} MiB (asked: less than 286 MiB, 300 MB)"
    )


def _print_table(found):
  version = found["hub_estimator"][0]["version"]
  size = _TABLE_ROWS.value * _DIM * 4 / 1e6
  print(
    f"\n{size:.0f} MB, TensorFlow {version}, medians of {_ROUNDS.value} "
    "processes"
  )
  print(f"{'':<20}" + "".join(f"{side:>16}" for side in found))
  for key in found["hub_estimator"][0]:
    if key == "version":
      continue
    cells = [
      f"{statistics.median(run[key] for run in runs):>16.3f}"
      if key in runs[0]
      else f"{'':>16}"
      for runs in found.values()
    ]
    print(f"{key:<20}" + "".join(cells))
  print("asked of export / copy: at most 1.5")


if __name__ == "__main__":
  app.run(main)
