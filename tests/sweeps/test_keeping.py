"""--keep: what stays of the trials that are not among the best."""

import datetime
import json
import os
import shutil
import time

import pytest
from trial_records import ACCURACY, SIZE, complete, run, study, trial

from hub_estimator import errors
from hub_estimator.sweeps import keeping, records
from hub_estimator.training import run_lock

RESULT_FILES = (
  "config.gin",
  "evaluations.json",
  "input.json",
  "log.txt",
  "report.html",
  "results.json",
  "events.out.tfevents.1.host",
  "eval/events.out.tfevents.1.host",
)
LARGE = {
  "checkpoint",
  "model.ckpt-4.index",
  "model.ckpt-4.meta",
  "model.ckpt-4.data-00000-of-00001",
  "best",
  "damaged",
  "export",
}


def write_run(folder, results=None):
  """Writes the files of a run."""
  large = LARGE - {"best", "damaged", "export"}
  for name in (
    *RESULT_FILES,
    *large,
    "best/model.ckpt-2.index",
    "damaged/model.ckpt-3.index",
    "export/tf_hub/1700000000/module/tfhub_module.pb",
  ):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
  if results is None:
    (folder / "results.json").unlink()
  else:
    (folder / "results.json").write_text(json.dumps(results))


@pytest.fixture
def folder(tmp_path):
  """A study's folder."""
  return tmp_path


def create_study(folder, *trials, **fields):
  """Returns a study, and writes the folders of its runs."""
  for each in trials:
    for run_of in each.seeds:
      write_run(folder / run_of.folder, run_of.results)
    if not each.seeds:
      write_run(folder / each.folder)
  return study(*trials, study_dir=folder, **fields)


def names(path):
  return {entry.name for entry in path.iterdir()} - {"run.lock"}


def has_large(folder, number):
  found = names(folder / "trials" / str(number)) & LARGE
  assert found in (set(), LARGE)
  return bool(found)


def test_the_flag():
  assert keeping.parse_keep("all") == "all"
  assert keeping.parse_keep("3") == 3
  for text in ("0", "-1", "1.5", "", "none"):
    with pytest.raises(errors.UserValueError) as raised:
      keeping.parse_keep(text)
    assert str(raised.value) == (
      "--keep is the number of trials whose checkpoints and exports stay, 1 or "
      f"more, or 'all'; got {text!r}. Results, logs and reports of all trials "
      "stay in any case."
    )


def test_the_best_trials_keep_all_and_the_others_their_results(folder):
  found = create_study(
    folder,
    complete(0, 0.5),
    complete(1, 0.9),
    complete(2, 0.7),
    trial(3, records.FAILED),
    trial(4, records.PRUNED),
  )
  removed = keeping.prune_folders(found, 2)
  assert {has_large(folder, n) for n in (1, 2)} == {True}
  assert {has_large(folder, n) for n in (0, 3, 4)} == {False}
  assert set(removed) == {
    f"trials/{n}/{name}" for n in (0, 3, 4) for name in LARGE
  }
  top = {name.partition("/")[0] for name in RESULT_FILES}
  assert names(folder / "trials/0") == top
  assert (folder / "trials/0/eval/events.out.tfevents.1.host").exists()
  assert names(folder / "trials/4") == top - {"results.json"}
  # Done is done.
  assert keeping.prune_folders(found, 2) == []


def test_all_stays(folder):
  found = create_study(folder, complete(0, 0.5), trial(1, records.FAILED))
  assert keeping.prune_folders(found, "all") == []
  assert has_large(folder, 0) and has_large(folder, 1)
  assert keeping.kept_numbers(found, "all") == {0}


def test_trials_that_run_or_wait_are_left_alone(folder):
  found = create_study(
    folder,
    complete(0, 0.5),
    trial(1, records.RUNNING),
    trial(2, records.WAITING),
  )
  assert keeping.prune_folders(found, 1) == []
  assert has_large(folder, 1) and has_large(folder, 2)


def test_the_pareto_front_stays(folder):
  found = create_study(
    folder,
    complete(0, 0.9, 100),
    complete(1, 0.8, 10),
    complete(2, 0.85, 200),
    complete(3, 0.7, 300),
    objectives=(ACCURACY, SIZE),
  )
  assert keeping.kept_numbers(found, 1) == {0, 1}
  assert keeping.kept_numbers(found, 3) == {0, 1, 2}
  keeping.prune_folders(found, 1)
  assert [has_large(folder, n) for n in range(4)] == [True, True, False, False]


def test_every_seed_of_a_trial_is_pruned(folder):
  def seeds(number, *values):
    return [
      run(number, value, seed=seed, folder=f"trials/{number}/seed_{seed}")
      for seed, value in enumerate(values)
    ]

  found = create_study(
    folder,
    complete(0, 0.5, runs=seeds(0, 0.4, 0.6)),
    complete(1, 0.55, runs=seeds(1, 0.55, 0.55)),
    # One seed has its result, the other failed.
    trial(2, records.FAILED, seeds=tuple(seeds(2, 0.9))),
  )
  write_run(folder / "trials/2/seed_1")
  keeping.prune_folders(found, 1)
  for number, is_kept in ((0, False), (1, True), (2, False)):
    for seed in range(2):
      assert has_large(folder, f"{number}/seed_{seed}") == is_kept


def test_a_run_that_was_resumed_is_left_alone(folder):
  found = create_study(folder, *(complete(n, n / 10) for n in range(4)))
  # Resumed and finished; resumed and killed; resumed, without results yet.
  later = {**found.trials[0].seeds[0].results, "global_step": 8}
  (folder / "trials/0/results.json").write_text(json.dumps(later))
  (folder / "trials/1/model.ckpt-6.index").write_text("x")
  (folder / "trials/2/results.json").unlink()
  assert keeping.prune_folders(found, 1) == []
  for number in range(3):
    assert names(folder / "trials" / str(number)) >= LARGE


def test_a_failed_run_that_was_resumed_is_left_alone(folder):
  now = datetime.datetime.now()
  found = create_study(
    folder,
    complete(0, 0.5),
    trial(1, records.FAILED, ended=now),
    trial(2, records.FAILED, ended=now),
    trial(3, records.FAILED, ended=now),
    trial(4, records.FAILED, ended=now),
  )
  results = folder / "trials/1/results.json"
  results.write_text('{"status": "finished"}')
  # A run that a signal stopped has such results.
  results = folder / "trials/2/results.json"
  results.write_text('{"status": "resumable"}')
  later = time.time() + 60
  os.utime(folder / "trials/3/model.ckpt-4.index", (later, later))
  keeping.prune_folders(found, 1)
  assert [has_large(folder, n) for n in range(1, 5)] == [
    True,
    False,
    True,
    False,
  ]


def test_a_folder_that_a_process_works_in_is_left_alone(folder):
  found = create_study(folder, complete(0, 0.5), complete(1, 0.6))
  with run_lock.run_lock(str(folder / "trials/0")):
    assert keeping.prune_folders(found, 1) == []
  assert has_large(folder, 0)
  keeping.prune_folders(found, 1)
  assert not has_large(folder, 0)


@pytest.mark.parametrize("num_calls", range(len(LARGE) + 1))
def test_the_next_time_does_what_a_killed_process_left(
  folder, monkeypatch, num_calls
):
  class Killed(BaseException):
    pass

  found = create_study(folder, complete(0, 0.5), complete(1, 0.6))
  calls = []

  def dies(call):
    def dying(*arguments, **options):
      if len(calls) == num_calls:
        raise Killed
      calls.append(arguments)
      return call(*arguments, **options)

    return dying

  with monkeypatch.context() as patched:
    patched.setattr(os, "rename", dies(os.rename))
    patched.setattr(shutil, "rmtree", dies(shutil.rmtree))
    with pytest.raises(Killed):
      keeping.prune_folders(found, 1)
  keeping.prune_folders(found, 1)
  assert not has_large(folder, 0)
  top = {name.partition("/")[0] for name in RESULT_FILES}
  assert names(folder / "trials/0") == top
  assert has_large(folder, 1)


def test_folders_of_other_machines_are_not_made(folder):
  found = study(complete(0, 0.5), complete(1, 0.6), study_dir=folder)
  assert keeping.prune_folders(found, 1) == []
  assert list(folder.iterdir()) == []
