"""Whole sweeps; a helper program forks them."""

import csv
import json
import os
import pathlib
import re
import statistics

import pytest
import upstream_hub

from hub_estimator import hub
from hub_estimator.sweeps.leaderboard import LEADERBOARD_FILE

PROGRAM = pathlib.Path(__file__).with_name("forked_sweeps.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("grid_and_tpe")


@pytest.fixture(scope="module")
def found(folder):
  return upstream_hub.run(PROGRAM, "grid_and_tpe", folder)


def rows_of(study_dir):
  with open(study_dir / LEADERBOARD_FILE, newline="") as file:
    return list(csv.DictReader(file))


def results_of(study_dir, run):
  return json.loads((study_dir / "trials" / run / "results.json").read_text())


def test_every_sweep_ends_well_without_a_word_of_python_or_tensorflow(found):
  for name, sweep in found.items():
    assert sweep["status"] == 0, sweep["err"]
    assert "Traceback" not in sweep["err"] + sweep["out"], name
    assert not re.search("Warning|WARNING|I0000|E0000", sweep["err"]), name


def test_a_grid_has_each_point_once_and_the_best_on_top(found, folder):
  rows = rows_of(folder / "grid")
  assert sorted((r["LEARNING_RATE"], r["TRAINABLE"]) for r in rows) == [
    ("0.01", "False"),
    ("0.01", "True"),
    ("0.3", "False"),
    ("0.3", "True"),
  ]
  losses = [float(row["average_loss"]) for row in rows]
  assert losses == sorted(losses)
  assert {row["state"] for row in rows} == {"complete"}
  for row in rows:
    written = results_of(folder / "grid", row["number"])
    assert written["metrics"]["average_loss"] == float(row["average_loss"])
    assert written["num_trainable_parameters"] == (
      18 if row["TRAINABLE"] == "True" else 12
    )


def test_a_trial_is_a_whole_run_with_its_report(found, folder):
  names = os.listdir(folder / "grid" / "trials" / "0")
  for name in ("config.gin", "evaluations.json", "export", "log.txt"):
    assert name in names
  assert {"report.html", "results.json", "checkpoint"} < set(names)


def test_the_study_leaves_its_files(found, folder):
  names = set(os.listdir(folder / "grid"))
  assert {
    *("best", "best.gin", "config.gin", "sweep.gin", "study.json"),
    *("leaderboard.csv", "report.html", "journal.log", "trials"),
  } <= names
  assert (folder / "grid" / "sweep.gin").read_text() == (
    folder / "grid.sweep.gin"
  ).read_text()
  out = found["grid"]["out"]
  assert f"\nreport  {folder}/grid/report.html\n" in out
  assert f"\nconfig  {folder}/grid/best.gin\n" in out


def test_progress_has_a_line_for_each_trial(found):
  lines = found["grid"]["err"].splitlines()
  assert sorted(line.split("  ")[0] for line in lines) == [
    "4/4 trials",
    *(f"trial {number}" for number in range(4)),
  ]


def test_the_same_command_runs_nothing_again(found, folder):
  again = found["grid again"]
  assert again["out"] == found["grid"]["out"]
  assert again["err"].startswith("goes on: 4 of 4 trials are done\n")
  assert "\ntrial" not in again["err"]


def test_best_gin_gives_the_best_trials_result_again(found, folder):
  best = rows_of(folder / "grid")[0]
  written = json.loads((folder / "best_run" / "results.json").read_text())
  assert written["metrics"]["average_loss"] == float(best["average_loss"])
  text = (folder / "grid" / "best.gin").read_text()
  assert f"trial {best['number']}, average_loss" in text


def test_the_best_module_can_be_loaded(found, folder):
  spec = hub.load_module_spec(str(folder / "grid" / "best"))
  assert spec.get_signature_names() == ["default"]


def test_conditional_parameters_are_there_where_their_recipe_is(found, folder):
  rows = rows_of(folder / "tpe")
  assert len(rows) == 3
  factor = "discriminative_learning_rates.factor"
  for row in rows:
    has_factor = row["RECIPE"].startswith("@discriminative_learning_rates")
    assert bool(row[factor]) == has_factor
    if has_factor:
      assert 1.5 <= float(row[factor]) <= 3
    config = folder / "tpe" / row["folder"] / "seed_0" / "config.gin"
    assert (factor in config.read_text()) == has_factor
  assert {bool(row[factor]) for row in rows} == {True, False}


def test_a_trial_is_run_with_each_seed(found, folder):
  for row in rows_of(folder / "tpe"):
    values = [
      results_of(folder / "tpe", f"{row['number']}/seed_{seed}")["metrics"][
        "average_loss"
      ]
      for seed in (0, 1)
    ]
    assert values[0] != values[1]
    assert float(row["average_loss"]) == pytest.approx(statistics.mean(values))
    assert float(row["average_loss spread"]) == pytest.approx(
      statistics.stdev(values)
    )
    log = folder / "tpe" / row["folder"] / "seed_1" / "log.txt"
    assert "step 1/4" in log.read_text()


def test_more_trials_are_added_by_the_same_command(found):
  assert "2/2 trials" in found["tpe"]["err"]
  more = found["tpe more"]["err"]
  assert more.startswith("goes on: 2 of 3 trials are done\ntrial 2  ")
  assert "3/3 trials" in more
