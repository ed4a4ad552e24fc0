"""best.gin and best/: the best trial, to run again and to use."""

from __future__ import annotations

import os
import re
import shutil
import time
from typing import NamedTuple, Optional

from hub_estimator import handles
from hub_estimator.hub import folders
from hub_estimator.hub.module_exporters import export_folders
from hub_estimator.sweeps.records import (
  SeedResult,
  StudyRecord,
  TrialRecord,
  best_seed,
)
from hub_estimator.sweeps.trial_text import TrialText, number_text
from hub_estimator.training import model_dir
from hub_estimator.training.run_exports import BEST_EXPORTER, MODULE_EXPORTER

BEST_CONFIG = "best.gin"
BEST_FOLDER = "best"
# In the `export.json` of a copy.
_COPIED_FROM = "copied_from"
_TEMPORARY = re.compile(r"temp-[0-9a-f]{12}")
# No copy takes as long.
_LEFT_OVER_AFTER_SECS = 3600


class BestFiles(NamedTuple):
  """What there is of the best trial.

  Attributes:
    trial: the trial.
    config: path of `best.gin`; None if its config is not on this machine.
    module: path of the copied module; None if its export is not on this
      machine, or there is none.
    notes: lines that say what is missing, and where it is.
  """

  trial: TrialRecord
  config: Optional[str]
  module: Optional[str]
  notes: tuple[str, ...]


def write_best(study: StudyRecord) -> Optional[BestFiles]:
  """Writes `best.gin` and `best/` in the study's folder.

  `best.gin` is the config of the best run of the best trial, whole, and says
  how to run it. `best/` is a folder of exports that holds one, a copy of that
  run's: `hub.Module(DIR/best)` loads it. While another one takes its place,
  there is always one that is whole.

  Args:
    study: the study so far.

  Returns:
    what was written, or was there already; None without a complete trial.

  Raises:
    OSError: the folder cannot be written, or is full.
  """
  trial = study.best()
  if trial is None or not trial.seeds:
    return None
  run = best_seed(trial, study.objectives)
  config, config_note = _write_config(study, trial, run)
  module, module_note = _copy_export(study, trial, run)
  notes = tuple(filter(None, [config_note, module_note]))
  return BestFiles(trial, config, module, notes)


def _write_config(
  study: StudyRecord, trial: TrialRecord, run: SeedResult
) -> tuple[Optional[str], Optional[str]]:
  source = model_dir.config_path(os.path.join(study.study_dir, run.folder))
  path = os.path.join(study.study_dir, BEST_CONFIG)
  try:
    with open(source, "rb") as file:
      config = file.read()
  except FileNotFoundError:
    return None, (
      f"{BEST_CONFIG} is not that of the best trial, {trial.number}: its "
      f"config is {_on(trial, source)}."
    )
  header = "".join(
    f"# {line}".rstrip() + "\n" for line in _header(study, trial, run, path)
  )
  content = f"{header}\n".encode() + config
  if _read(path) != content:
    folders.write_file(path, content)
  return path, None


def _header(
  study: StudyRecord, trial: TrialRecord, run: SeedResult, path: str
) -> list[str]:
  text = TrialText(study)
  lines = [
    f"The best trial of the study {study.name}: trial {trial.number}, "
    f"{text.objectives(trial)}."
  ]
  if len(trial.seeds) > 1:
    values = "  ".join(
      f"{objective.name} {number_text(value)}"
      for objective, value in zip(study.objectives, run.values)
    )
    seeds = ", ".join(str(each.seed) for each in trial.seeds)
    lines += [
      f"That is the mean over seeds {seeds}, ± their standard deviation. This "
      "is",
      f"the best of these runs, of seed {run.seed}: {values}.",
    ]
  if len(study.objectives) > 1:
    others = [t for t in study.front() if t.number != trial.number]
    lines.append(f"It is the best one by {study.objectives[0].name}.")
    if others:
      lines.append("Also on the Pareto front:")
    lines += [f"  trial {t.number}: {text.objectives(t)}" for t in others]
  return [
    *lines,
    "Run it again, from the folder in which the sweep ran, with",
    f"  python -m hub_estimator.train --gin_file={_shown_path(path)} "
    "--model_dir=NEW_DIR",
  ]


def _shown_path(path: str) -> str:
  """Returns a path as a command names it: from here if it lies below."""
  relative = os.path.relpath(path)
  return path if relative.startswith(os.pardir) else relative


def _copy_export(
  study: StudyRecord, trial: TrialRecord, run: SeedResult
) -> tuple[Optional[str], Optional[str]]:
  exports = run.results.get("exports") or {}
  written = exports.get(BEST_EXPORTER) or exports.get(MODULE_EXPORTER)
  if written is None:
    return None, f"The best trial, {trial.number}, exported no module."
  source = _find_export(study, run, written)
  folder = os.path.join(study.study_dir, BEST_FOLDER)
  origin = os.path.join(run.folder, *_end(written))
  name = os.path.basename(written)
  copies = handles.exports(folder)
  if copies:
    newest = os.path.join(folder, copies[-1])
    metadata = export_folders.read_metadata(newest) or {}
    if metadata.get(_COPIED_FROM) == {"study": study.name, "path": origin}:
      _tidy(folder, copies[:-1])
      return os.path.join(newest, name), None
  if source is None:
    return None, (
      f"The module of the best trial, {trial.number}, is "
      f"{_on(trial, written)}. {BEST_FOLDER}/ has no copy of it."
    )
  os.makedirs(folder, exist_ok=True)
  temporary = export_folders.temporary_path(folder)
  try:
    shutil.copytree(os.path.dirname(source), temporary)
    metadata = export_folders.read_metadata(temporary) or {}
    metadata[_COPIED_FROM] = {"study": study.name, "path": origin}
    export_folders.write_metadata(temporary, metadata)
    copy = _move_into_place(folder, temporary, int(_end(written)[-2]))
  except BaseException:
    shutil.rmtree(temporary, ignore_errors=True)
    raise
  # Those before it only: another process may have put one after it.
  _tidy(folder, [c for c in handles.exports(folder) if c < copy])
  return os.path.join(folder, copy, name), None


def _find_export(
  study: StudyRecord, run: SeedResult, written: str
) -> Optional[str]:
  """Returns where a module is now: the study's folder may have been moved."""
  moved = os.path.join(study.study_dir, run.folder, *_end(written))
  return next((p for p in (moved, written) if os.path.isdir(p)), None)


def _end(path: str) -> list[str]:
  """Returns the part below a run's folder: export/tf_hub/<seconds>/<name>."""
  return path.rstrip("/").split("/")[-4:]


def _move_into_place(folder: str, temporary: str, seconds: int) -> str:
  """Renames a copy to its time, or to later than all that are there."""
  while True:
    copies = handles.exports(folder)
    if copies:
      seconds = max(seconds, int(copies[-1]) + 1)
    try:
      os.rename(temporary, os.path.join(folder, str(seconds)))
      return str(seconds)
    except OSError:
      # Another process may have taken the name meanwhile.
      if not os.path.exists(os.path.join(folder, str(seconds))):
        raise


def _tidy(folder: str, copies: list[str]) -> None:
  """Deletes copies, and what processes left that were killed while copying."""
  for name in copies:
    temporary = export_folders.temporary_path(folder)
    try:
      os.rename(os.path.join(folder, name), temporary)
    except FileNotFoundError:
      continue
    shutil.rmtree(temporary, ignore_errors=True)
  for name in os.listdir(folder):
    path = os.path.join(folder, name)
    if not _TEMPORARY.fullmatch(name):
      continue
    try:
      age = time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
      continue
    if age > _LEFT_OVER_AFTER_SECS:
      shutil.rmtree(path, ignore_errors=True)


def _on(trial: TrialRecord, path: str) -> str:
  host = f"on {trial.host}" if trial.host else "not on this machine"
  return f"{host}: {path}"


def _read(path: str) -> Optional[bytes]:
  try:
    with open(path, "rb") as file:
      return file.read()
  except FileNotFoundError:
    return None
