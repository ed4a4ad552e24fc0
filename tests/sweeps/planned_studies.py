"""Studies of plans, in files of a temporary folder; nothing of them is run."""

import optuna

from hub_estimator.sweeps import sampled_points
from hub_estimator.sweeps.storage import open_storage
from hub_estimator.sweeps.study import Study
from hub_estimator.sweeps.study_plan import StudyPlan
from hub_estimator.sweeps.sweep_settings import SweepSettings

CHOICES = {"LEARNING_RATE": [0.1, 0.2, 0.3], "TRAINABLE": [True, False]}
RANGE = {"LEARNING_RATE": {"low": 0.0, "high": 1.0}}


def settings(space=CHOICES, **fields):
  fields = {"objective": "accuracy", "sampler": "grid", **fields}
  return SweepSettings(search_space=space, **fields)


def plan(folder, space=CHOICES, num_wanted=None, **fields):
  """Returns a plan; `fields` are those of the settings."""
  made = settings(space, **fields)
  wanted = sampled_points.num_possible(made, made.space, num_wanted)
  return StudyPlan(str(folder), "study", made, made.space, wanted)


def create(made, num_workers=1):
  """Returns a new study of a plan, without trials, and its storage."""
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  storage = open_storage(made.study_dir, None, num_workers, lock_name="study")
  directions = [
    "maximize" if o.is_max else "minimize" for o in made.settings.objectives
  ]
  optuna.create_study(
    study_name=made.name, storage=storage.storage, directions=directions
  )
  return Study(storage, made), storage


def join(made, num_workers=1):
  """Returns the study that is there, as another process has it."""
  storage = open_storage(made.study_dir, None, num_workers, lock_name="study")
  return Study(storage, made)


def worker(name):
  return {"id": name, "machine": "m", "host": f"host of {name}"}
