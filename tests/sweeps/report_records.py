"""Studies made by hand, for tests of what is drawn and written of them."""

import datetime
import statistics

from hub_estimator.sweeps.records import (
  COMPLETE,
  Objective,
  SeedResult,
  StudyRecord,
  TrialRecord,
)

ACCURACY = Objective("accuracy", True)
SECONDS = Objective("train_seconds", False)
START = datetime.datetime(2025, 3, 1, 9, 0)
SMALL, LARGE = "runs/small/export/tf_hub", "runs/large/export/tf_hub"


def minute(number):
  return START + datetime.timedelta(minutes=number)


def trial(number, *seed_values, state=COMPLETE, **fields):
  """Returns a trial; a number, or a tuple of them, for each seed."""
  tuples = [v if isinstance(v, tuple) else (v,) for v in seed_values]
  folder = f"trials/{number}"
  seeds = tuple(
    SeedResult(
      seed,
      f"{folder}/seed_{seed}" if len(tuples) > 1 else folder,
      values,
      {"num_trainable_parameters": 1234},
      60.0,
    )
    for seed, values in enumerate(tuples)
  )
  values = tuple(statistics.mean(column) for column in zip(*tuples)) or None
  fields.setdefault("params", {})
  fields.setdefault("started", minute(number))
  fields.setdefault("ended", minute(number + 1))
  return TrialRecord(number, state, values=values, seeds=seeds, **fields)


def study(*trials, folder="/nowhere", **fields):
  fields.setdefault("objectives", (ACCURACY,))
  return StudyRecord("digits", str(folder), trials=tuple(trials), **fields)
