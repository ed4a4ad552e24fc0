"""What the tests of module checks share: a good module, and its parts."""

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

TAGS = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]


def images(channels=3):
  return tf1.placeholder(tf.float32, [None, 4, 4, channels], name="images")


def l2(weights):
  return 0.1 * tf.nn.l2_loss(weights)


def add_update(variable, value, momentum):
  """A moving average as `tf.layers` writes it, in UPDATE_OPS."""
  update = variable.assign_sub((variable - value) * (1.0 - momentum))
  tf1.add_to_collection("update_ops", update.op)


def statistics(name="moving_mean", size=3, use_resource=True):
  return tf1.get_variable(
    name,
    initializer=tf.zeros([size]),
    trainable=False,
    use_resource=use_resource,
  )


def good(is_training):
  """An image module that follows all advice."""
  x = images()
  rate = hub.hyperparameter_input("rate", 0.5)
  momentum = hub.hyperparameter_input("momentum", 0.9)
  w = tf1.get_variable("w", [3, 5], regularizer=l2)
  b = tf1.get_variable("b", [5])
  moving_mean = statistics()
  mean = tf.reduce_mean(x, [0, 1, 2])
  if is_training:
    add_update(moving_mean, mean, momentum)
  features = tf.reduce_mean(x, [1, 2]) - (mean if is_training else moving_mean)
  features = tf.matmul(features, w) + b
  if is_training:
    features = tf.nn.dropout(features, rate=rate)
  hub.add_image_feature_vector_signature(x, features)
  hub.add_signature(
    "tunable",
    {"images": x, "dropout_rate": rate, "momentum": momentum},
    features,
  )


def add_signature(x, features):
  """The common signature, of features [None, 4, 4, n]."""
  hub.add_image_feature_vector_signature(x, tf.reduce_mean(features, [1, 2]))


def check(module_fn, tags_and_args=None, graph=None):
  spec = hub.create_module_spec(
    module_fn, tags_and_args, drop_collections=["local_variables"]
  )
  return hub.check_module_spec(spec, graph)


def codes(warnings):
  return [warning.code for warning in warnings]
