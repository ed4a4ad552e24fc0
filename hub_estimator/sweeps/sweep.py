"""A sweep: from two files and a folder to a table, a picture and a config."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Union

from hub_estimator import errors
from hub_estimator.sweeps import (
  best,
  early_imports,
  keeping,
  leaderboard,
  preparation,
  ray_connection,
  storage_places,
  study_creation,
  study_identity,
  study_report,
  supervision,
)
from hub_estimator.sweeps import resources as resource_shares
from hub_estimator.sweeps.local_workers import LocalWorkers
from hub_estimator.sweeps.outcome import OutcomeWriter
from hub_estimator.sweeps.progress import SweepProgress
from hub_estimator.sweeps.ray_workers import RayWorkers
from hub_estimator.sweeps.records import COMPLETE, FAILED, PRUNED, StudyRecord
from hub_estimator.sweeps.sampled_points import num_possible
from hub_estimator.sweeps.storage import StudyStorage, open_storage
from hub_estimator.sweeps.study_plan import SEED_NAME, StudyPlan
from hub_estimator.sweeps.sweep_file import read_sweep_file
from hub_estimator.sweeps.sweep_settings import SweepSettings
from hub_estimator.sweeps.worker import STOPPED_STATUS, WorkerSettings
from hub_estimator.training import gin_files, results_table
from hub_estimator.training.report_values import ReportFn

# Seconds between two heartbeats of a worker, where machines share a study.
_HEARTBEAT_SECS = 5.0


@dataclasses.dataclass(frozen=True)
class SweepArguments:
  """What a command says of a sweep.

  Attributes:
    gin_files: of the config.
    gin_params: bindings on top of it.
    sweep_file: the path of the sweep file.
    study_dir: the study's folder.
    study_name: its name in the storage; the folder's if None.
    storage: where the study is kept; see `open_storage`.
    num_workers: how many trials run at a time.
    num_trials: instead of what the sweep file says.
    timeout_secs: how long trials are begun.
    keep: of how many of the best trials checkpoints and exports stay; "all".
    fail_fast: whether the first failed trial ends the sweep.
    retry_failed: whether trials that failed before are run again.
    executor: "local" or "ray".
  """

  gin_files: Sequence[str]
  gin_params: Sequence[str]
  sweep_file: str
  study_dir: str
  study_name: Optional[str] = None
  storage: Optional[str] = None
  num_workers: int = 1
  num_trials: Optional[int] = None
  timeout_secs: Optional[float] = None
  keep: Union[int, str] = keeping.KEEP_ALL
  fail_fast: bool = False
  retry_failed: bool = False
  executor: str = "local"


class Sweep:
  """One command's part in a study."""

  def __init__(
    self, arguments: SweepArguments, report_fn: Optional[ReportFn] = None
  ):
    """Reads the files.

    `launch.register_configurables` has to be called before, and TensorFlow must
    not have been used: processes are forked.

    Args:
      arguments: of the command.
      report_fn: writes the report of a trial's run; see `launch.launch`.

    Raises:
      UserError: what is wrong in the files, or in the arguments.
    """
    self._arguments = arguments
    self._report_fn = report_fn
    started = time.time()
    secs = arguments.timeout_secs
    self._deadline = None if secs is None else started + secs
    study_dir = study_identity.check_path(arguments.study_dir)
    self._config = preparation.read_base_config(
      arguments.gin_files, arguments.gin_params
    )
    settings = read_sweep_file(arguments.sweep_file)
    path = gin_files.find_gin_file(arguments.sweep_file, None)
    with open(path, encoding="utf-8") as file:
      self._sweep_text = file.read()
    if arguments.executor == "ray":
      ray_connection.check_package()
    self._resources = resource_shares.shares(arguments.num_workers)
    self._plan = StudyPlan(
      study_dir,
      arguments.study_name or os.path.basename(study_dir),
      settings,
      settings.space,
      _num_wanted(settings, arguments),
      _seeds(settings, self._config.seed),
    )

  def check(self) -> str:
    """Checks all trials, and returns what would be done; changes nothing."""
    self._find_place()
    plan = study_creation.check_new(
      self._plan, self._config, self._resources, _write
    )
    return results_table.format_table(
      _description(plan, self._arguments), ("sweep", plan.study_dir)
    )

  def run(self) -> int:
    """Runs the sweep; returns the exit status: 0, or 75 if a signal came.

    Raises:
      UserError: another study is in the folder, or too many trials fail.
    """
    with contextlib.ExitStack() as stack:
      return self._run(stack)

  def _run(self, stack: contextlib.ExitStack) -> int:
    plan, arguments = self._plan, self._arguments
    place = self._find_place()
    connection = None
    if arguments.executor == "ray":
      # Before there is a study that the cluster could not work on.
      connection = ray_connection.RayConnection()
      stack.callback(connection.close)
      ray_connection.check_storage(place, connection.nodes)
    is_new = (
      place.path is not None
      and not os.path.exists(place.path)
      and study_identity.read_key(plan.study_dir) is None
    )
    if is_new:
      # Before anything is written: a mistake leaves no folder behind.
      plan = study_creation.check_new(
        plan, self._config, self._resources, _write
      )
    _make_folder(plan.study_dir)
    storage = open_storage(
      plan.study_dir,
      arguments.storage,
      arguments.num_workers,
      lock_name=plan.name,
    )
    study, plan = study_creation.create_or_join(
      storage,
      plan,
      self._config,
      self._sweep_text,
      self._resources,
      _write,
      is_checked=is_new,
    )
    early_imports.import_early()
    if arguments.retry_failed:
      study.retry_failed()
    known_failures = len(study.record().of_state(FAILED))
    limit = 1 if arguments.fail_fast else plan.settings.max_failures
    progress = SweepProgress()
    outcome = OutcomeWriter(arguments.keep, progress.write)
    create_settings = self._settings_factory(
      plan, storage, limit, known_failures
    )
    supervisor = supervision.Supervisor(
      study,
      LocalWorkers(create_settings)
      if connection is None
      else RayWorkers(
        connection,
        create_settings,
        arguments.num_workers,
        storage.description,
        progress.write,
      ),
      progress,
      outcome.update,
      arguments.num_workers,
      self._deadline,
    )
    try:
      record = supervisor.run()
    finally:
      progress.close()
    outcome.write_report(record)
    _print_outcome(record, outcome.best)
    if supervisor.is_stopped:
      _write("Stopped. Start the same command again to go on.")
      return STOPPED_STATUS
    _check_failures(record, known_failures, limit, arguments.fail_fast)
    return 0

  def _find_place(self) -> storage_places.Place:
    """Returns where the study is, or is to be, after looking at its folder."""
    study_identity.check_folder(self._plan.study_dir)
    return storage_places.find_place(
      self._plan.study_dir,
      self._arguments.storage,
      self._arguments.num_workers,
    )

  def _settings_factory(
    self,
    plan: StudyPlan,
    storage: StudyStorage,
    limit: int,
    known_failures: int,
  ) -> Callable[[int, Optional[int], tuple[int, ...]], WorkerSettings]:
    arguments = self._arguments

    def create_settings(index, life_fd, close_fds):
      return WorkerSettings(
        plan,
        arguments.storage,
        arguments.num_workers,
        self._resources[index],
        has_heartbeats=storage.is_shared,
        heartbeat_secs=_HEARTBEAT_SECS,
        deadline=self._deadline,
        max_failures=limit,
        fail_fast=arguments.fail_fast,
        known_failures=known_failures,
        report_fn=self._report_fn,
        life_fd=life_fd,
        close_fds=close_fds,
      )

    return create_settings


def _make_folder(path: str) -> None:
  try:
    os.makedirs(path, exist_ok=True)
  except OSError as error:
    raise errors.UserOSError(
      f"--study_dir={path} cannot be made: {error.strerror}. Give a folder in "
      "which you may write."
    ) from error


def _num_wanted(
  settings: SweepSettings, arguments: SweepArguments
) -> Optional[int]:
  """Returns how many trials there are to be; None if time says."""
  wanted = num_possible(
    settings, settings.space, arguments.num_trials or settings.num_trials
  )
  if wanted is None and arguments.timeout_secs is None:
    raise errors.UserValueError(
      f"sweep.sampler = {settings.sampler!r} goes on for ever: set "
      "sweep.num_trials, --num_trials or --timeout."
    )
  return wanted


def _seeds(
  settings: SweepSettings, seed: Optional[int]
) -> tuple[Optional[int], ...]:
  if settings.repeats == 1:
    return (None,)
  if SEED_NAME in settings.space.names:
    raise errors.UserValueError(
      f"sweep.repeats = {settings.repeats} gives {SEED_NAME} to each run, and "
      "sweep.search_space varies it, too: take one of them out."
    )
  if seed is None:
    raise errors.UserValueError(
      f"sweep.repeats = {settings.repeats} gives each run of a trial a "
      f"{SEED_NAME}, and the config has no such macro with a number: add "
      f"{SEED_NAME} = 0 and bind what draws random numbers to %{SEED_NAME}, as "
      "configs/fine_tuning.gin does."
    )
  return tuple(range(seed, seed + settings.repeats))


def _description(
  plan: StudyPlan, arguments: SweepArguments
) -> list[tuple[str, str]]:
  settings = plan.settings
  trials = "as many as the time allows"
  if plan.num_wanted is not None:
    trials = f"{plan.num_wanted:,}"
  objectives = ", ".join(
    f"{o.name} ({'high' if o.is_max else 'low'} is good)"
    for o in settings.objectives
  )
  rows = [
    ("trials", trials),
    ("runs of each", str(len(plan.seeds))),
    ("objective", objectives),
    ("sampler, pruner", f"{settings.sampler}, {settings.pruner}"),
    ("workers", str(arguments.num_workers)),
  ]
  rows += [
    (parameter.name, _describe(parameter.to_json()))
    for parameter in plan.space.parameters
  ]
  return rows


def _describe(parameter: Mapping[str, Any]) -> str:
  """Returns what the search space says of a parameter, without its name."""
  if "choices" in parameter:
    text = ", ".join(parameter["choices"])
  else:
    text = f"{parameter['low']:g} to {parameter['high']:g}"
    text += ", by logarithm" if parameter.get("log") else ""
    for name in ("step", "num"):
      if parameter.get(name):
        text += f", {name} {parameter[name]:g}"
  if parameter.get("when"):
    text += f", where {parameter['when']}"
  return text


def _print_outcome(
  record: StudyRecord, found: Optional[best.BestFiles]
) -> None:
  print(leaderboard.format_leaderboard(record))
  rows = [
    ("table", leaderboard.LEADERBOARD_FILE),
    ("report", study_report.REPORT_FILE),
  ]
  if found is not None:
    rows += [
      (name, os.path.relpath(path, record.study_dir))
      for name, path in (("config", found.config), ("module", found.module))
      if path is not None
    ]
  print()
  for name, path in rows:
    print(f"{name:<7} {os.path.join(record.study_dir, path)}")
  for note in found.notes if found is not None else ():
    _write(note)


def _check_failures(
  record: StudyRecord, known_failures: int, limit: int, fail_fast: bool
) -> None:
  """Raises UserRuntimeError if failed trials ended the sweep."""
  failed = record.of_state(FAILED)
  num_new = len(failed) - known_failures
  has_other = record.of_state(COMPLETE, PRUNED)
  if num_new < limit or (has_other and not fail_fast):
    return
  newest = max(failed, key=lambda trial: (trial.ended is not None, trial.ended))
  logs = os.path.join(record.study_dir, newest.folder)
  if fail_fast:
    text = f"--fail_fast: trial {newest.number} failed: {newest.error}"
    where = f"Its log is in {logs}"
  else:
    text = (
      f"{num_new} trials failed and none succeeded "
      f"(sweep.max_failures = {limit}): {supervision.common_cause(record)}"
    )
    where = f"Their logs are in {logs} and beside it"
  raise errors.UserRuntimeError(
    f"{text.rstrip('.')}. {where}. When the cause is mended, the same command "
    "with --retry_failed runs them again."
  )


def _write(line: str) -> None:
  print(line, file=sys.stderr, flush=True)
