"""Makes a study, or joins the one that is there."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Sequence
from typing import Any, Callable, Optional

import optuna

from hub_estimator import errors
from hub_estimator.hub import folders
from hub_estimator.sweeps import preparation, study_identity
from hub_estimator.sweeps.resources import Resources
from hub_estimator.sweeps.sampled_points import num_possible
from hub_estimator.sweeps.storage import StudyStorage
from hub_estimator.sweeps.study import Study
from hub_estimator.sweeps.study_identity import Identity
from hub_estimator.sweeps.study_plan import SWEEP_FILE, StudyPlan

_IDENTITY = "sweep"
_NUM_WANTED = "num_trials"


def check_new(
  plan: StudyPlan,
  config: preparation.BaseConfig,
  resources: Sequence[Resources],
  write: Callable[[str], None],
) -> StudyPlan:
  """Checks all trials of a study that is to be made.

  Args:
    plan: what the command asks for.
    config: that trials share.
    resources: of the processes that check.
    write: takes a line of text.

  Returns:
    the plan as the study is to have it.

  Raises:
    UserError: a trial that cannot be run.
  """
  plan = dataclasses.replace(
    plan, pinned=preparation.pinned_handles(plan.space)
  )
  return preparation.check_plan(plan, config, resources, write)


def create_or_join(
  storage: StudyStorage,
  plan: StudyPlan,
  config: preparation.BaseConfig,
  sweep_text: str,
  resources: Sequence[Resources],
  write: Callable[[str], None],
  is_checked: bool = False,
) -> tuple[Study, StudyPlan]:
  """Returns the study of a plan, and the plan as the study has it.

  A new study is made after all its trials were checked. Its folder is noted to
  be that study's.

  Args:
    storage: of the study.
    plan: what the command asks for.
    config: that trials share.
    sweep_text: of the sweep file, for the folder.
    resources: of the processes that check.
    write: takes a line of text.
    is_checked: whether the plan is one of `check_new`.

  Raises:
    UserError: a trial that cannot be run; another study is there.
  """
  storage.lock_name = plan.name
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  asked = Identity.of(plan.settings, plan.seeds, config.texts)
  folder_key = study_identity.read_key(plan.study_dir)
  there = _find(storage, plan.name)
  if there is None:
    if folder_key is not None:
      raise errors.UserValueError(
        f"--study_dir={plan.study_dir} is of the study {folder_key[0]!r}, and "
        f"{storage.description} has none of the name {plan.name!r}. Give the "
        "--storage (and --study_name) that it was begun with, or another "
        "--study_dir."
      )
    if not is_checked:
      plan = check_new(plan, config, resources, write)
    there = _create(storage, plan, asked, config.text)
  identity, num_wanted = there
  if folder_key is not None and folder_key[1] != identity.key:
    raise errors.UserValueError(
      f"--study_dir={plan.study_dir} is of another study, {folder_key[0]!r}, "
      f"than {plan.name!r} in {storage.description}. Give another --study_dir, "
      "or the --storage that it was begun with."
    )
  where = f"{plan.name!r} in {storage.description}"
  study_identity.check_same(identity, asked, where)
  plan = _as_there(plan, identity, num_wanted)
  _write_folder(storage, plan, identity, sweep_text)
  if plan.num_wanted is not None and plan.num_wanted != num_wanted:
    storage.call(_set_num_wanted, storage, plan)
  study = Study(storage, plan)
  study.add_trials()
  return study, plan


def _find(
  storage: StudyStorage, name: str
) -> Optional[tuple[Identity, Optional[int]]]:
  """Returns what is noted of a study; None if it is not there."""

  def find():
    try:
      found = optuna.load_study(study_name=name, storage=storage.storage)
    except KeyError:
      return None
    if _IDENTITY in found.user_attrs:
      return _noted(found)
    if found.get_trials(deepcopy=False):
      raise errors.UserValueError(
        f"{name!r} in {storage.description} is a study of another program. "
        "Give another --study_name."
      )
    return None  # What made it was killed then.

  return storage.call(find)


def _noted(study: optuna.Study) -> tuple[Identity, Optional[int]]:
  attrs = study.user_attrs
  return Identity(**attrs[_IDENTITY]), attrs.get(_NUM_WANTED)


def _create(
  storage: StudyStorage, plan: StudyPlan, asked: Identity, config_text: str
) -> tuple[Identity, Optional[int]]:
  identity = dataclasses.replace(
    asked,
    pinned=dict(plan.pinned),
    left_out=dict(plan.left_out),
    config_text=config_text,
  )

  def create():
    study = optuna.create_study(
      study_name=plan.name,
      storage=storage.storage,
      directions=[
        "maximize" if objective.is_max else "minimize"
        for objective in plan.settings.objectives
      ],
      load_if_exists=True,
    )
    # Another machine may have been faster.
    if _IDENTITY not in study.user_attrs:
      study.set_user_attr(_NUM_WANTED, plan.num_wanted)
      study.set_user_attr(_IDENTITY, dataclasses.asdict(identity))
      with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # What optuna-dashboard calls the axes.
        study.set_metric_names([o.name for o in plan.settings.objectives])
    return _noted(study)

  return storage.exclusively(create)


def _set_num_wanted(storage: StudyStorage, plan: StudyPlan) -> None:
  study = optuna.load_study(study_name=plan.name, storage=storage.storage)
  study.set_user_attr(_NUM_WANTED, plan.num_wanted)


def _as_there(
  plan: StudyPlan, identity: Identity, num_wanted: Optional[int]
) -> StudyPlan:
  """Returns a plan with what the study decided when it was made."""
  space = plan.settings.space
  if identity.left_out:
    space = space.without(space.handle_name, set(identity.left_out))
  wanted = num_possible(plan.settings, space, plan.num_wanted)
  if wanted is not None and num_wanted is not None:
    # Trials that are there stay: a smaller number than before ends nothing.
    wanted = max(wanted, num_wanted)
  return dataclasses.replace(
    plan,
    space=space,
    num_wanted=wanted,
    pinned=identity.pinned,
    left_out=identity.left_out,
  )


def _write_folder(
  storage: StudyStorage, plan: StudyPlan, identity: Identity, sweep_text: str
) -> None:
  contents: dict[str, Any] = {
    plan.config_path: identity.config_text,
    os.path.join(plan.study_dir, SWEEP_FILE): sweep_text,
  }
  for path, text in contents.items():
    folders.write_file(path, text.encode())
  study_identity.write_key(
    plan.study_dir, plan.name, identity.key, storage.description
  )
