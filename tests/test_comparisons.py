"""The runner of `experiments`: trials, choices and tables."""

import dataclasses
import json
import pathlib
import sys

import pytest
import tiny_runs

from hub_estimator.training import launch

# The programs of `experiments` are run from the project's folder.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from experiments import comparison, trials  # noqa: E402
from experiments.ways import Case, Way, rates, run_name, short_text  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

README = """Before.
<!-- table -->
old
<!-- end of table -->
Between.
<!-- tried -->
<!-- end of tried -->
After.
"""


@pytest.fixture
def trial(tmp_path):
  launch.register_configurables()
  launch.look_for_devices()
  return trials.Trial(
    str(tmp_path / "runs" / "one"),
    tiny_runs.write_config(tmp_path),
    ("TRAIN_STEPS = 2",),
  )


def test_a_trial_gives_its_results_and_prints_into_its_log(trial, capfd):
  capfd.readouterr()
  assert trials.run_trial(trial)["global_step"] == 2
  assert capfd.readouterr() == ("", "")
  assert "accuracy" in pathlib.Path(f"{trial.folder}.log").read_text()


def test_a_trial_that_was_run_is_not_run_again(trial, monkeypatch):
  results = trials.run_trial(trial)
  with monkeypatch.context() as patched:
    patched.setattr(launch, "launch", None)
    assert trials.run_trial(trial) == results
  pathlib.Path(trial.folder, "results.json").unlink()
  assert trials.run_trial(trial)["global_step"] == 2


def test_a_trial_with_another_config_is_run_again(trial):
  trials.run_trial(trial)
  changed = dataclasses.replace(trial, gin_params=("TRAIN_STEPS = 3",))
  assert trials.run_trial(changed)["global_step"] == 3


def test_a_trial_is_run_again_on_demand(trial):
  trials.run_trial(trial)
  path = pathlib.Path(trial.folder, "results.json")
  path.write_text(json.dumps({"global_step": "of old"}))
  assert trials.run_trial(trial)["global_step"] == "of old"
  assert trials.run_trial(trial, rerun=True)["global_step"] == 2


def test_the_log_says_why_a_trial_failed(trial):
  bad = dataclasses.replace(trial, gin_params=("LEARNING_RATE = 'fast'",))
  assert trials.run_trial(bad) is None
  assert "'fast'" in pathlib.Path(f"{bad.folder}.log").read_text()


def test_all_trials_are_run_before_a_failure_is_told(trial, tmp_path):
  bad = dataclasses.replace(
    trial, folder=str(tmp_path / "bad"), gin_params=("TRAIN_STEPS = 0",)
  )
  with pytest.raises(RuntimeError, match=r"1 runs failed: see .*bad\.log$"):
    trials.run_trials([bad, trial], num_processes=1)
  assert pathlib.Path(trial.folder, "results.json").exists()


def test_choices_are_rates_times_other_values():
  assert rates(0.1, 1.0) == [["LEARNING_RATE = 0.1"], ["LEARNING_RATE = 1.0"]]
  choices = rates(0.1, l2_sp__alpha=(0.5, 2))
  assert choices == [
    ["LEARNING_RATE = 0.1", "l2_sp.alpha = 0.5"],
    ["LEARNING_RATE = 0.1", "l2_sp.alpha = 2"],
  ]
  assert short_text(choices[1]) == "0.1, alpha = 2"


def test_a_run_is_named_by_case_way_and_choice():
  case, way = Case("10 a class"), Way("L2-SP", "fine_tune.gin")
  choice = ["LEARNING_RATE = 0.1", "l2_sp.alpha = 1"]
  assert run_name(case, way, choice) == "10_a_class-L2-SP-0.1-1"


def test_the_best_choice_on_the_eval_split_is_run_on_the_test_split(
  tmp_path, monkeypatch, capsys
):
  def run_trials(wanted, *_):
    """Results whose accuracies tell rates and seeds."""
    results = []
    for trial in wanted:
      bound = dict(param.split(" = ") for param in trial.gin_params)
      rate, seed = float(bound["LEARNING_RATE"]), int(bound["SEED"])
      if rate > 1:
        results.append(None)
        continue
      results.append(
        {
          "metrics": {"accuracy": 1 - abs(rate - 0.5)},
          "test_metrics": {"accuracy": rate + seed / 10},
          "train_seconds": 1.0 + seed,
          "feature_extraction_seconds": 0.25,
          "num_trainable_parameters": 1234,
        }
      )
    return results

  monkeypatch.setattr(comparison, "run_trials", run_trials)
  (tmp_path / "README.md").write_text(README)
  settings = comparison.Settings(tmp_path, tmp_path / "runs", num_seeds=3)
  way = Way("tuned", "fine_tune.gin", choices=rates(0.2, 0.5, 2.0))
  fixed = Way("fixed", "fine_tune.gin", ["LEARNING_RATE = 0.1"])
  comparison.compare(
    settings, [(Case("10"), way), (Case("10"), fixed)], "examples"
  )
  text = (tmp_path / "README.md").read_text()
  rows = [
    [cell.strip() for cell in line.strip("| ").split("|")]
    for line in text.splitlines()
    if line.startswith("| ") and "---" not in line
  ]
  assert rows[1:3] == [
    ["tuned", "10", "0.500", "0.600", "0.700", "2.2", "1,234"],
    ["fixed", "10", "0.100", "0.200", "0.300", "2.2", "1,234"],
  ]
  # What is fixed was not tried.
  assert rows[4:] == [["tuned", "10", "0.2: 0.700; **0.5: 1.000**; 2.0: 0.000"]]
  assert "old" not in text
  for part in ("Before.\n", "Between.\n", "After.\n"):
    assert part in text
  assert "0.600" in capsys.readouterr().out

  hopeless = Way("hopeless", "fine_tune.gin", choices=rates(2.0, 3.0))
  with pytest.raises(RuntimeError, match="Each choice of hopeless failed"):
    comparison.compare(settings, [(Case("10"), hopeless)], "examples")
