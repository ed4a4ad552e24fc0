"""Sweeps whose trials fail, or that are stopped: a program forks them."""

import csv
import json
import pathlib

import optuna
import pytest
import upstream_hub

PROGRAM = pathlib.Path(__file__).with_name("forked_sweeps.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("interruptions")


@pytest.fixture(scope="module")
def found(folder):
  return upstream_hub.run(PROGRAM, "interruptions", folder)


def rows_of(study_dir):
  with open(study_dir / "leaderboard.csv", newline="") as file:
    return list(csv.DictReader(file))


def trials_of(folder, name, file="study.db"):
  """Returns the trials as Optuna has them."""
  path = folder / name / file
  if file == "study.db":
    storage = f"sqlite:///{path}"
  else:
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
  return optuna.load_study(study_name=name, storage=storage).trials


def test_no_sweep_ends_with_a_traceback(found):
  for sweep in found.values():
    assert "Traceback" not in sweep["err"] + sweep["out"]


def test_a_failing_trial_does_not_end_the_sweep(found, folder):
  assert found["crashes"]["status"] == 0, found["crashes"]["err"]
  rows = {row["HOW"]: row for row in rows_of(folder / "crashes")}
  assert {how: row["error"] for how, row in rows.items()} == {
    "": "",
    "error": "ValueError: it broke in two lines",
    "SIGSEGV": "The run's process was ended by SIGSEGV: a crash of the process."
    " Its log may say where.",
    "SIGKILL": "The run's process was ended by SIGKILL, as the system does when"
    " memory runs out.",
    "exit": "The run's process ended with status 3, without a word. Its log may"
    " say why.",
    "user error": "this cannot be trained",
  }
  assert [h for h, row in rows.items() if row["state"] == "complete"] == [""]


def test_a_failed_trial_keeps_the_last_lines_of_its_log(found, folder):
  by_how = {
    trial.params["HOW"]: trial.user_attrs["log_lines"]
    for trial in trials_of(folder, "crashes", "journal.log")
    if trial.params["HOW"]
  }
  assert by_how["exit"] == ["says no more than this"]
  assert by_how["user error"] == ["error: this cannot be trained"]
  assert by_how["error"][-2:] == ["ValueError: it broke", "in two lines"]
  assert any("Segmentation fault" in line for line in by_how["SIGSEGV"])


def test_fail_fast_ends_with_the_first_failure(found, folder):
  sweep = found["fail fast"]
  assert sweep["status"] == 2
  assert sweep["err"].splitlines()[-1] == (
    "error: --fail_fast: trial 0 failed: ValueError: it broke in two lines. "
    f"Its log is in {folder}/fail_fast/trials/0. When the cause is mended, the "
    "same command with --retry_failed runs them again."
  )
  states = [trial.state.name for trial in trials_of(folder, "fail_fast")]
  assert states == ["FAIL"] + 5 * ["WAITING"]


def test_a_sweep_of_failures_ends_with_their_common_cause(found, folder):
  sweep = found["all fail"]
  assert sweep["status"] == 2
  assert sweep["err"].splitlines()[-1] == (
    "error: 2 trials failed and none succeeded (sweep.max_failures = 2): 2 of "
    "2 failed trials (0, 1): ValueError: it broke in two lines. Their logs are "
    f"in {folder}/all_fail/trials/1 and beside it. When the cause is mended, "
    "the same command with --retry_failed runs them again."
  )
  assert "trials: 2 failed, 2 waiting\n" in sweep["out"]


def test_retried_trials_stand_in_the_stead_of_failed_ones(found, folder):
  again = found["all fail again"]
  assert again["status"] == 2
  trials = trials_of(folder, "all_fail")
  assert [t.user_attrs.get("retry_of") for t in trials[4:]] == [0, 1]
  assert [t.system_attrs["fixed_params"] for t in trials[4:]] == [
    {"LEARNING_RATE": 0.1},
    {"LEARNING_RATE": 0.2},
  ]
  # Four are wanted, and the two that failed before count no more.
  assert len(rows_of(folder / "all_fail")) == 4


def test_sigterm_ends_a_sweep_so_that_it_goes_on(found):
  sweep = found["stopped"]
  assert sweep["status"] == 75, sweep["err"]
  assert sweep["err"].startswith(
    "SIGTERM: the runs write a checkpoint and end; once more ends them at once."
  )
  assert sweep["err"].endswith(
    "Stopped. Start the same command again to go on.\n"
  )
  assert "trials: 2 waiting" in sweep["out"]


def test_the_same_command_ends_what_was_stopped(found, folder):
  again = found["stopped again"]
  assert again["status"] == 0, again["err"]
  trials = trials_of(folder, "stopped", "journal.log")
  assert [t.state.name for t in trials] == ["COMPLETE", "COMPLETE"]
  attempts = [t.user_attrs["attempts"] for t in trials]
  assert max(attempts) == 2
  for trial in trials:
    run = folder / "stopped" / "trials" / str(trial.number)
    written = json.loads((run / "results.json").read_text())
    assert (written["status"], written["global_step"]) == ("finished", 6)
    # From the checkpoint: the first step is not trained a second time.
    if "by SIGTERM; checkpoint" in (run / "log.txt").read_text():
      assert (run / "log.txt").read_text().count("step 1/6") == 1


def test_no_trial_is_begun_after_the_time(found, folder):
  assert found["timeout 0"]["status"] == 0
  assert "No trial is complete." in found["timeout 0"]["out"]
  assert found["timeout"]["status"] == 0, found["timeout"]["err"]
  # The first one took the time, and was finished.
  (trial,) = trials_of(folder, "timeout")
  assert trial.state.name == "COMPLETE"
