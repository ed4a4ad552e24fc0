"""check_module_spec: momentum of batch norm, and dropout rates."""

import checked_module_fns as fns
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import keras, tf
from hub_estimator.tf_compat import legacy_layers as layers

tf1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")


# Ways to write a moving average of batch statistics; each takes images and a
# momentum, declares update ops, and returns features.


def fused_layer(x, momentum):
  return layers.batch_normalization(x, momentum=momentum, training=True)


def unfused_layer(x, momentum):
  x = tf.reduce_mean(x, [1, 2])
  y = layers.batch_normalization(x, momentum=momentum, training=True)
  return y[:, tf.newaxis, tf.newaxis]


def ref_layer(x, momentum):
  with tf1.variable_scope("ref", use_resource=False):
    return fused_layer(x, momentum)


def keras_layer(x, momentum):
  layer = keras.layers.BatchNormalization(momentum=momentum)
  y = layer(x, training=True)
  # Keras leaves it to the program.
  for update in layer.get_updates_for(x) or _assignments():
    tf1.add_to_collection("update_ops", update)
  return y


def _assignments():
  graph = tf1.get_default_graph()
  return [op for op in graph.get_operations() if "AssignSub" in op.type]


def exponential_moving_average(x, momentum):
  """As `tf.train.ExponentialMovingAverage` and slim write it."""
  variable = fns.statistics()
  mean = tf.reduce_mean(x, [0, 1, 2])
  delta = (variable - tf.cast(mean, tf.float32)) * (
    1.0 - tf.convert_to_tensor(momentum, name="decay")
  )
  update = tf1.assign_sub(variable, delta)
  # In a group, as train ops are.
  tf1.add_to_collection("update_ops", tf.group(tf.identity(update)))
  return x - mean


def assigned_sum(x, momentum):
  variable = fns.statistics()
  mean = tf.reduce_mean(x, [0, 1, 2])
  new = momentum * variable + (1.0 - momentum) * mean
  tf1.add_to_collection("update_ops", variable.assign(new).op)
  return x - mean


def added_difference(x, momentum):
  variable = fns.statistics(use_resource=False)
  mean = tf.reduce_mean(x, [0, 1, 2])
  delta = -((variable - mean) * (1.0 - momentum))
  tf1.add_to_collection("update_ops", tf1.assign_add(variable, delta).op)
  return x - mean


def only_for_a_batch_that_is_not_empty(x, momentum):
  variable = fns.statistics()
  mean = tf.reduce_mean(x, [0, 1, 2])
  delta = (variable - mean) * (1.0 - momentum)
  delta = tf.where(tf.shape(x)[0] > 0, delta, tf.zeros_like(delta))
  tf1.add_to_collection("update_ops", variable.assign_sub(delta).op)
  return x - mean


def divided_difference(x, momentum):
  variable = fns.statistics()
  mean = tf.reduce_mean(x, [0, 1, 2])
  delta = (variable - mean) / (1.0 / (1.0 - momentum))
  tf1.add_to_collection("update_ops", variable.assign_sub(delta).op)
  return x - mean


def update_before_the_output(x, momentum):
  variable = fns.statistics()
  mean = tf.reduce_mean(x, [0, 1, 2])
  update = variable.assign_sub((variable - mean) * (1.0 - momentum))
  with tf.control_dependencies([update]):
    return x - tf.identity(mean)


WAYS = [
  fused_layer,
  unfused_layer,
  ref_layer,
  keras_layer,
  exponential_moving_average,
  assigned_sum,
  added_difference,
  only_for_a_batch_that_is_not_empty,
  divided_difference,
  update_before_the_output,
]


def averaging(average, momentum):
  def module_fn():
    x = fns.images()
    fns.add_signature(x, average(x, momentum))

  return module_fn


@pytest.mark.parametrize("average", WAYS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
  ("momentum", "code"),
  [
    (0.5, "fixed_batch_norm_momentum"),
    (0.99, "fixed_batch_norm_momentum"),
    (0.991, "high_batch_norm_momentum"),
    (0.9999, "high_batch_norm_momentum"),
  ],
)
def test_momentum(average, momentum, code):
  (warning,) = fns.check(averaging(average, momentum))
  assert warning.code == code
  text = "is fixed at" if "fixed" in code else "Batch norm's momentum is"
  assert f"{text} {momentum}" in warning.message
  assert all("moving" in name for name in warning.names)
  assert warning.names[0].endswith("moving_mean")


@pytest.mark.parametrize("average", WAYS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", ["with_default", "required"])
def test_a_momentum_that_can_be_set(average, kind):
  def module_fn():
    x = fns.images()
    if kind == "required":
      momentum = tf1.placeholder(tf.float32, [])
    else:
      momentum = hub.hyperparameter_input("momentum", 0.999)
    y = tf.reduce_mean(average(x, momentum), [1, 2])
    hub.add_image_feature_vector_signature(x, y)
    hub.add_signature("tunable", {"images": x, "momentum": momentum}, y)

  assert fns.check(module_fn) == []


def test_a_default_that_no_signature_declares_is_fixed():
  def module_fn():
    x = fns.images()
    momentum = hub.hyperparameter_input("momentum", 0.999)
    fns.add_signature(x, fused_layer(x, momentum))

  (warning,) = fns.check(module_fn)
  assert warning.code == "high_batch_norm_momentum"
  assert "is 0.999 in 2 moving averages" in warning.message


def test_the_message_says_how_many_steps():
  (warning,) = fns.check(averaging(fused_layer, 0.999))
  # 0.999^4603 = 0.01.
  assert 0.999**4603 < 0.01 < 0.999**4602
  assert warning.names == (
    "batch_normalization/moving_mean",
    "batch_normalization/moving_variance",
  )
  assert warning.message == (
    "Batch norm's momentum is 0.999 in 2 moving averages "
    "(batch_normalization/moving_mean, batch_normalization/moving_variance): "
    "the statistics need about 4,603 steps to follow new data (until 1 % of "
    "the old ones is left), longer than fine-tuning on a small data set takes. "
    "Use at most 0.99. Make it an input of a signature with "
    "hub.hyperparameter_input(), besides a signature without it."
  )


def test_fused_averages():
  """The momentum is an attribute of the op that normalizes, too."""

  def module_fn(factor):
    x = fns.images()
    mean, variance = fns.statistics(), fns.statistics("moving_variance")
    y, new_mean, new_variance, *_ = tf.raw_ops.FusedBatchNormV3(
      x=x,
      scale=tf.ones([3]),
      offset=tf.zeros([3]),
      mean=mean,
      variance=variance,
      exponential_avg_factor=factor,
      is_training=True,
    )
    for variable, new in ((mean, new_mean), (variance, new_variance)):
      tf1.add_to_collection("update_ops", variable.assign(new).op)
    fns.add_signature(x, y)

  (warning,) = fns.check(lambda: module_fn(0.25))
  assert warning.code == "fixed_batch_norm_momentum"
  assert warning.names == ("moving_mean", "moving_variance")
  assert "is fixed at 0.75" in warning.message
  (warning,) = fns.check(lambda: module_fn(0.005))
  assert warning.code == "high_batch_norm_momentum"
  assert "is 0.995 in" in warning.message
  # 1: the statistics of the last batch.
  assert fns.check(lambda: module_fn(1.0)) == []


def test_a_momentum_that_the_graph_chooses_is_not_fixed():
  def chosen(x, momentum):
    variable = fns.statistics()
    mean = tf.reduce_mean(x, [0, 1, 2])
    slow, fast = [(variable - mean) * (1.0 - m) for m in (momentum, 0.5)]
    delta = tf.where(tf.shape(x)[0] > 8, slow, fast)
    tf1.add_to_collection("update_ops", variable.assign_sub(delta).op)
    return x - mean

  assert fns.check(averaging(chosen, 0.999)) == []
  # Both branches alike: it is.
  assert len(fns.check(averaging(chosen, 0.5))) == 1


def test_what_is_no_moving_average():
  def module_fn():
    x = fns.images()
    counter = tf1.get_variable("counter", initializer=0.0, trainable=False)
    tf1.add_to_collection("update_ops", counter.assign_add(1.0).op)
    num_images = tf1.get_variable("num", initializer=0.0, trainable=False)
    batch_size = tf.cast(tf.shape(x)[0], tf.float32)
    tf1.add_to_collection("update_ops", num_images.assign_add(batch_size).op)
    last = fns.statistics("last")
    mean = tf.reduce_mean(x, [0, 1, 2])
    tf1.add_to_collection("update_ops", last.assign(mean).op)
    # An average of weights, not of batches.
    w = tf1.get_variable("w", [3], use_resource=True)
    average = fns.statistics("average")
    fns.add_update(average, w, 0.9999)
    # An update that nothing runs.
    unused = fns.statistics("unused")
    unused.assign_sub((unused - mean) * 0.0001)
    fns.add_signature(x, x * w)

  assert fns.check(module_fn) == []


def test_evaluation_does_not_count():
  def module_fn(is_training):
    x = fns.images()
    y = layers.batch_normalization(x, momentum=0.9999, training=is_training)
    y = layers.dropout(y, 0.5, training=is_training)
    fns.add_signature(x, y)

  found = fns.check(module_fn, fns.TAGS)
  assert fns.codes(found) == ["high_batch_norm_momentum", "fixed_dropout_rate"]
  assert {w.tags for w in found} == {frozenset({"train"})}
  assert fns.check(module_fn, [(set(), {"is_training": False})]) == []


# Ways to drop; each takes images and a rate.


def v2(x, rate):
  return tf.nn.dropout(x, rate=rate)


def v1(x, rate):
  return tf1.nn.dropout(x, keep_prob=1.0 - rate)


def with_noise_shape(x, rate):
  return tf.nn.dropout(x, rate=rate, noise_shape=[tf.shape(x)[0], 1, 1, 3])


def legacy_layer(x, rate):
  return layers.dropout(x, rate, training=True)


def keras_dropout(x, rate):
  return keras.layers.Dropout(rate)(x, training=True)


def stateless(x, rate):
  return tf.nn.experimental.stateless_dropout(x, rate=rate, seed=[1, 2])


def half_precision(x, rate):
  y = tf.cast(x, tf.float16)
  return tf.cast(tf.nn.dropout(y, tf.cast(rate, tf.float16)), tf.float32)


def of_tensorflow_1(x, rate):
  """As TensorFlow wrote it up to 1.12."""
  keep_prob = tf.convert_to_tensor(1.0 - rate)
  noise = keep_prob + tf.random.uniform(tf.shape(x))
  return tf1.div(x, keep_prob) * tf.floor(noise)


def of_tensorflow_1_13(x, rate):
  noise = tf.random.uniform(tf.shape(x), 0.0, 1.0)
  keep = noise >= tf.convert_to_tensor(rate)
  return x * tf.cast(keep, tf.float32) * (1.0 / (1.0 - rate))


def kept_where_below(x, rate):
  keep = tf.random.uniform(tf.shape(x)) < 1.0 - rate
  return tf.where(keep, x, tf.zeros_like(x))


def dropped_where_below(x, rate):
  drop = tf.greater(rate, tf.random.uniform(tf.shape(x)))
  return tf1.where(drop, tf.zeros_like(x), x)


def of_shifted_noise(x, rate):
  """Noise from 0.5 to 1.5, reshaped on the way."""
  noise = tf.random.uniform([tf.size(x)]) + 0.5
  keep = tf.reshape(noise, tf.shape(x)) >= 0.5 + rate
  return x * tf.cast(keep, tf.float32)


DROPOUTS = [
  v2,
  v1,
  with_noise_shape,
  legacy_layer,
  keras_dropout,
  stateless,
  half_precision,
  of_tensorflow_1,
  of_tensorflow_1_13,
  kept_where_below,
  dropped_where_below,
  of_shifted_noise,
]


@pytest.mark.parametrize("drop", DROPOUTS, ids=lambda f: f.__name__)
def test_a_fixed_rate(drop):
  def module_fn():
    x = fns.images()
    fns.add_signature(x, drop(x, 0.125))

  (warning,) = fns.check(module_fn)
  assert warning.code == "fixed_dropout_rate"
  assert len(warning.names) == 1
  assert warning.message == (
    f"The rate of 1 dropout ({warning.names[0]}) is fixed at 0.125: how much "
    "is right depends on the size of the data set, and nobody can set it. Make "
    "it an input of a signature with hub.hyperparameter_input(), besides a "
    "signature without it."
  )


@pytest.mark.parametrize("drop", DROPOUTS, ids=lambda f: f.__name__)
def test_a_rate_that_can_be_set(drop):
  def module_fn():
    x = fns.images()
    rate = hub.hyperparameter_input("rate", 0.125)
    y = tf.reduce_mean(drop(x, rate), [1, 2])
    hub.add_image_feature_vector_signature(x, y)
    hub.add_signature("tunable", {"images": x, "rate": rate}, y)

  assert fns.check(module_fn) == []


def test_several_rates():
  def module_fn(can_set):
    x = fns.images()
    rate = hub.hyperparameter_input("rate", 0.5)
    y = v2(v2(v2(x, 0.5), 0.25), rate)
    y = tf.reduce_mean(y, [1, 2])
    hub.add_image_feature_vector_signature(x, y)
    if can_set:
      hub.add_signature("tunable", {"images": x, "rate": rate}, y)

  (warning,) = fns.check(lambda: module_fn(False))
  assert len(warning.names) == 3
  assert "The rate of 3 dropouts (" in warning.message
  assert "is fixed at 0.25, 0.5: " in warning.message
  # One of them can be set: the publisher has thought of it.
  assert fns.check(lambda: module_fn(True)) == []


def test_another_scalar_input_does_not_set_the_rate():
  def module_fn():
    x = fns.images()
    scale = hub.hyperparameter_input("scale", 1.0)
    y = tf.reduce_mean(v2(x * scale, 0.5), [1, 2])
    hub.add_image_feature_vector_signature(x, y)
    hub.add_signature("scaled", {"images": x, "scale": scale}, y)

  assert fns.codes(fns.check(module_fn)) == ["fixed_dropout_rate"]


def test_what_is_no_dropout():
  def module_fn():
    x = fns.images()
    # One decision for a batch.
    y = tf.image.random_flip_left_right(x)
    flip = tf.random.uniform([]) < 0.5
    y = tf.where(flip, y, tf.zeros_like(y))
    # Noise that is added, or picks between two.
    y += tf.random.uniform(tf.shape(y))
    y = tf.where(tf.random.uniform(tf.shape(y)) < 0.5, y, x)
    y *= tf.random.normal(tf.shape(y))
    # Rates of nothing and of everything, and one that nothing uses.
    y = legacy_layer(y, 0.0)
    v2(y, 0.5)
    fns.add_signature(x, y)

  assert fns.check(module_fn) == []
