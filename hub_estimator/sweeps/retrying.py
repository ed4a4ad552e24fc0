"""Waiting for a storage that is away."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import optuna
import sqlalchemy
from absl import logging

from hub_estimator import errors
from hub_estimator.sweeps import storage_errors

T = TypeVar("T")

_FIRST_PAUSE_SECS = 0.1
_LONGEST_PAUSE_SECS = 15.0
_NUM_RACES = 10
_HOW_TO_GO_ON = (
  "Start the same command again when it is back: finished trials stay, and "
  "those under way go on from their checkpoints."
)
# Of what a storage that can be reached says when it is opened: a schema of
# another Optuna, for one.
_OPENING_ERRORS = (
  sqlalchemy.exc.SQLAlchemyError,
  optuna.exceptions.OptunaError,
  RuntimeError,
)


def retrying(
  function: Callable[[], T],
  description: str,
  retry_secs: float,
  clock: Callable[[], float],
  sleep: Callable[[float], None],
  is_opening: bool = False,
) -> T:
  """Runs an operation of a storage; again while that cannot be reached.

  The pauses grow from a tenth of a second to 15 seconds.

  Args:
    function: the operation.
    description: of the storage, for messages; without passwords.
    retry_secs: how long to try.
    clock: gives seconds.
    sleep: waits for some seconds.
    is_opening: whether it opens the storage: then a race with another process
      that makes the same tables is run again, too, and what the storage says
      otherwise is the user's to mend.

  Returns:
    what it returns.

  Raises:
    UserRuntimeError: it could not be reached for all that time, or it refused.
    Exception: any other of the operation's.
  """
  begin = clock()
  pause = _FIRST_PAUSE_SECS
  has_warned = False
  num_races = 0
  while True:
    try:
      result = function()
    except Exception as error:
      if (
        is_opening and storage_errors.is_race(error) and num_races < _NUM_RACES
      ):
        num_races += 1
        sleep(_FIRST_PAUSE_SECS)
        continue
      kind = storage_errors.kind_of(error)
      if kind is storage_errors.Kind.REFUSED:
        raise refusal(error, description) from error
      if kind is storage_errors.Kind.OTHER:
        is_mendable = is_opening and isinstance(error, _OPENING_ERRORS)
        if is_mendable and not isinstance(error, errors.UserError):
          raise refusal(error, description) from error
        raise
      passed = clock() - begin
      cause = storage_errors.cause_text(error)
      if passed >= retry_secs:
        raise errors.UserRuntimeError(
          f"Cannot reach {description}; tried for {passed:.0f} s: {cause}. "
          f"{_HOW_TO_GO_ON}"
        ) from error
      if not has_warned:
        has_warned = True
        logging.warning(
          "Cannot reach %s: %s. Trying again for %.0f s.",
          description,
          cause,
          retry_secs,
        )
      sleep(min(pause, retry_secs - passed))
      pause = min(2 * pause, _LONGEST_PAUSE_SECS)
    else:
      if has_warned:
        logging.warning(
          "Reached %s again after %.0f s.", description, clock() - begin
        )
      return result


def refusal(error: Exception, description: str) -> errors.UserRuntimeError:
  """Returns what to tell about a storage that answers and does not serve."""
  return errors.UserRuntimeError(
    f"{capitalized(description)} cannot be used: "
    f"{storage_errors.cause_text(error)}. Mend that, or give another --storage "
    "or --study_dir."
  )


def capitalized(text: str) -> str:
  """Returns a sentence's beginning as one, without changing the rest."""
  return text[:1].upper() + text[1:]
