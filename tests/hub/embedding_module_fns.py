"""Tiny modules that embed texts and images, for the tests of columns."""

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

# "a", "b", and every other word.
EMBEDDINGS = [[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]]


def embed_text():
  """Rows of a trainable table, for [batch_size] string."""
  text = tf1.placeholder(tf.string, [None], name="text")
  words = tf.lookup.StaticHashTable(
    tf.lookup.KeyValueTensorInitializer(
      ["a", "b"], tf.constant([0, 1], tf.int64)
    ),
    default_value=2,
  )
  table = tf1.get_variable("embeddings", initializer=EMBEDDINGS)
  hub.add_text_embedding_signature(text, tf.gather(table, words.lookup(text)))


def embed_image(shape=(None, 2, 1, 3), expected_image_size=None):
  """w times the sum of an image's pixels by channel, w = 2."""
  channels = shape[3] or 3

  def module_fn():
    images = tf1.placeholder(tf.float32, shape, name="images")
    if expected_image_size:
      info = hub.ImageModuleInfo()
      size = info.default_image_size
      size.height, size.width = expected_image_size
      hub.attach_image_module_info(info)
    w = tf1.get_variable("w", initializer=2.0)
    sums = tf.reduce_sum(tf.reshape(images, [-1, 2, channels]), axis=1)
    hub.add_signature(None, {"images": images}, w * sums)

  return module_fn


def signature(inputs, outputs, name=None, tags=()):
  """A spec with placeholders: {name: (shape, dtype or "sparse")}."""

  def placeholder(shape, dtype):
    if dtype == "sparse":
      return tf1.sparse_placeholder(tf.string, shape)
    return tf1.placeholder(dtype, shape)

  def module_fn():
    hub.add_signature(
      name,
      {key: placeholder(*value) for key, value in inputs.items()},
      {key: placeholder(*value) for key, value in outputs.items()},
    )

  return hub.create_module_spec(module_fn, [(tags, {})])


def export(module_fn, path):
  """Exports a module with its initial values; returns its path."""
  spec = hub.create_module_spec(module_fn)
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(spec)
    session.run(tf1.global_variables_initializer())
    session.run(tf1.tables_initializer())
    module.export(str(path), session)
  return str(path)
