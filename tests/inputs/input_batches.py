"""What the tests of input pipelines share: running their datasets."""

import re

import numpy as np
import pytest

from hub_estimator.tf_compat import tf


def run_dataset(create_dataset, limit=1000):
  """Returns the elements of a dataset, at most `limit`, from a new graph."""
  with tf.Graph().as_default():
    iterator = tf.compat.v1.data.make_initializable_iterator(create_dataset())
    next_element = iterator.get_next()
    elements = []
    with tf.compat.v1.Session() as session:
      session.run(iterator.initializer)
      try:
        while len(elements) < limit:
          elements.append(session.run(next_element))
      except tf.errors.OutOfRangeError:
        pass
    return elements


def batches(pipeline, mode, limit=1000):
  """Returns the batches of a mode."""
  return run_dataset(pipeline.input_fn(mode), limit)


def ordered(pipeline, split):
  """Returns features and labels of all examples of a split."""
  found = run_dataset(pipeline.ordered_input_fn(split))
  features = {
    name: np.concatenate([batch[0][name] for batch in found])
    for name in found[0][0]
  }
  return features, np.concatenate([labels for _, labels in found])


def texts(pipeline, split, name="text"):
  """Returns the texts of a split, decoded."""
  features, _ = ordered(pipeline, split)
  return [text.decode("utf-8") for text in features[name]]


def expect(error_type, *parts):
  """Expects an error whose message has parts, in this order."""
  return pytest.raises(error_type, match=".*".join(map(re.escape, parts)))
