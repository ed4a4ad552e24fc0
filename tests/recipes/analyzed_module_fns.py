"""module_fns whose variables' depths and kinds are known by hand."""

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def variable(name, shape, **arguments):
  arguments.setdefault("initializer", tf1.ones_initializer())
  return tf1.get_variable(name, shape, **arguments)


def dense(x, name, units, use_resource=None):
  with tf1.variable_scope(name, use_resource=use_resource):
    kernel = variable("kernel", [x.shape[-1], units])
    return tf.matmul(x, kernel) + variable("bias", [units])


def dense_stack(use_resource=None):
  """Three layers, of which the second is cast, transposed and normalized."""

  def module_fn():
    x = tf1.placeholder(tf.float32, [None, 3])
    scale = variable("input_scale", [3], use_resource=use_resource)
    hidden = tf.nn.relu(dense(x * scale, "one", 4, use_resource))
    with tf1.variable_scope("two", use_resource=use_resource):
      kernel = variable("kernel", [5, 4], dtype=tf.float64)
      unit = tf.nn.l2_normalize(tf.cast(tf.transpose(kernel), tf.float32), 0)
      hidden = tf.nn.bias_add(
        tf.matmul(hidden, unit), variable("offset_of_two", [5])
      )
    variable("unused", [2, 2], use_resource=use_resource)
    hub.add_signature(inputs=x, outputs=dense(hidden, "three", 2, use_resource))

  return module_fn


def _batch_norm(x, is_training):
  """Fused batch norm with moving averages and update ops."""
  channels = [x.shape[-1]]
  gamma, beta = variable("g", channels), variable("o", channels)
  moving_mean = variable("moving_mean", channels, trainable=False)
  moving_variance = variable("moving_variance", channels, trainable=False)
  if not is_training:
    return tf1.nn.fused_batch_norm(
      x, gamma, beta, moving_mean, moving_variance, is_training=False
    )[0]
  y, mean, variance = tf1.nn.fused_batch_norm(x, gamma, beta)
  for moving, value in ((moving_mean, mean), (moving_variance, variance)):
    update = moving.assign_sub((moving - value) * 0.1)
    tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, update.op)
  return y


def residual_network(is_training=False):
  """stem → [a → b] + stem → [shortcut] + [c] → mean."""

  def convolution(x, name, filters):
    with tf1.variable_scope(name):
      kernel = variable("kernel", [1, 1, x.shape[-1], filters])
      return _batch_norm(tf.nn.conv2d(x, kernel, 1, "SAME"), is_training)

  images = tf1.placeholder(tf.float32, [None, 4, 4, 3])
  stem = tf.nn.relu(convolution(images, "stem", 2))
  y = tf.nn.relu(convolution(stem, "a", 2))
  x = tf.nn.relu(stem + convolution(y, "b", 2))
  x = convolution(stem, "shortcut", 5) + convolution(x, "c", 5)
  hub.add_signature(inputs=images, outputs=tf.reduce_mean(x, [1, 2]))


RESIDUAL_TAGS = [
  (set(), {"is_training": False}),
  ({"train"}, {"is_training": True}),
]


def recurrent(v1_loop=True, use_resource=None):
  """ids → embedding → two loops with a kernel, a bias and a start → dense."""

  def module_fn():
    ids = tf1.placeholder(tf.int64, [None, 6])
    with tf1.variable_scope("words", use_resource=use_resource):
      table = variable("table", [10, 3])
    x = tf.nn.embedding_lookup(table, ids)
    for name in ("lower", "upper"):
      with tf1.variable_scope(name, use_resource=use_resource):
        kernel = variable("kernel", [3 + 4, 4])
        bias = variable("bias", [4])
        start = variable("start", [1, 4])
        x = _loop(tf.transpose(x, [1, 0, 2]), kernel, bias, start, v1_loop)
        x = tf.transpose(x, [1, 0, 2])[:, :, :3]
    outputs = dense(tf.reduce_mean(x, 1), "top", 2, use_resource)
    hub.add_signature(inputs=ids, outputs=outputs)

  return module_fn


def _loop(steps, kernel, bias, start, v1_loop):
  """Runs h = tanh([x, h] kernel + bias) from a trained start."""
  inputs = tf1.TensorArray(tf.float32, 6).unstack(steps)
  outputs = tf1.TensorArray(tf.float32, 6)
  state = tf.tile(start, [tf.shape(steps)[1], 1])

  def body(i, state, outputs):
    joined = tf.concat([inputs.read(i), state], 1)
    state = tf.tanh(tf.nn.bias_add(tf.matmul(joined, kernel), bias))
    return i + 1, state, outputs.write(i, state)

  is_v2 = tf1.control_flow_v2_enabled()
  (tf1.disable_control_flow_v2 if v1_loop else tf1.enable_control_flow_v2)()
  try:
    _, _, outputs = tf1.while_loop(
      lambda i, *_: i < 6, body, [tf.constant(0), state, outputs]
    )
  finally:
    (tf1.enable_control_flow_v2 if is_v2 else tf1.disable_control_flow_v2)()
  return outputs.stack()


def spelled_out_normalizations(is_training=False):
  """dense → layer norm → dense → batch norm → dense → norm by division."""
  x = tf1.placeholder(tf.float32, [None, 3])
  x = inputs = x
  x = dense(x, "one", 4)
  mean, variance = tf.nn.moments(x, [1], keepdims=True)
  x = (x - mean) * tf1.rsqrt(variance + 1e-6)
  x = x * variable("layer_scale", [4]) + variable("layer_shift", [4])
  x = dense(x, "two", 4)
  moving_mean = variable("mean", [4], trainable=False)
  moving_variance = variable("variance", [4], trainable=False)
  mean, variance = moving_mean, moving_variance
  if is_training:
    mean, variance = tf.nn.moments(x, [0])
    for moving, value in ((moving_mean, mean), (moving_variance, variance)):
      update = tf1.assign(moving, 0.9 * moving + 0.1 * value)
      with tf.control_dependencies([update]):
        # A group, as some layers add.
        tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, tf.no_op())
  x = tf.nn.batch_normalization(
    x,
    mean,
    variance,
    variable("batch_shift", [4]),
    variable("batch_scale", [4]),
    1e-3,
  )
  x = dense(x, "three", 4)
  deviation = tf.sqrt(tf.reduce_mean(x * x, 1, keepdims=True)) + 1e-6
  x = variable("root_scale", [4]) * (x / deviation)
  x = tf.nn.relu(x + variable("root_shift", [4])) + variable("after", [4])
  hub.add_signature(inputs=inputs, outputs=x)


def shared_weights():
  """One kernel in layers 1 and 3, and as a table's transpose in layer 4."""
  x = tf1.placeholder(tf.float32, [None, 4])
  ids = tf1.placeholder(tf.int64, [None])
  kernel = variable("shared", [4, 4])
  table = variable("table", [7, 4])
  x = tf.nn.relu(tf.matmul(x, kernel)) + tf.nn.embedding_lookup(table, ids)
  x = tf.matmul(x, variable("between", [4, 4]))
  x = tf.matmul(tf.nn.relu(x), kernel)
  x = tf.matmul(x, table, transpose_b=True)
  hub.add_signature(inputs={"x": x_input(x), "ids": ids}, outputs=x)


def x_input(tensor):
  """The placeholder "Placeholder" of a tensor's graph."""
  return tensor.graph.get_tensor_by_name("Placeholder:0")


def two_signatures():
  """ "default" uses a and b, "half" uses b on what "default" has after a."""
  x = tf1.placeholder(tf.float32, [None, 3])
  middle = dense(x, "a", 3)
  outputs = dense(middle, "b", 3)
  hub.add_signature(inputs=x, outputs=outputs)
  hub.add_signature("first", inputs=x, outputs=middle)
  hub.add_signature("half", inputs=middle, outputs=outputs)
  table = variable("returned", [2, 2])
  hub.add_signature("table", inputs=x, outputs={"t": tf.identity(table)})


def optional_batch_norm():
  """A v1 cond between batch statistics and moving ones; sparse inputs."""
  x = tf1.sparse_placeholder(tf.float32, [None, 5])
  is_training = tf1.placeholder_with_default(False, [])
  partitioned = tf1.get_variable(
    "weights",
    [5, 3],
    initializer=tf1.ones_initializer(),
    partitioner=tf1.fixed_size_partitioner(2),
  )
  y = tf1.sparse_tensor_dense_matmul(x, tf.convert_to_tensor(partitioned))
  moving_mean = variable("moving_mean", [3], trainable=False)
  mean = tf1.cond(
    is_training,
    lambda: tf.reduce_mean(y, 0),
    lambda: tf.identity(moving_mean),
  )
  positions = tf.nn.embedding_lookup(
    variable("positions", [9, 3]), tf.range(tf.shape(y)[0])
  )
  y = y - mean + positions
  hub.add_signature(
    inputs={"x": x, "is_training": is_training},
    outputs=tf.matmul(y, variable("k", [3, 2])),
  )
