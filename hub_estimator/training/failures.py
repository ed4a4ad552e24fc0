"""What ended a run, in words that say what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from typing import Callable, NamedTuple, Optional

from hub_estimator import errors, estimator
from hub_estimator.file_formats import damage
from hub_estimator.inputs import InputPipeline
from hub_estimator.tf_compat import tf
from hub_estimator.training import checkpoint_care

# What a full disk, a folder of somebody else or a read-only one answers.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_REASONS = tuple(os.strerror(number) for number in (*_FULL, *_CLOSED))
_OUT_OF_MEMORY = re.compile(
  r"out of memory|OUT_OF_MEMORY|OOM when|failed to allocate", re.IGNORECASE
)
_RESUME = " With another config, the same command needs --resume."
# As TensorFlow writes it: "/runs/a/graph.pbtxt.tmp0…; No space left on device".
_PATH = re.compile(r"(?:^|\s)(/[^\s;]+?)(?:\.tmp[0-9a-f]{32})?;")


class Context(NamedTuple):
  """What a message says of a run that failed.

  Attributes:
    model_dir: the run's folder.
    batch_size: examples in a batch.
    accumulate_steps: batches in a step.
    step: the global step that it had come to; None if that is not known.
  """

  model_dir: str
  batch_size: int
  accumulate_steps: int = 1
  step: Optional[int] = None


@contextlib.contextmanager
def reading_errors_of(input_pipeline: InputPipeline) -> Iterator[None]:
  """Has what data's files turned out to be said in the pipeline's own words.

  Args:
    input_pipeline: the data; one that knows what went wrong with the last
      dataset has it as `reading_error`.

  Raises:
    UserError: the `reading_error`, in place of TensorFlow's.
  """
  try:
    yield
  except tf.errors.OpError as error:
    reading_error = getattr(input_pipeline, "reading_error", None)
    if reading_error is None:
      raise
    raise reading_error from error


@contextlib.contextmanager
def explaining(
  create_context: Callable[[], Context], write: Callable[[str], None]
) -> Iterator[None]:
  """Has what goes wrong in its body said in words, where `explain` knows them.

  After a loss that is not finite, checkpoints whose values are not either are
  set aside: see `checkpoint_care.set_aside_not_finite`.

  Args:
    create_context: called when something went wrong.
    write: takes a line of text.

  Raises:
    UserError: what `explain` made of the error.
  """
  try:
    yield
  except Exception as error:
    context = create_context()
    if isinstance(error, estimator.NanLossDuringTrainingError):
      checkpoint_care.set_aside_not_finite(context.model_dir, write)
    explained = explain(error, context)
    if explained is None:
      raise
    raise explained from error


def explain(
  error: BaseException, context: Context
) -> Optional[errors.UserError]:
  """Returns what to say of an error; None if it is not one that users mend.

  Known are a loss that is not finite, too little memory, a full disk, and
  folders that cannot be written in.

  Args:
    error: what was raised.
    context: where.
  """
  if isinstance(error, errors.UserError):
    return None
  if isinstance(error, estimator.NanLossDuringTrainingError):
    return errors.UserValueError(_not_finite(context))
  reason = _closed_reason(error)
  if reason is not None:
    return errors.UserOSError(_not_written(error, reason, context))
  if _is_out_of_memory(error):
    return errors.UserRuntimeError(_out_of_memory(error, context))
  return None


def _not_finite(context: Context) -> str:
  return (
    f"The loss became NaN (not a number) or infinite{_at(context)}. The "
    "likeliest causes: a learning rate that is too high (LEARNING_RATE), "
    "features that are not scaled, labels that are wrong. "
    f"{_last_good(context)}{_RESUME}"
  )


def _out_of_memory(error: BaseException, context: Context) -> str:
  size, accumulated = context.batch_size, context.accumulate_steps
  line = damage.first_line(error)[:200]
  reason = f": {line}" if line else ""
  times = f" {accumulated} times a step" if accumulated > 1 else ""
  if size > 1:
    half = (size + 1) // 2
    way_out = (
      f"Set BATCH_SIZE = {half} and Optimization.accumulate_steps = "
      f"{2 * accumulated}: the steps are then of as many examples"
    )
  else:
    way_out = "A smaller BATCH_SIZE there is not: train fewer variables"
  return (
    f"Out of memory{_at(context)}{reason}. The graph "
    f"is run on batches of {size} examples (BATCH_SIZE){times}. {way_out}, or "
    f"take a smaller module. {_last_good(context)}{_RESUME}"
  )


def _not_written(error: BaseException, reason: str, context: Context) -> str:
  path = _path(error) or context.model_dir
  if reason in [os.strerror(number) for number in _FULL]:
    way_out = (
      "Make room on its disk (train.keep_checkpoint_max and "
      "train.exports_to_keep bound what a run keeps)"
    )
  else:
    way_out = "Make its folder one that this user can write in"
  return (
    f"Cannot write {path}{_at(context)}: {reason}. {_last_good(context)} "
    f"{way_out}, and run the same command to go on."
  )


def _at(context: Context) -> str:
  return "" if context.step is None else f" at step {context.step}"


def _last_good(context: Context) -> str:
  try:
    newest = checkpoint_care.newest_whole(context.model_dir)
  except errors.UserOSError as error:
    return str(error)
  if newest is None:
    return "There is no checkpoint yet."
  return f"The last good checkpoint is {newest}."


def _is_out_of_memory(error: BaseException) -> bool:
  if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
    return True
  return isinstance(error, tf.errors.OpError) and bool(
    _OUT_OF_MEMORY.search(str(error))
  )


def _closed_reason(error: BaseException) -> Optional[str]:
  """Returns why something could not be written, if that is what happened."""
  if isinstance(error, OSError):
    number = error.errno
    return os.strerror(number) if number in (*_FULL, *_CLOSED) else None
  if isinstance(error, tf.errors.OpError):
    return next((text for text in _REASONS if text in error.message), None)
  return None


def _path(error: BaseException) -> Optional[str]:
  """Returns the path that an error speaks of."""
  if isinstance(error, OSError):
    return os.fspath(error.filename) if error.filename else None
  match = _PATH.search(error.message)
  return match[1] if match else None
