"""Reading scalars that a graph fixes."""

import numpy as np
import pytest

from hub_estimator.hub.graph_index import GraphIndex
from hub_estimator.hub.module_checks import scalars
from hub_estimator.hub.module_checks.scalars import ScalarReader
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def read(build, assumed=None):
  """Returns the value read for build()'s tensor."""
  with tf.Graph().as_default() as graph:
    tensor = build()
    index = GraphIndex(graph.as_graph_def())
    endpoints = {index.endpoint(k): v for k, v in (assumed or {}).items()}
    return ScalarReader(index, endpoints).value(index.endpoint(tensor.name))


def unknown():
  return tf1.placeholder(tf.float32, [], name="unknown")


def default():
  return tf1.placeholder_with_default(0.25, [], name="default")


VALUES = {
  "constant": (lambda: tf.constant(0.25), 0.25),
  "integer": (lambda: tf.constant(3), 3.0),
  "half": (lambda: tf.constant(0.25, tf.bfloat16), 0.25),
  "equal elements": (lambda: tf.constant([[2.0, 2.0]]), 2.0),
  "different elements": (lambda: tf.constant([2.0, 3.0]), None),
  "empty": (lambda: tf.constant([], tf.float32), None),
  "many equal elements": (lambda: tf.constant(2.0, shape=[9000]), 2.0),
  "many different ones": (lambda: tf.constant(np.arange(9000.0)), None),
  "text": (lambda: tf.constant("0.25"), None),
  "boolean": (lambda: tf.constant(True), None),
  "cast": (lambda: tf.reshape(tf.cast(tf.constant(3), tf.float32), []), 3.0),
  "filled": (lambda: tf.fill([tf.size(unknown())], 4.0), 4.0),
  "zeros": (lambda: tf1.zeros_like(unknown(), optimize=False), 0.0),
  "ones": (lambda: tf.raw_ops.OnesLike(x=unknown()), 1.0),
  "sum": (lambda: tf.constant(1.0) + tf.constant(2.0), 3.0),
  "difference": (lambda: tf.constant(1.0) - default(), 0.75),
  "negative": (lambda: -default(), -0.25),
  "quotient": (lambda: tf.constant(1.0) / default(), 4.0),
  "fraction": (lambda: tf.constant(1.0) / tf.constant(8.0), 0.125),
  "quotient of old": (lambda: tf.raw_ops.Div(x=1.0, y=default()), 4.0),
  "quotient by zero": (lambda: tf.constant(1.0) / tf.constant(0.0), None),
  "minimum": (lambda: tf.minimum(default(), tf.maximum(0.5, 2.0)), 0.25),
  "unknown": (lambda: unknown() + 1.0, None),
  "zero times": (lambda: unknown() * 0.0, 0.0),
  "zero divided": (lambda: 0.0 / unknown(), 0.0),
  "other ops": (lambda: tf.exp(tf.constant(0.0)), None),
}


@pytest.mark.parametrize(("build", "expected"), VALUES.values(), ids=VALUES)
def test_values(build, expected):
  assert read(build) == expected


def test_how_far_it_looks():
  def count(number):
    value = tf.constant(0.0)
    for _ in range(number):
      value = value + tf.constant(1.0)
    return value

  # The constant at the end counts as one.
  assert read(lambda: count(scalars._MAX_DEPTH - 1)) == scalars._MAX_DEPTH - 1
  assert read(lambda: count(scalars._MAX_DEPTH)) is None


def test_assumed_values():
  assert read(lambda: 1.0 - unknown(), {"unknown": 0.75}) == 0.25
  assert read(lambda: 1.0 - default(), {"default": 0.75}) == 0.25
  assert read(lambda: 1.0 - default(), {"default": None}) is None


def test_a_loop_ends(v1_control_flow):
  def build():
    return tf1.while_loop(lambda i: i < 3.0, lambda i: i + 1.0, [0.0])

  assert read(build) is None


def test_a_long_way_ends():
  def build(length):
    tensor = tf.constant(1.0)
    for _ in range(length):
      tensor = tf.identity(tensor)
    return tensor

  assert read(lambda: build(20)) == 1.0
  assert read(lambda: build(5000)) is None
