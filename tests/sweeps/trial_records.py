"""Studies as plain data, for tests of what reads them."""

from hub_estimator.sweeps import records

ACCURACY = records.Objective("accuracy", True)
SIZE = records.Objective("num_trainable_parameters", False)


def run(number, *values, seed=0, folder=None, seconds=10.0, **results):
  """A finished run of a trial; `results` go to what `results.json` holds."""
  return records.SeedResult(
    seed=seed,
    folder=folder or f"trials/{number}",
    values=values,
    results={
      "metrics": {"accuracy": values[0], "loss": 1.0},
      "global_step": 4,
      "status": "finished",
      "num_trainable_parameters": 12,
      "module_trainable_parameters": 8,
      "exports": {},
      **results,
    },
    seconds=seconds,
  )


def complete(number, *values, runs=None, params=None, **fields):
  """A complete trial, of one run if none are given."""
  return records.TrialRecord(
    number=number,
    state=records.COMPLETE,
    params=params or {},
    values=values,
    seeds=tuple(runs or [run(number, *values)]),
    **fields,
  )


def trial(number, state, params=None, **fields):
  """A trial of another state."""
  return records.TrialRecord(number, state, params or {}, **fields)


def study(*trials, objectives=(ACCURACY,), study_dir="/study", **fields):
  """A study of trials."""
  return records.StudyRecord(
    "digits",
    str(study_dir),
    objectives,
    tuple(sorted(trials, key=lambda trial: trial.number)),
    **fields,
  )
