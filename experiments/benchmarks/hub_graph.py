"""Compares what modules cost: time, operations and memory, with tensorflow_hub.

python experiments/benchmarks/hub_graph.py [--rounds=5] [--num_blocks=50]
    [--table_rows=400000]

Writes two modules to a temporary folder, (a) a residual network of 150
convolutions with batch normalization and L2 regularization, with the tag sets
{} and {"train"}, and (b) an embedding table of 205 MB, and measures each with
hub_estimator.hub and, where it can be imported (tensorflow_hub 0.15 on
TensorFlow 2.15), with tensorflow_hub. Every measurement is a process of its
own; the two sides take turns, and the table shows medians over the rounds:

  instantiate  hub.Module(path, trainable=True, tags={"train"}), in the
               process's first graph (cold) and in a later one (warm)
  call         the first call of the module, and the next nineteen together
  operations   in the graph after instantiation and one call, and what each
               further call adds
  restore      session.run(global_variables_initializer()) in a new session,
               the median of five
  peak memory  of the process, after restoring for the first time
"""

import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app, flags

_ROUNDS = flags.DEFINE_integer("rounds", 5, "Processes for each side.")
_NUM_BLOCKS = flags.DEFINE_integer(
  "num_blocks", 50, "Residual blocks of three convolutions each."
)
_TABLE_ROWS = flags.DEFINE_integer(
  "table_rows", 400_000, "Rows, of 128 float32 values each, of the table."
)
_MEASURE = flags.DEFINE_string(
  "measure", None, "For the program itself: SIDE,NETWORK|TABLE,PATH."
)
_WRITE = flags.DEFINE_string("write", None, "For the program itself: FOLDER.")

_SIDES = {
  "hub_estimator": "hub_estimator.hub",
  "tensorflow_hub": "tensorflow_hub",
}
_TABLE_DIM = 128
_NUM_CALLS = 20
_NUM_RESTORES = 5


def _network(is_training):
  """A residual network of bottleneck blocks on images of 8x8."""
  from hub_estimator import hub
  from hub_estimator.tf_compat import tf

  tf1 = tf.compat.v1

  def regularizer(kernel):
    return 1e-4 * tf.nn.l2_loss(kernel)

  def moving_average(name, value, initializer):
    variable = tf1.get_variable(
      name, value.shape, initializer=initializer, trainable=False
    )
    if is_training:
      with tf.name_scope(f"update_{name}"):
        update = variable.assign_sub((variable - value) * 0.1)
      tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update.op)
    return variable

  def convolution(x, name, filters, size):
    with tf1.variable_scope(name):
      kernel = tf1.get_variable(
        "kernel",
        [size, size, x.shape[-1], filters],
        regularizer=regularizer,
        initializer=tf1.glorot_uniform_initializer(),
      )
      x = tf.nn.conv2d(x, kernel, 1, "SAME")
      gamma = tf1.get_variable(
        "gamma", [filters], initializer=tf1.ones_initializer()
      )
      beta = tf1.get_variable(
        "beta", [filters], initializer=tf1.zeros_initializer()
      )
      mean, variance = tf.nn.moments(x, [0, 1, 2])
      moving_mean = moving_average("moving_mean", mean, tf1.zeros_initializer())
      moving_variance = moving_average(
        "moving_variance", variance, tf1.ones_initializer()
      )
      if not is_training:
        mean, variance = moving_mean, moving_variance
      return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)

  images = tf1.placeholder(tf.float32, [None, 8, 8, 3], name="images")
  x = tf.nn.relu(convolution(images, "stem", 16, 3))
  for block in range(_NUM_BLOCKS.value):
    with tf1.variable_scope(f"block{block}"):
      y = tf.nn.relu(convolution(x, "reduce", 4, 1))
      y = tf.nn.relu(convolution(y, "middle", 4, 3))
      x = tf.nn.relu(x + convolution(y, "expand", 16, 1))
  features = tf.reduce_mean(x, [1, 2])
  hub.add_signature(inputs={"images": images}, outputs=features)
  hub.add_signature(
    "image_feature_vector",
    inputs={"images": images},
    outputs={"default": features, "spatial": x},
  )


def _table():
  """Words' numbers -> embeddings."""
  from hub_estimator import hub
  from hub_estimator.tf_compat import tf

  tf1 = tf.compat.v1
  ids = tf1.placeholder(tf.int64, [None], name="ids")
  table = tf1.get_variable(
    "table",
    [_TABLE_ROWS.value, _TABLE_DIM],
    initializer=tf1.random_uniform_initializer(),
  )
  hub.add_signature(inputs=ids, outputs=tf.nn.embedding_lookup(table, ids))


def _write(folder):
  from hub_estimator import hub
  from hub_estimator.tf_compat import tf

  tf1 = tf.compat.v1
  train = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
  for name, module_fn, tags in (
    ("network", _network, train),
    ("table", _table, None),
  ):
    spec = hub.create_module_spec(module_fn, tags)
    with tf.Graph().as_default():
      module = hub.Module(spec)
      with tf1.Session() as session:
        session.run(tf1.global_variables_initializer())
        module.export(os.path.join(folder, name), session)


def _measure(side, name, path):
  """Prints JSON: measured quantity -> seconds, operations or MiB."""
  hub = importlib.import_module(_SIDES[side])
  import tensorflow as tf

  tf1 = tf.compat.v1
  tags = {"train"} if name == "network" else None
  result = {}
  for run in ("cold", "warm"):
    with tf.Graph().as_default() as graph:
      inputs = (
        tf1.placeholder(tf.float32, [None, 8, 8, 3])
        if name == "network"
        else tf1.placeholder(tf.int64, [None])
      )
      started = time.perf_counter()
      module = hub.Module(path, trainable=True, tags=tags)
      result[f"instantiate, {run}, s"] = time.perf_counter() - started
      started = time.perf_counter()
      module(inputs)
      result[f"call, {run}, s"] = time.perf_counter() - started
      operations = len(graph.get_operations())
      result["operations with one call"] = operations
      if run == "cold":
        initializer = tf1.global_variables_initializer()
        seconds = [_restore(initializer)]
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds += [_restore(initializer) for _ in range(_NUM_RESTORES - 1)]
        result["restore, s"] = statistics.median(seconds)
        result["peak memory, MiB"] = peak_kib / 1024
      else:
        operations = len(graph.get_operations())
        started = time.perf_counter()
        for _ in range(_NUM_CALLS - 1):
          module(inputs)
        key = f"calls 2 to {_NUM_CALLS}, each, s"
        result[key] = (time.perf_counter() - started) / (_NUM_CALLS - 1)
        result["operations of a further call"] = (
          len(graph.get_operations()) - operations
        ) / (_NUM_CALLS - 1)
  print(json.dumps({**result, "version": tf.__version__}))


def _restore(initializer):
  """Returns the seconds of an initialization in a new session."""
  import tensorflow as tf

  with tf.compat.v1.Session() as session:
    started = time.perf_counter()
    session.run(initializer)
    return time.perf_counter() - started


def _child(*arguments):
  """Runs this program again; returns its last line."""
  environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
  flags_ = [
    f"--num_blocks={_NUM_BLOCKS.value}",
    f"--table_rows={_TABLE_ROWS.value}",
  ]
  process = subprocess.run(
    [sys.executable, __file__, *flags_, *arguments],
    env=environment,
    capture_output=True,
    text=True,
  )
  if process.returncode:
    sys.exit(process.stderr[-2000:])
  return (process.stdout.strip().splitlines() or [""])[-1]


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
  if _WRITE.value:
    _write(_WRITE.value)
  elif _MEASURE.value:
    _measure(*_MEASURE.value.split(",", 2))
  else:
    _compare(_sides())


def _compare(sides):
  with tempfile.TemporaryDirectory() as folder:
    _child(f"--write={folder}")
    for name in ("network", "table"):
      found = {side: [] for side in sides}
      for _ in range(_ROUNDS.value):
        for side in sides:
          path = os.path.join(folder, name)
          line = _child(f"--measure={side},{name},{path}")
          found[side].append(json.loads(line))
      _print_table(name, found)


def _print_table(name, found):
  ours = found["hub_estimator"]
  version = ours[0].pop("version")
  print(f"\n{name}, TensorFlow {version}, medians of {len(ours)} processes")
  other = found.get("tensorflow_hub")
  columns = ["hub_estimator"] + (["tensorflow_hub", "ratio"] if other else [])
  print(f"{'':<30}" + "".join(f"{column:>16}" for column in columns))
  for key in ours[0]:
    if key == "version":
      continue
    values = [statistics.median(run[key] for run in ours)]
    if other:
      values.append(statistics.median(run[key] for run in other))
      values.append(values[0] / values[1])
    digits = [3, 3] if key.endswith(", s") else [0, 0]
    cells = [
      f"{value:>16,.{number}f}" for value, number in zip(values, [*digits, 3])
    ]
    print(f"{key:<30}" + "".join(cells))


if __name__ == "__main__":
  app.run(main)
