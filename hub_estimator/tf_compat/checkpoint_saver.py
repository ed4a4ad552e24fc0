"""Saving checkpoints at steps that do not depend on where a session started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from hub_estimator.tf_compat import tf

_TRAIN = tf.compat.v1.train


class AlignedCheckpointSaver(_TRAIN.CheckpointSaverHook):
  """Saves at `first_step` + k × `save_steps`, and at the end of training.

  Its base counts from the step at which a session starts: a run that goes on
  after an interruption would save, and be evaluated, at other steps than one
  that was never interrupted. It also writes the checkpoint again that the
  session was restored from, which a kill at that moment would damage.

  Its graph is that of the default graph; the saver is the one of the collection
  SAVERS.
  """

  def __init__(
    self,
    checkpoint_dir: str,
    first_step: int = 0,
    save_steps: Optional[int] = None,
    save_secs: Optional[float] = None,
    listeners: Sequence[_TRAIN.CheckpointSaverListener] = (),
  ):
    """Configures the hook.

    Args:
      checkpoint_dir: the folder for checkpoints.
      first_step: the global step that steps are counted from.
      save_steps: steps between checkpoints; None goes by time.
      save_secs: seconds between checkpoints; None goes by steps.
      listeners: called before and after each checkpoint; for that which the
        session was restored from, they are not.
    """
    super().__init__(
      checkpoint_dir,
      save_steps=save_steps,
      save_secs=save_secs,
      listeners=list(listeners),
    )
    self._first_step = first_step
    self._save_steps = save_steps
    self._restored_step: Optional[int] = None

  def after_create_session(self, session, coord):
    """Writes the graph; saves unless there is a checkpoint of this step."""
    self._restored_step = self._newest_step()
    super().after_create_session(session, coord)
    self._restored_step = None
    step = self._timer.last_triggered_step()
    if self._save_steps is not None:
      late = (step - self._first_step) % self._save_steps
      self._timer.update_last_triggered_step(step - late)

  def end(self, session):
    """Saves the last step, unless there is a checkpoint of it."""
    step = int(session.run(self._global_step_tensor))
    if self._newest_step() == step:
      # Saved, or restored from it and nothing done since.
      self._timer.update_last_triggered_step(step)
    super().end(session)

  def _save(self, session, step):
    if step == self._restored_step:
      return False
    return super()._save(session, step)

  def _newest_step(self) -> Optional[int]:
    newest = tf.train.latest_checkpoint(self._checkpoint_dir)
    if newest is None:
      return None
    return int(tf.train.load_variable(newest, "global_step"))
