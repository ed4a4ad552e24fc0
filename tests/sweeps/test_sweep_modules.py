"""Samplers, pruners and modules in whole sweeps, which a program forks."""

import csv
import json
import pathlib
import re

import pytest
import upstream_hub

from hub_estimator.sweeps.leaderboard import LEADERBOARD_FILE

PROGRAM = pathlib.Path(__file__).with_name("forked_sweeps.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp("samplers_and_modules")


@pytest.fixture(scope="module")
def found(folder):
  return upstream_hub.run(PROGRAM, "samplers_and_modules", folder)


def rows_of(study_dir):
  with open(study_dir / LEADERBOARD_FILE, newline="") as file:
    return list(csv.DictReader(file))


def results_of(study_dir, run):
  return json.loads((study_dir / "trials" / run / "results.json").read_text())


def test_every_sweep_ends_well_without_a_word_of_python_or_tensorflow(found):
  assert len(found) == 7
  for name, sweep in found.items():
    assert sweep["status"] == (2 if name == "refused" else 0), sweep["err"]
    assert "Traceback" not in sweep["err"] + sweep["out"], name
    assert not re.search("Warning|WARNING|I0000|E0000", sweep["err"]), name


def test_cmaes_samples_within_the_range(found, folder):
  rates = [float(r["LEARNING_RATE"]) for r in rows_of(folder / "cmaes")]
  assert len(set(rates)) == 2
  assert all(0.001 <= rate <= 0.3 for rate in rates)


def test_random_search_does_not_repeat_a_point(found, folder):
  # Five are wanted, and there are two.
  rows = rows_of(folder / "front")
  assert sorted(row["TRAINABLE"] for row in rows) == ["False", "True"]


def test_two_objectives_make_a_front(found, folder):
  rows = rows_of(folder / "front")
  # The smaller one is worse: both are on the front.
  assert [row["num_trainable_parameters"] for row in rows] == [
    "18.0",
    "12.0",
  ]
  assert found["front"]["out"].count("  *  ") == 2


def test_a_poor_trial_is_pruned(found, folder):
  good, poor = rows_of(folder / "pruned")
  assert (good["state"], poor["state"]) == ("complete", "pruned")
  assert poor["LEARNING_RATE"] == "3.0"
  written = results_of(folder / "pruned", poor["number"])
  assert (written["status"], written["global_step"]) == ("pruned", 2)
  assert results_of(folder / "pruned", good["number"])["global_step"] == 6
  assert "pruned at step 2: average_loss" in found["pruned"]["err"]


def test_keep_leaves_results_and_logs_of_poor_trials(found, folder):
  good, poor = (
    folder / "pruned" / row["folder"] for row in rows_of(folder / "pruned")
  )
  assert list(good.glob("model.ckpt-6.*"))
  assert not list(poor.glob("model.ckpt-*"))
  assert not (poor / "export").exists()
  for name in ("results.json", "log.txt", "config.gin"):
    assert (poor / name).exists()


def test_modules_that_do_not_fit_are_refused_with_the_reason(found, folder):
  assert found["refused"]["err"] == (
    f"error: 1 of 3 modules does not fit: MODULE_HANDLE = '{folder}/wide': "
    "Feature 'x' is a Tensor of float32 with shape (None, 2): input 'x' of "
    f"signature 'default' of module {folder}/wide takes a Tensor of float32 "
    "with shape (None, 3). Take it out of the search space, or set "
    "sweep.unfit_modules = 'leave_out'.\n"
  )
  assert not (folder / "refused").exists()


def test_modules_that_do_not_fit_are_left_out_of_the_grid(found, folder):
  rows = rows_of(folder / "left_out")
  assert [row["MODULE_HANDLE"] for row in rows] == [
    f"{folder}/module",
    f"{folder}/exports",
  ]
  warning = f"warning: left out: MODULE_HANDLE = '{folder}/wide': Feature 'x'"
  assert found["left out"]["err"].startswith(warning)
  assert f"\nleft out: {folder}/wide: Feature" in found["left out"]["out"]
  assert "2/2 trials" in found["left out again"]["err"]
  assert "warning" not in found["left out again"]["err"]


def test_the_newest_export_is_pinned_as_the_study_begins(found, folder):
  handle = f"{folder}/exports/1700000000/module"
  config = (folder / "left_out" / "trials" / "1" / "config.gin").read_text()
  assert f'MODULE_HANDLE = "{handle}"\n' in config


def test_trials_share_the_feature_cache(found, folder):
  logs = [
    (folder / "cached" / "trials" / number / "log.txt").read_text()
    for number in ("0", "1")
  ]
  # One of them extracts all features, and the other waits for it or comes late.
  assert "".join(logs).count("features: 20/20 examples") == 1
  assert all("step 4/4" in log for log in logs)
