"""Fixtures of the hub tests."""

import logging

import hub_module_fns
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


@pytest.fixture
def graph():
  """A new default graph."""
  with tf.Graph().as_default() as new_graph:
    yield new_graph


@pytest.fixture
def scale_spec():
  return hub.create_module_spec(hub_module_fns.scale)


@pytest.fixture
def scale_module(tmp_path):
  """The path of an exported `scale` module with w = 5 instead of 3."""
  return hub_module_fns.export(
    hub_module_fns.scale, tmp_path / "scale", values={"w": 5.0}
  )


@pytest.fixture
def log_records():
  """The records that TensorFlow's logger gets, whatever its settings."""
  records = []

  class Handler(logging.Handler):
    def emit(self, record):
      records.append(record)

  handler = Handler()
  logger = logging.getLogger("tensorflow")
  logger.addHandler(handler)
  yield records
  logger.removeHandler(handler)


@pytest.fixture
def v1_control_flow():
  """tf.cond and tf.while_loop of TensorFlow 1: Switch, Merge and contexts."""
  was_v2 = tf1.control_flow_v2_enabled()
  tf1.disable_control_flow_v2()
  yield
  if was_v2:
    tf1.enable_control_flow_v2()


@pytest.fixture
def v2_control_flow():
  """tf.cond and tf.while_loop of TensorFlow 2: If and While of functions."""
  was_v2 = tf1.control_flow_v2_enabled()
  tf1.enable_control_flow_v2()
  yield
  if not was_v2:
    tf1.disable_control_flow_v2()
