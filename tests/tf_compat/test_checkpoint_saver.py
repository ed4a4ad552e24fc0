"""AlignedCheckpointSaver: at which steps it saves, also after a restart."""

import os

import pytest

from hub_estimator.tf_compat import tf
from hub_estimator.tf_compat.checkpoint_saver import AlignedCheckpointSaver

tf1 = tf.compat.v1


class Listener(tf1.train.CheckpointSaverListener):
  def __init__(self, stop_at=None):
    self.steps = []
    self._stop_at = stop_at

  def after_save(self, session, global_step_value):
    self.steps.append(int(global_step_value))
    return global_step_value == self._stop_at


def train(folder, last_step, listener=None, **arguments):
  """Trains to a step; returns those after which listeners were called."""
  listener = listener or Listener()
  with tf.Graph().as_default():
    step = tf1.train.create_global_step()
    train_op = tf1.assign_add(step, 1)
    tf1.add_to_collection(tf1.GraphKeys.SAVERS, tf1.train.Saver())
    saver = AlignedCheckpointSaver(
      str(folder), listeners=[listener], **arguments
    )
    with tf1.train.MonitoredTrainingSession(
      checkpoint_dir=str(folder),
      hooks=[tf1.train.StopAtStepHook(last_step=last_step), saver],
      save_checkpoint_secs=None,
      save_summaries_steps=None,
      save_summaries_secs=None,
      log_step_count_steps=None,
    ) as session:
      while not session.should_stop():
        session.run(train_op)
  return listener.steps


def test_a_run_that_was_stopped_saves_at_the_steps_of_one_that_was_not(
  tmp_path,
):
  assert train(tmp_path / "whole", 23, save_steps=10) == [0, 10, 20, 23]
  assert train(tmp_path / "parts", 13, save_steps=10) == [0, 10, 13]
  assert train(tmp_path / "parts", 23, save_steps=10) == [20, 23]


def test_steps_are_counted_from_the_first(tmp_path):
  train(tmp_path, 4, save_steps=100)
  steps = train(tmp_path, 20, first_step=4, save_steps=5)
  assert steps == [9, 14, 19, 20]


def test_the_checkpoint_it_starts_from_is_not_written_again(tmp_path):
  train(tmp_path, 4, save_steps=10)
  path = tmp_path / "model.ckpt-4.index"
  os.utime(path, (1, 1))
  assert train(tmp_path, 6, save_steps=10) == [6]
  assert path.stat().st_mtime == 1


def test_by_time(tmp_path):
  assert train(tmp_path, 3, save_secs=1000) == [0, 3]
  assert train(tmp_path, 6, save_secs=1000) == [6]


def test_a_listener_ends_training(tmp_path):
  listener = Listener(stop_at=10)
  assert train(tmp_path, 100, listener, save_steps=5) == [0, 5, 10]


@pytest.mark.parametrize("arguments", [{}, {"save_steps": 1, "save_secs": 1}])
def test_by_one_of_both(tmp_path, arguments):
  with pytest.raises(ValueError, match="every_secs"):
    AlignedCheckpointSaver(str(tmp_path), **arguments)
