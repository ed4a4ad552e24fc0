"""Studies written down by hand."""

from hub_estimator.sweeps import records

ACCURACY = records.Objective("accuracy", True)
SIZE = records.Objective("num_trainable_parameters", False)


def run(number, *values, seed=0, folder=None, seconds=10.0, **results):
  """Returns a finished run of a trial; `results` are those of results.json."""
  return records.SeedResult(
    seed=seed,
    folder=folder or f"trials/{number}",
    values=values,
    results={
      "metrics": {"accuracy": values[0], "loss": 1.0},
      "num_trainable_parameters": 12,
      "module_trainable_parameters": 8,
      "global_step": 4,
      "status": "finished",
      **results,
    },
    seconds=seconds,
  )


def trial(number, state, params=None, **fields):
  """Returns a trial that is not complete."""
  return records.TrialRecord(number, state, params or {}, **fields)


def complete(number, *values, runs=None, params=None, **fields):
  """Returns a complete trial, of one run unless `runs` are given."""
  return records.TrialRecord(
    number,
    records.COMPLETE,
    params or {},
    values=values,
    seeds=tuple(runs or [run(number, *values)]),
    **fields,
  )


def study(*trials, study_dir="/study", objectives=(ACCURACY,), **fields):
  """Returns a study with the name "digits"."""
  return records.StudyRecord(
    name="digits",
    study_dir=str(study_dir),
    objectives=objectives,
    trials=trials,
    **fields,
  )
