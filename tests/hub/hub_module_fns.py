"""Tiny module_fns and what tests do with modules again and again."""

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def run(fetches, feed_dict=None):
  """Evaluates tensors of the default graph, all variables initialized."""
  with tf1.Session() as session:
    initialize(session)
    return session.run(fetches, feed_dict)


def initialize(session):
  session.run(tf1.global_variables_initializer())
  session.run(tf1.tables_initializer())


def export(module_fn, path, values=None, tags_and_args=None, tags=None):
  """Exports a module, some of its variables assigned; returns its path."""
  spec = hub.create_module_spec(module_fn, tags_and_args)
  with tf.Graph().as_default():
    module = hub.Module(spec, tags=tags)
    with tf1.Session() as session:
      initialize(session)
      for name, value in (values or {}).items():
        module.variable_map[name].load(value, session)
      module.export(str(path), session)
  return str(path)


def op_types(graph, prefix=""):
  """Returns {operation name: type} of the operations under a prefix."""
  return {
    op.name: op.type
    for op in graph.get_operations()
    if op.name.startswith(prefix)
  }


def placeholder(shape=(None,), dtype=tf.float32, name="x"):
  return tf1.placeholder(dtype, shape, name=name)


def double():
  """y = 2 x, without variables."""
  x = placeholder()
  hub.add_signature(inputs=x, outputs=tf.multiply(x, 2.0, name="y"))


def scale():
  """y = w x with w = 3."""
  x = placeholder()
  w = tf1.get_variable("w", initializer=3.0)
  hub.add_signature(inputs=x, outputs=tf.multiply(x, w, name="y"))


def scale_ref():
  """y = w x with w = 3, a ref variable."""
  x = placeholder()
  w = tf1.Variable(3.0, use_resource=False, name="w")
  hub.add_signature(inputs=x, outputs=tf.multiply(x, w, name="y"))


def multiple_signatures():
  """Signatures of one, two and no inputs, and outputs of all kinds."""
  x = placeholder()
  y = placeholder(name="y")
  w = tf1.get_variable("w", initializer=3.0)
  hub.add_signature(inputs=x, outputs=x * w)
  hub.add_signature("sum", {"x": x, "y": y}, {"default": x + y, "x": x})
  hub.add_signature("difference", {"x": x, "y": y}, {"z": x - y})
  hub.add_signature("w", outputs=w.read_value())
  sparse = tf1.sparse_placeholder(tf.float32, [None, 3], name="sparse")
  hub.add_signature(
    "sparse",
    sparse,
    {"default": sparse, "dense": tf.sparse.to_dense(sparse) * w},
  )
  ragged = tf1.ragged.placeholder(tf.float32, 1, [], name="ragged")
  hub.add_signature(
    "ragged", ragged, {"default": ragged * w, "dense": ragged.to_tensor()}
  )
  integers = placeholder(dtype=tf.int64, name="integers")
  hub.add_signature("integers", integers, integers + 1)


def regularized():
  """y = a x + b, a regularized by a², in three collections of variables."""
  x = placeholder()
  a = tf1.get_variable(
    "a", initializer=3.0, regularizer=lambda value: value * value
  )
  b = tf1.get_variable(
    "b",
    initializer=1.0,
    trainable=False,
    collections=["variables", "model_variables"],
  )
  hub.add_signature(inputs=x, outputs=a * x + b)


def batch_norm(is_training):
  """Centers by the batch's mean if training, else by the moving mean (0).

  Training moves the moving mean halfway to the batch's.
  """
  x = placeholder()
  moving_mean = tf1.get_variable(
    "moving_mean", initializer=0.0, trainable=False
  )
  beta = tf1.get_variable("beta", initializer=1.0)
  if is_training:
    mean = tf.reduce_mean(x)
    update = moving_mean.assign_sub((moving_mean - mean) * 0.5)
    tf1.add_to_collection("update_ops", update.op)
  else:
    mean = moving_mean
  hub.add_signature(inputs=x, outputs=x - mean + beta)


BATCH_NORM_TAGS = [
  (set(), {"is_training": False}),
  ({"train"}, {"is_training": True}),
]


def counter():
  """Counts its steps; the update does not depend on the input."""
  x = placeholder()
  steps = tf1.get_variable("steps", initializer=0.0, trainable=False)
  tf1.add_to_collection("update_ops", steps.assign_add(1.0).op)
  hub.add_signature(inputs=x, outputs=x + steps)


def table(vocabulary_path):
  """Returns a module_fn: words -> their line numbers, -1 for unknown ones."""

  def module_fn():
    words = placeholder(dtype=tf.string, name="words")
    initializer = tf.lookup.TextFileInitializer(
      str(vocabulary_path),
      tf.string,
      tf.lookup.TextFileIndex.WHOLE_LINE,
      tf.int64,
      tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    ids = tf.lookup.StaticHashTable(initializer, -1)
    hub.add_signature(inputs=words, outputs=ids.lookup(words))

  return module_fn


def partitioned(axis):
  """Returns a module_fn: x @ w, w = [[0 1 2 3] [4 5 6 7]] in parts."""
  shards = [1, 1]
  shards[axis] = 2

  def module_fn():
    x = placeholder([None, 2])
    w = tf1.get_variable(
      "w",
      [2, 4],
      initializer=_count_up,
      partitioner=lambda **kwargs: shards,
    )
    hub.add_signature(inputs=x, outputs=tf.matmul(x, tf.identity(w)))

  return module_fn


def _count_up(shape, dtype=tf.float32, partition_info=None):
  """An initializer: element [i, j] of the whole is 4 i + j."""
  rows, columns = 0, 0
  if partition_info is not None:
    rows, columns = partition_info.var_offset
  i = tf.range(rows, rows + shape[0])[:, tf.newaxis]
  j = tf.range(columns, columns + shape[1])[tf.newaxis, :]
  return tf.cast(4 * i + j, dtype)


def cond_gradient():
  """y = w x if x > 0, else w x² + 1; w = 3."""
  x = placeholder([])
  w = tf1.get_variable("w", initializer=3.0)
  y = tf1.cond(x > 0, lambda: x * w, lambda: x * x * w + 1.0)
  hub.add_signature(inputs=x, outputs=y)


def while_gradient():
  """y = x, then three times y = w y + x; w = 3: y = 40 x."""
  x = placeholder([])
  w = tf1.get_variable("w", initializer=3.0)
  _, y = tf1.while_loop(
    lambda i, y: i < 3, lambda i, y: (i + 1, y * w + x), [0, x]
  )
  hub.add_signature(inputs=x, outputs=y)


def nested_control_flow():
  """Two steps from y = x: y = (y w + x) w + x while y ≤ 10, then y - w x.

  With w = 2: the step below 10 is 4 y + 3 x, above it y - 2 x.
  """
  x = placeholder([])
  w = tf1.get_variable("w", initializer=2.0)

  def inner_loop(y):
    _, y = tf1.while_loop(
      lambda j, y: j < 2, lambda j, y: (j + 1, y * w + x), [0, y]
    )
    return y

  def body(i, y):
    return i + 1, tf1.cond(y > 10, lambda: y - w * x, lambda: inner_loop(y))

  _, y = tf1.while_loop(lambda i, y: i < 2, body, [0, x])
  hub.add_signature(inputs=x, outputs=y)
