"""TrainingMonitor: what it counts, times and reports."""

import pytest
import tiny_models

from hub_estimator.models.model_graph import ModelGraph
from hub_estimator.models.model_summary import graph_summary, summarize_graph
from hub_estimator.tf_compat import tf
from hub_estimator.training.training_hooks import TrainingMonitor

tf1 = tf.compat.v1


class Clock:
  """Seconds that pass only when told to."""

  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


class RecordedProgress:
  def __init__(self, initial_step):
    self.calls = [("start", initial_step)]

  def update(self, step, loss):
    self.calls.append((step, float(loss)))

  def pause(self):
    self.calls.append("pause")

  def close(self):
    self.calls.append("close")


class SlowHook(tf1.train.SessionRunHook):
  """Lets time pass: in each step, and after some."""

  def __init__(self, clock, step_secs, after_secs):
    self._clock = clock
    self._step_secs = step_secs
    self._after_secs = list(after_secs)

  def before_run(self, run_context):
    self._clock.now += self._step_secs

  def after_run(self, run_context, run_values):
    self._clock.now += self._after_secs.pop(0)


@pytest.fixture
def progresses():
  return []


@pytest.fixture
def create_progress(progresses):
  def create(initial_step):
    progresses.append(RecordedProgress(initial_step))
    return progresses[-1]

  return create


def train(monitor, hook, num_steps, initial_step=0):
  """Runs steps whose loss is 10 minus the number of steps before."""
  with tf.Graph().as_default():
    step = tf1.train.create_global_step()
    loss = 10.0 - tf.cast(step, tf.float32)
    tf1.losses.add_loss(loss)
    with tf.control_dependencies([loss]):
      train_op = tf1.assign_add(step, 1)
    scaffold = tf1.train.Scaffold(
      local_init_op=tf1.assign(step, initial_step),
      ready_for_local_init_op=tf1.report_uninitialized_variables(),
    )
    with tf1.train.MonitoredSession(
      tf1.train.ChiefSessionCreator(scaffold), hooks=[monitor, hook]
    ) as session:
      for _ in range(num_steps):
        session.run(train_op)


def test_steps_are_counted_and_reported(progresses, create_progress):
  monitor = TrainingMonitor(create_progress, Clock())
  train(monitor, SlowHook(Clock(), 0, [0] * 3), num_steps=3, initial_step=4)
  assert monitor.num_steps == 3
  assert monitor.step == 7
  assert [p.calls for p in progresses] == [
    [("start", 4), (5, 6.0), (6, 5.0), (7, 4.0), "close"]
  ]
  monitor.close()  # Again, as after an error: nothing happens.
  assert progresses[0].calls[-2:] != ["close", "close"]


def test_the_time_between_steps_does_not_count(progresses, create_progress):
  # Each step takes 0.25 s. After the second, a checkpoint and an evaluation
  # take 30 s; after the first, other hooks take half a second, which is no
  # pause in the rate that is shown.
  clock = Clock()
  monitor = TrainingMonitor(create_progress, clock)
  clock.now += 1000.0  # Building the graph.
  train(monitor, SlowHook(clock, 0.25, [0.5, 30.0, 0.0]), num_steps=3)
  assert monitor.train_seconds == pytest.approx(0.75)
  (progress,) = progresses
  assert [c for c in progress.calls if c == "pause" or c[0] != "start"] == [
    "pause",  # The first step: nothing to measure from yet.
    (1, 10.0),
    (2, 9.0),
    "pause",
    (3, 8.0),
    "close",
  ]


def test_the_graph_s_summary_is_noted(create_progress):
  monitor = TrainingMonitor(create_progress, Clock())
  with tf.Graph().as_default() as graph:
    model = tiny_models.create_model()
    module = model.encoder.instantiate("train")
    plan = model.create_plan()
    model_graph = ModelGraph(module, plan, plan.stages[0])
    summarize_graph(model_graph, "default", "default")
    tf1.losses.add_loss(tf.constant(1.0))
    monitor.begin()
    assert monitor.summary is graph_summary(graph)
  assert monitor.summary.module is module
