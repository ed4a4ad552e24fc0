"""Runs of trials in processes of their own; a helper program forks them."""

import json
import pathlib

import misbehaving
import pytest
import upstream_hub

PROGRAM = pathlib.Path(__file__).with_name("forked_sweeps.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("trial_processes")


@pytest.fixture(scope="module")
def found(folder):
  return upstream_hub.run(PROGRAM, "trial_processes", folder)


def test_a_run_gives_its_evaluations_and_what_results_json_holds(found, folder):
  evaluation, last = found["finished"]["messages"]
  written = json.loads((folder / "finished" / "results.json").read_text())
  assert last == {"results": written}
  assert evaluation == {"step": 3, "metrics": written["metrics"]}
  assert written["global_step"] == 3
  assert found["finished"]["status"] == 0


def test_what_a_run_prints_is_in_its_log(found):
  log = found["finished"]["log"]
  assert log.startswith("step 1/3  loss ")
  assert "global step          3\n" in log


def test_a_mistake_of_the_user_is_one_line(found):
  run = found["user error"]
  assert run["messages"] == [{"error": "this cannot be trained"}]
  assert run["log"] == "error: this cannot be trained\n"


def test_an_exception_has_its_traceback_in_the_log(found):
  run = found["error"]
  assert run["messages"] == [{"error": "ValueError: it broke in two lines"}]
  assert run["log"].startswith("Traceback (most recent call last):\n")
  assert "misbehaving.py" in run["log"]
  assert run["log"].endswith("ValueError: it broke\nin two lines\n")


def test_a_process_that_ends_by_itself_says_nothing(found):
  run = found["exit"]
  assert (run["status"], run["messages"]) == (3, [])
  assert run["log"] == "says no more than this\n"


def test_a_crash_ends_its_process_alone_and_shows_where(found):
  run = found["SIGSEGV"]
  assert (run["status"], run["messages"]) == (-11, [])
  assert "Segmentation fault" in run["log"]
  assert "misbehaving.py" in run["log"]


def test_a_killed_run_ends_with_the_signal(found):
  run = found["SIGKILL"]
  assert (run["status"], run["messages"]) == (-9, [])


def test_what_a_run_leaks_ends_with_it(found):
  assert found["leak"]["messages"][-1]["results"]["status"] == "finished"
  assert found["leaked"] < misbehaving.MEGABYTES // 5


def test_a_run_that_asks_goes_on_or_is_pruned(found, folder):
  run = found["pruned"]
  assert [m.get("step") for m in run["messages"]] == [2, 4, None]
  assert run["messages"][-1] == {"pruned": 4}
  written = json.loads((folder / "pruned" / "results.json").read_text())
  assert written == {
    "status": "pruned",
    "global_step": 4,
    "metrics": run["messages"][1]["metrics"],
  }


def test_a_stopped_run_goes_on_from_its_checkpoint(found):
  assert found["stopped"]["messages"] == [{"stopped": True}]
  assert "Stopped at step 2 by SIGTERM" in found["stopped"]["log"]
  again = found["stopped again"]
  assert [m.get("step") for m in again["messages"]] == [2, 4, 6, None]
  # Both are in one log, and no step is trained twice.
  assert again["log"].startswith(found["stopped"]["log"])
  assert again["log"].count("step 1/6") == 1
  assert "step 3/6" in again["log"]


def test_a_run_ends_with_its_worker(found):
  assert found["orphan ran"] is True
  assert found["orphan ended"] is True
