"""Whether a study is the one that a command means."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.hub import folders
from hub_estimator.sweeps import space_differences
from hub_estimator.sweeps.sweep_settings import SweepSettings
from hub_estimator.training import gin_config, model_dir

IDENTITY_FILE = "study.json"
_MAX_SHOWN = 8
# What a command that was killed before it had made its study may have left.
_OWN_NAMES = (
  "study.db",
  "study.db-journal",
  "study.db-wal",
  "study.db-shm",
  "journal.log",
  "journal.log.lock",
  "study.lock",
  "workers",
  "trials",
  "workers.log",
)


@dataclasses.dataclass(frozen=True)
class Identity:
  """What makes a study that study; kept in its storage.

  Attributes:
    space: `SearchSpace.to_json`, with all modules.
    objectives: name -> "max" or "min".
    sampler: its name.
    sampler_seed: of the sampler.
    pruner: its name.
    seeds: of the runs of each trial.
    config: left side of each binding of the config -> its value.
    pinned: see `StudyPlan`.
    left_out: see `StudyPlan`.
    config_text: of the config that trials share.
    key: of this study alone.
  """

  space: Mapping[str, Any]
  objectives: Mapping[str, str]
  sampler: str
  sampler_seed: int
  pruner: str
  seeds: Sequence[Optional[int]]
  config: Mapping[str, str]
  pinned: Mapping[str, str] = dataclasses.field(default_factory=dict)
  left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
  config_text: str = ""
  key: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

  @classmethod
  def of(
    cls,
    settings: SweepSettings,
    seeds: Sequence[Optional[int]],
    config: Mapping[str, str],
  ) -> Identity:
    """Returns the identity of what a command asks for."""
    return cls(
      settings.space.to_json(),
      {o.name: "max" if o.is_max else "min" for o in settings.objectives},
      settings.sampler,
      settings.seed,
      settings.pruner,
      list(seeds),
      dict(config),
    )

  def differences(self, other: Identity) -> list[str]:
    """Returns lines on what another command asks for.

    Args:
      other: of the command; this one is the study's.
    """
    lines = space_differences.differences(self.space, other.space)
    for name, there, here in (
      ("sweep.objective", self.objectives, other.objectives),
      ("sweep.sampler", self.sampler, other.sampler),
      ("sweep.seed", self.sampler_seed, other.sampler_seed),
      ("sweep.pruner", self.pruner, other.pruner),
      ("seeds", list(self.seeds), list(other.seeds)),
    ):
      if there != here:
        lines.append(f"{name}: {there} there, {here} here")
    lines += gin_config.config_differences(
      dict(self.config), dict(other.config)
    )
    return lines


def check_same(there: Identity, here: Identity, what: str) -> None:
  """Raises UserValueError if a command does not mean the study that is there.

  Args:
    there: of the study.
    here: of the command.
    what: names the study in the message.
  """
  lines = there.differences(here)
  if not lines:
    return
  shown = "; ".join(lines[:_MAX_SHOWN])
  more = len(lines) - _MAX_SHOWN
  raise errors.UserValueError(
    f"{what} is another study: {shown}"
    f"{f'; and {more} more differences' if more > 0 else ''}. What was tried "
    "cannot be compared with what this command would try: give another "
    "--study_dir, or go on with the files as they were. (--num_trials, "
    "--timeout, --num_workers and sweep.max_failures may change.)"
  )


def read_key(study_dir: str) -> Optional[tuple[str, str]]:
  """Returns (name, key) of the study that a folder is of; None without one.

  Raises:
    UserOSError: the file that says it is damaged.
  """
  path = os.path.join(study_dir, IDENTITY_FILE)
  if not os.path.exists(path):
    return None
  try:
    with open(path, encoding="utf-8") as file:
      content = json.load(file)
    return content["name"], content["key"]
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise errors.UserOSError(
      f"{path}, which says what study the folder is of, cannot be read: "
      f"{error!r}. Give another --study_dir."
    ) from error


def write_key(study_dir: str, name: str, key: str, storage: str) -> None:
  """Notes what study a folder is of.

  Args:
    study_dir: the folder.
    name: of the study.
    key: of the study.
    storage: where it is kept, for people.
  """
  content = {"name": name, "key": key, "storage": storage}
  folders.write_file(
    os.path.join(study_dir, IDENTITY_FILE),
    f"{json.dumps(content, indent=2)}\n".encode(),
  )


def check_path(study_dir: str) -> str:
  """Returns the absolute path of a study's folder, "~" replaced.

  Raises:
    UserOSError: it cannot be a folder on this machine.
  """
  if "://" in study_dir:
    raise errors.UserOSError(
      f"--study_dir={study_dir} is a URL: a study's folder is on this machine; "
      "a database is given with --storage."
    )
  path = os.path.abspath(os.path.expanduser(study_dir))
  model_dir.check_no_file(path, f"--study_dir={study_dir}", "a study")
  return path


def check_folder(study_dir: str) -> None:
  """Raises UserValueError if a folder has other things than a study's."""
  if not os.path.isdir(study_dir) or read_key(study_dir) is not None:
    return
  others = sorted(
    name for name in os.listdir(study_dir) if name not in _OWN_NAMES
  )
  if others:
    raise errors.UserValueError(
      f"--study_dir={study_dir} is no study's folder: there is no "
      f"{IDENTITY_FILE}, but {', '.join(others[:5])}"
      f"{' …' if len(others) > 5 else ''}. Give a new or an empty folder."
    )
