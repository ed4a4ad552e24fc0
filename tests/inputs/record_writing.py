"""Writes TFRecord files of tf.Example records."""

from hub_estimator.tf_compat import tf


def create_feature(values):
  """Returns a tf.Feature of strings, floats or integers."""
  values = values if isinstance(values, (list, tuple)) else [values]
  values = [v.encode() if isinstance(v, str) else v for v in values]
  feature = tf.train.Feature()
  if values and isinstance(values[0], bytes):
    feature.bytes_list.value.extend(values)
  elif values and isinstance(values[0], float):
    feature.float_list.value.extend(values)
  elif values:
    feature.int64_list.value.extend(values)
  return feature


def serialize(**features):
  """Returns a tf.Example as bytes."""
  example = tf.train.Example()
  for name, values in features.items():
    example.features.feature[name].CopyFrom(create_feature(values))
  return example.SerializeToString()


def write_records(path, examples, compression=""):
  """Writes dicts of features, or bytes as they are; returns the path."""
  with tf.io.TFRecordWriter(str(path), compression) as writer:
    for example in examples:
      if not isinstance(example, bytes):
        example = serialize(**example)
      writer.write(example)
  return str(path)
