"""--keep: what stays of the trials that are not among the best."""

from __future__ import annotations

import glob
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from typing import Any, Literal, Union

from hub_estimator import errors
from hub_estimator.sweeps import records
from hub_estimator.sweeps.records import StudyRecord, TrialRecord
from hub_estimator.training import results, run_lock
from hub_estimator.training.launch import RESUMABLE

KEEP_ALL = "all"

Keep = Union[int, Literal["all"]]

# What the best alone keep; "checkpoint" first: without it, TensorFlow goes on
# from none of the others.
_LARGE = ("checkpoint", "model.ckpt-*", "best", "damaged", "export")
# What `results.json` says of runs that did not come to their end.
_UNFINISHED = (RESUMABLE, records.PRUNED)
# Moved aside by a process that was killed before it had deleted them.
_ASIDE = "removed-" + "[0-9a-f]" * 12
_STEP = re.compile(r"model\.ckpt-(\d+)\.index")
# Between the clocks of the storage and of the file system.
_CLOCK_SECS = 2.0


def parse_keep(text: str) -> Keep:
  """Returns what `--keep` says: "all" or how many trials.

  Args:
    text: the flag's value.

  Raises:
    UserValueError: it is neither.
  """
  if text.strip() == KEEP_ALL:
    return KEEP_ALL
  try:
    number = int(text)
  except ValueError:
    number = 0
  if number < 1:
    raise errors.UserValueError(
      "--keep is the number of trials whose checkpoints and exports stay, 1 or "
      f"more, or '{KEEP_ALL}'; got {text!r}. Results, logs and reports of all "
      "trials stay in any case."
    )
  return number


def kept_numbers(study: StudyRecord, keep: Keep) -> frozenset[int]:
  """Returns the numbers of the complete trials that keep everything.

  Args:
    study: the study so far.
    keep: "all", or how many: the best ones; with two objectives the Pareto
      front in any case.
  """
  ranked = study.ranked()
  if keep != KEEP_ALL:
    at_least = len(study.front()) if len(study.objectives) > 1 else 1
    ranked = ranked[: max(keep, at_least)]
  return frozenset(trial.number for trial in ranked)


def prune_folders(study: StudyRecord, keep: Keep) -> list[str]:
  """Deletes checkpoints and exports of all trials but the best.

  Of every run stay its config, results, evaluations, report, log and event
  files. Trials that run or wait are left alone, and so are runs that were
  resumed after their trial ended. Another process may do the same meanwhile;
  what one leaves that is killed, the next deletes.

  Args:
    study: the study so far.
    keep: see `kept_numbers`.

  Returns:
    the paths that were deleted, relative to the study's folder.

  Raises:
    OSError: a file cannot be deleted.
  """
  if keep == KEEP_ALL:
    return []
  kept = kept_numbers(study, keep)
  removed = []
  for trial in study.of_state(*records.FINISHED):
    if trial.number not in kept:
      for folder in _run_folders(study, trial):
        removed += _prune_run(study, trial, folder)
  return removed


def _run_folders(study: StudyRecord, trial: TrialRecord) -> list[str]:
  """Returns the folders of a trial's runs, relative to the study's."""
  pattern = os.path.join(
    glob.escape(os.path.join(study.study_dir, trial.folder)), "seed_*"
  )
  found = [trial.folder, *(run.folder for run in trial.seeds)]
  found += [
    os.path.relpath(path, study.study_dir)
    for path in sorted(glob.glob(pattern))
  ]
  return list(dict.fromkeys(found))


def _prune_run(
  study: StudyRecord, trial: TrialRecord, folder: str
) -> list[str]:
  path = os.path.join(study.study_dir, folder)
  if not (_found(path, *_LARGE) or _found(path, _ASIDE)):
    return []
  try:
    with run_lock.run_lock(path):
      if _was_resumed(trial, folder, path):
        return []
      return [os.path.join(folder, name) for name in _delete(path)]
  except errors.UserRuntimeError:
    # Somebody works in it: a run, or another process that deletes the same.
    return []


def _delete(path: str) -> list[str]:
  """Deletes what is large in a run's folder; returns the names."""
  found = _found(path, *_LARGE)
  if found:
    # Out of the way at once: nobody is to find half of an export.
    aside = os.path.join(path, f"removed-{uuid.uuid4().hex[:12]}")
    os.mkdir(aside)
    for name in found:
      os.rename(os.path.join(path, name), os.path.join(aside, name))
  for name in _found(path, _ASIDE):
    shutil.rmtree(os.path.join(path, name))
  return found


def _found(path: str, *patterns: str) -> list[str]:
  """Returns the names in a folder that patterns match, in their order."""
  return [
    os.path.basename(found)
    for pattern in patterns
    for found in sorted(glob.glob(os.path.join(glob.escape(path), pattern)))
  ]


def _was_resumed(trial: TrialRecord, folder: str, path: str) -> bool:
  """Whether somebody went on with a run after its trial had ended."""
  written = results.read_results(path)
  run = next((run for run in trial.seeds if run.folder == folder), None)
  if run is not None:
    newest = max((step for step in _steps(path)), default=0)
    return (
      written is None
      or _differ(written, run.results)
      or newest > run.results.get("global_step", newest)
    )
  if written is not None and written.get("status") not in _UNFINISHED:
    return True  # The trial did not come to its results.
  if trial.ended is None:
    return False
  ended = trial.ended.timestamp() + _CLOCK_SECS
  return any(
    os.path.getmtime(os.path.join(path, name)) > ended
    for name in _found(path, "model.ckpt-*.index")
  )


def _differ(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
  return any(left[name] != right[name] for name in set(left) & set(right))


def _steps(path: str) -> list[int]:
  return [
    int(match[1])
    for match in map(_STEP.fullmatch, _found(path, "model.ckpt-*.index"))
    if match
  ]
