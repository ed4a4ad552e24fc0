"""best.gin and best/, of a run that is one."""

import dataclasses
import json
import os
import pathlib
import shutil
import threading

import pytest
import tiny_runs
from trial_records import ACCURACY, SIZE, complete, run, study, trial

from hub_estimator import hub
from hub_estimator.sweeps import best, records


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
  """The folder of a finished run, and its results."""
  folder = tmp_path_factory.mktemp("tiny_run")
  config = tiny_runs.write_config(folder)
  results = tiny_runs.launch(config, folder / "run", "SEED = 3")
  return folder / "run", results


@pytest.fixture
def created(run_dir, tmp_path):
  """Gives `run_of(number, …)`: a run of a study in `tmp_path`."""
  source, results = run_dir

  def run_of(number, *values, seed=0, folder=None):
    folder = folder or f"trials/{number}"
    shutil.copytree(source, tmp_path / folder)
    exports = {
      name: str(tmp_path / folder / os.path.relpath(path, source))
      for name, path in results["exports"].items()
    }
    found = run(number, *values, seed=seed, folder=folder)
    return dataclasses.replace(found, results={**results, "exports": exports})

  return run_of


def study_of(tmp_path, *trials, **fields):
  return study(*trials, study_dir=tmp_path, **fields)


def copies(tmp_path):
  return sorted(entry.name for entry in (tmp_path / "best").iterdir())


def origin(tmp_path):
  """Where the copy in best/ is from."""
  (copy,) = copies(tmp_path)
  metadata = (tmp_path / "best" / copy / "export.json").read_text()
  return json.loads(metadata)["copied_from"]["path"]


def test_without_a_complete_trial_nothing_is_written(tmp_path):
  found = study_of(tmp_path, trial(0, records.FAILED))
  assert best.write_best(found) is None
  assert list(tmp_path.iterdir()) == []


def test_best_gin_gives_the_result_again(
  created, run_dir, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  runs = [created(4, run_dir[1]["metrics"]["accuracy"])]
  found = best.write_best(
    study_of(
      tmp_path, complete(4, runs[0].values[0], runs=runs), complete(2, -1.0)
    )
  )
  assert found.trial.number == 4
  assert found.config == str(tmp_path / "best.gin")
  assert found.notes == ()
  again = tiny_runs.launch(found.config, tmp_path / "again")
  assert again["metrics"] == run_dir[1]["metrics"]
  lines = pathlib.Path(found.config).read_text().splitlines()
  assert lines[0].startswith(
    "# The best trial of the study digits: trial 4, accuracy "
  )
  assert (
    "#   python -m hub_estimator.train --gin_file=best.gin --model_dir=NEW_DIR"
    in lines
  )


def test_best_is_a_folder_of_exports_with_one(created, run_dir, tmp_path):
  found = best.write_best(
    study_of(tmp_path, complete(4, 0.5, runs=[created(4, 0.5)]))
  )
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(str(tmp_path / "best")),
    tiny_runs.exported_weights(run_dir[1]["exports"]["tf_hub"]),
  )
  exported = run_dir[1]["exports"]["tf_hub"]
  path = pathlib.Path(found.module)
  assert path.parent.parent == tmp_path / "best"
  assert (path / "tfhub_module.pb").exists()
  metadata = json.loads((path.parent / "export.json").read_text())
  # What the exporter wrote, and where it is from.
  assert metadata.pop("copied_from") == {
    "study": "digits",
    "path": f"trials/4/{os.path.relpath(exported, run_dir[0])}",
  }
  written = pathlib.Path(exported).parent / "export.json"
  assert metadata == json.loads(written.read_text())


def test_the_same_best_trial_is_left_alone(created, tmp_path):
  found = study_of(tmp_path, complete(0, 0.5, runs=[created(0, 0.5)]))
  first = best.write_best(found)
  inodes = [os.stat(path).st_ino for path in (first.config, first.module)]
  # Even if its export is gone, and another trial came.
  shutil.rmtree(tmp_path / "trials/0/export")
  worse = complete(1, 0.25, runs=[created(1, 0.25)])
  second = best.write_best(study_of(tmp_path, *found.trials, worse))
  assert second == first
  assert [os.stat(p).st_ino for p in (first.config, first.module)] == inodes


def test_another_best_trial_takes_its_place(created, tmp_path):
  first = complete(0, 0.5, runs=[created(0, 0.5)])
  best.write_best(study_of(tmp_path, first))
  assert origin(tmp_path).startswith("trials/0/export/tf_hub/")
  before = copies(tmp_path)
  second = complete(1, 0.75, runs=[created(1, 0.75)])
  found = best.write_best(study_of(tmp_path, first, second))
  assert origin(tmp_path).startswith("trials/1/export/tf_hub/")
  # Later than the one before, though both have the same time of their own.
  assert copies(tmp_path) > before
  assert "trial 1," in pathlib.Path(found.config).read_text()
  # And back, as when the storage is another one.
  best.write_best(study_of(tmp_path, first))
  assert origin(tmp_path).startswith("trials/0/")


def test_there_is_always_a_whole_module(created, tmp_path, monkeypatch):
  trials = [complete(n, n / 10, runs=[created(n, n / 10)]) for n in range(4)]
  best.write_best(study_of(tmp_path, trials[0]))
  seen = []

  def looking(call):
    def look(*arguments, **options):
      result = call(*arguments, **options)
      module = hub.load_module_spec(str(tmp_path / "best"))
      seen.append(module.get_signature_names())
      return result

    return look

  for name in ("rename", "mkdir"):
    monkeypatch.setattr(os, name, looking(getattr(os, name)))
  monkeypatch.setattr(shutil, "copytree", looking(shutil.copytree))
  monkeypatch.setattr(shutil, "rmtree", looking(shutil.rmtree))
  for end in range(2, 5):
    best.write_best(study_of(tmp_path, *trials[:end]))
  assert len(seen) > 9 and len(copies(tmp_path)) == 1


def test_two_processes_may_write_at_once(created, tmp_path):
  trials = [complete(n, n / 10, runs=[created(n, n / 10)]) for n in range(2)]
  studies = [study_of(tmp_path, *trials[:end]) for end in (1, 2)] * 2
  problems = []

  def write(each):
    try:
      best.write_best(each)
    except OSError as error:
      problems.append(error)

  threads = [threading.Thread(target=write, args=(s,)) for s in studies]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert not problems
  found = best.write_best(studies[1])
  assert origin(tmp_path).startswith("trials/1/")
  assert os.path.isdir(found.module)


def test_what_a_killed_process_left_is_deleted_after_a_while(created, tmp_path):
  found = study_of(tmp_path, complete(0, 0.5, runs=[created(0, 0.5)]))
  best.write_best(found)
  old, new = (tmp_path / f"best/temp-{digit * 12}" for digit in "ab")
  for path in (old, new):
    path.mkdir()
  os.utime(old, (0, 0))
  best.write_best(found)
  # The new one may be that of a process which is copying.
  assert new.exists() and not old.exists()


def test_a_copy_that_fails_leaves_the_one_before(
  created, tmp_path, monkeypatch
):
  trials = [complete(n, n / 10, runs=[created(n, n / 10)]) for n in range(2)]
  best.write_best(study_of(tmp_path, trials[0]))

  def full(*unused):
    raise OSError(28, "No space left on device")

  with monkeypatch.context() as patched:
    patched.setattr(shutil, "copytree", full)
    with pytest.raises(OSError, match="No space"):
      best.write_best(study_of(tmp_path, *trials))
  assert origin(tmp_path).startswith("trials/0/")


def test_the_export_of_the_best_evaluation_is_preferred(created, tmp_path):
  found = created(0, 0.5)
  newest = pathlib.Path(found.results["exports"]["tf_hub"])
  path = tmp_path / "trials/0/export/best/1700000000" / newest.name
  shutil.copytree(newest.parent, path.parent)
  found.results["exports"]["best"] = str(path)
  written = best.write_best(study_of(tmp_path, complete(0, 0.5, runs=[found])))
  assert origin(tmp_path) == f"trials/0/export/best/1700000000/{newest.name}"
  assert written.module == str(tmp_path / "best/1700000000" / newest.name)


def test_of_several_seeds_the_best_run_is_taken(created, tmp_path):
  runs = [
    created(7, value, seed=seed, folder=f"trials/7/seed_{seed}")
    for seed, value in ((5, 0.5), (6, 0.75), (7, 0.25))
  ]
  config = tmp_path / "trials/7/seed_6/config.gin"
  config.write_text("SEED = 6\n")
  found = best.write_best(study_of(tmp_path, complete(7, 0.5, runs=runs)))
  assert pathlib.Path(found.config).read_text() == (
    "# The best trial of the study digits: trial 7, accuracy 0.5 ± 0.25.\n"
    "# That is the mean over seeds 5, 6, 7, ± their standard deviation. This "
    "is\n"
    "# the best of these runs, of seed 6: accuracy 0.75.\n"
    "# Run it again, from the folder in which the sweep ran, with\n"
    "#   python -m hub_estimator.train "
    f"--gin_file={found.config} --model_dir=NEW_DIR\n"
    "\n"
    "SEED = 6\n"
  )
  assert origin(tmp_path).startswith("trials/7/seed_6/")


def test_the_pareto_front_is_named(created, tmp_path):
  found = best.write_best(
    study_of(
      tmp_path,
      complete(0, 0.5, 100.0, runs=[created(0, 0.5, 100.0)]),
      complete(1, 0.4, 2000.0),
      complete(2, 0.3, 10.0),
      objectives=(ACCURACY, SIZE),
    )
  )
  lines = pathlib.Path(found.config).read_text().splitlines()
  assert lines[:4] == [
    "# The best trial of the study digits: trial 0, accuracy 0.5  "
    "num_trainable_parameters 100.",
    "# It is the best one by accuracy.",
    "# Also on the Pareto front:",
    "#   trial 2: accuracy 0.3  num_trainable_parameters 10",
  ]


def test_a_trial_of_another_machine_is_told_of(tmp_path):
  path = "/far/trials/0/export/tf_hub/1700000000/module"
  runs = [run(0, 0.5, exports={"tf_hub": path})]
  found = best.write_best(
    study_of(tmp_path, complete(0, 0.5, runs=runs, host="gpu-7"))
  )
  assert (found.config, found.module) == (None, None)
  assert found.notes == (
    "best.gin is not that of the best trial, 0: its config is on gpu-7: "
    f"{tmp_path}/trials/0/config.gin.",
    f"The module of the best trial, 0, is on gpu-7: {path}. best/ has no copy "
    "of it.",
  )
  assert list(tmp_path.iterdir()) == []


def test_a_run_without_an_export_is_told_of(tmp_path):
  runs = [run(0, 0.5)]
  found = best.write_best(study_of(tmp_path, complete(0, 0.5, runs=runs)))
  assert found.notes == (
    "best.gin is not that of the best trial, 0: its config is not on this "
    f"machine: {tmp_path}/trials/0/config.gin.",
    "The best trial, 0, exported no module.",
  )


def test_a_study_that_was_moved(created, tmp_path):
  found = created(0, 0.5)
  found.results["exports"]["tf_hub"] = found.results["exports"][
    "tf_hub"
  ].replace(str(tmp_path), "/where/it/was")
  written = best.write_best(study_of(tmp_path, complete(0, 0.5, runs=[found])))
  assert written.notes == ()
  assert os.path.isdir(written.module)
