"""TrainingBursts: which steps other hooks see, and that none is lost."""

import glob
import re

import numpy as np
import pytest
import tiny_runs

from hub_estimator import errors, estimator
from hub_estimator.tf_compat import tf
from hub_estimator.training import training_bursts
from hub_estimator.training.training_bursts import Period, TrainingBursts
from hub_estimator.training.training_hooks import TrainingMonitor

tf1 = tf.compat.v1


class Clock:
  """Seconds that pass with each run of the train op."""

  def __init__(self):
    self.now = 0.0

  def __call__(self):
    return self.now


class Watcher(estimator.SessionRunHook):
  """Notes the steps after which hooks were called."""

  def __init__(self):
    self.steps = []

  def after_run(self, run_context, run_values):
    step = tf1.train.get_global_step()
    self.steps.append(int(run_context.session.run(step)))


class NoProgress:
  def __init__(self, step):
    self.steps = []

  def update(self, step, loss):
    self.steps.append(step)

  def pause(self):
    pass

  def close(self):
    pass


def train(
  last_step,
  periods=(),
  run_secs=0.0,
  hooks=(),
  first_step=0,
  runs_per_step=1,
  nan_step=None,
):
  """Runs steps; returns the steps that were watched, and the monitor."""
  clock, watcher = Clock(), Watcher()
  monitor = TrainingMonitor(NoProgress, clock, runs_per_step)

  def pass_time(loss):
    clock.now += run_secs
    return loss

  with tf.Graph().as_default():
    step = tf1.train.create_global_step()
    runs = tf1.get_variable("runs", initializer=first_step * runs_per_step)
    loss = tf.cast(runs, tf.float32)
    if nan_step is not None:
      loss = tf.where(runs >= nan_step, np.nan, loss)
    loss = tf1.py_func(pass_time, [loss], tf.float32)
    loss.set_shape([])
    tf1.losses.add_loss(loss)
    tf1.summary.scalar("loss", loss)
    with tf.control_dependencies([loss]):
      count = tf1.assign_add(runs, 1)
    with tf.control_dependencies([count]):
      train_op = tf1.assign(step, tf.cast(count // runs_per_step, tf.int64))
    scaffold = tf1.train.Scaffold(
      local_init_op=tf1.assign(step, first_step),
      ready_for_local_init_op=tf1.report_uninitialized_variables(),
    )
    bursts = TrainingBursts(monitor, last_step, periods, runs_per_step, clock)
    with tf1.train.MonitoredSession(
      tf1.train.ChiefSessionCreator(scaffold),
      hooks=[
        *hooks,
        monitor,
        watcher,
        tf1.train.StopAtStepHook(last_step=last_step),
        bursts,
      ],
    ) as session:
      while not session.should_stop():
        session.run([train_op, loss])
  return watcher.steps, monitor


class TestSteps:
  def test_the_first_ten_and_the_last_two_are_watched(self):
    steps, monitor = train(100)
    # Step 99 ends the run that bursts go before.
    assert steps == [*range(1, 11), 99, 100]
    assert monitor.num_steps == monitor.step == 100

  def test_no_burst_leaps_over_a_period(self):
    steps, _ = train(40, [Period(15), Period(20, first=1)])
    assert steps == [*range(1, 11), 14, 15, 20, 21, 29, 30, 39, 40]

  def test_periods_begin_where_the_session_does(self):
    steps, monitor = train(50, [Period(20)], first_step=7)
    assert steps == [*range(8, 18), 26, 27, 46, 47, 49, 50]
    assert monitor.num_steps == 43

  def test_short_periods_leave_no_room(self):
    assert train(30, [Period(2)])[0] == [*range(1, 31)]

  def test_bursts_last_a_twentieth_of_a_second(self):
    # 1/128 s a run: six fit, and the one that is watched makes them seven.
    steps, monitor = train(40, run_secs=1 / 128)
    assert steps == [*range(1, 11), 17, 24, 31, 38, 39, 40]
    assert monitor.train_seconds == 40 / 128

  def test_slow_steps_are_all_watched(self):
    assert train(20, run_secs=0.06)[0] == [*range(1, 21)]

  def test_a_step_of_several_runs_is_not_cut(self):
    steps, monitor = train(40, runs_per_step=3)
    # Three runs of each step are watched.
    assert steps[-6:] == [38, 38, 39, 39, 39, 40]
    assert len(steps) == 3 * 12
    assert monitor.num_steps == monitor.step == 40


class TestHooksOfTensorFlow:
  def test_checkpoints_are_of_the_same_steps(self, tmp_path):
    hook = tf1.train.CheckpointSaverHook(str(tmp_path), save_steps=25)
    train(80, [Period(25)], hooks=[hook])
    names = glob.glob(f"{tmp_path}/model.ckpt-*.index")
    steps = {int(name.split("-")[-1].split(".")[0]) for name in names}
    assert steps == {0, 25, 50, 75, 80}

  def test_summaries_are_of_the_same_steps(self, tmp_path):
    hook = tf1.train.SummarySaverHook(
      save_steps=30,
      output_dir=str(tmp_path),
      scaffold=tf1.train.Scaffold(summary_op=None),
    )
    hook._get_summary_op = lambda: tf1.get_collection(tf1.GraphKeys.SUMMARIES)
    train(100, [Period(30, first=1)], hooks=[hook])
    (path,) = glob.glob(f"{tmp_path}/events*")
    steps = [
      event.step
      for event in tf1.train.summary_iterator(path)
      if event.summary.value
    ]
    assert steps == [1, 31, 61, 91]


class TestLoss:
  def test_nan_ends_a_burst(self):
    with pytest.raises(estimator.NanLossDuringTrainingError):
      train(1000, nan_step=50)

  def test_a_run_says_the_same_step_as_without_bursts(
    self, tmp_path, monkeypatch
  ):
    config = tiny_runs.write_config(tmp_path)
    messages = []
    for possible in (True, False):
      monkeypatch.setattr(
        training_bursts, "are_possible", lambda _, possible=possible: possible
      )
      with pytest.raises(errors.UserValueError, match="became NaN") as caught:
        tiny_runs.launch(
          config,
          tmp_path / "run",
          "LEARNING_RATE = 8.0",
          "TRAIN_STEPS = 1000",
          "train.save_summary_steps = 1000",
          overwrite=True,
        )
      messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert int(re.search(r"step (\d+)", messages[0])[1]) > 12


@pytest.mark.parametrize(
  ("num_workers", "possible"), [(0, True), (1, True), (2, False)]
)
def test_one_process_moves_the_global_step(monkeypatch, num_workers, possible):
  config = estimator.RunConfig()
  monkeypatch.setattr(config, "_num_worker_replicas", num_workers)
  assert training_bursts.are_possible(config) == possible
