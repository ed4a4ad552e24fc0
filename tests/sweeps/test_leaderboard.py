"""leaderboard.csv and the table on the terminal."""

import csv

from trial_records import ACCURACY, SIZE, complete, run, study, trial

from hub_estimator.sweeps import records
from hub_estimator.sweeps.leaderboard import (
  format_leaderboard,
  write_leaderboard,
)

A, B = "runs/a/export/tf_hub", "runs/b/export/tf_hub"
PARAMS = {"MODULE_HANDLE": A, "LEARNING_RATE": 0.1}


def varied(*trials, **fields):
  fields.setdefault("param_names", ("LEARNING_RATE", "MODULE_HANDLE"))
  return study(*trials, handle_name="MODULE_HANDLE", **fields)


def rows_of(path):
  with open(path, newline="", encoding="utf-8") as file:
    return list(csv.DictReader(file))


def test_the_file_has_a_row_for_each_trial_the_best_first(tmp_path):
  found = varied(
    trial(0, records.WAITING),
    trial(1, records.RUNNING, {"MODULE_HANDLE": B}),
    trial(2, records.FAILED, PARAMS, error="out of\nmemory"),
    trial(3, records.PRUNED, PARAMS),
    complete(4, 0.5, params=PARAMS),
    complete(5, 0.75, params={"MODULE_HANDLE": None, "LEARNING_RATE": 0.25}),
    study_dir=tmp_path,
  )
  path = write_leaderboard(found)
  assert path == str(tmp_path / "leaderboard.csv")
  rows = rows_of(path)
  assert [row["number"] for row in rows] == list("543210")
  assert [row["rank"] for row in rows] == ["1", "2", "", "", "", ""]
  assert rows[0] == {
    "rank": "1",
    "number": "5",
    "state": "complete",
    "LEARNING_RATE": "0.25",
    "MODULE_HANDLE": "None",
    "accuracy": "0.75",
    "accuracy spread": "",
    "loss": "1.0",
    "seconds": "10.0",
    "num_trainable_parameters": "12",
    "module_trainable_parameters": "8",
    "global_step": "4",
    "seeds": "0",
    "status": "finished",
    "error": "",
    "folder": "trials/5",
  }
  assert rows[3]["error"] == "out of memory"
  assert rows[4]["LEARNING_RATE"] == rows[4]["accuracy"] == ""
  assert [p.name for p in tmp_path.iterdir()] == ["leaderboard.csv"]


def test_numbers_are_means_over_seeds(tmp_path):
  runs = [
    run(0, 0.5, seed=3, seconds=1.0, global_step=10),
    run(0, 1.0, seed=4, seconds=2.0, global_step=20, status="stopped_early"),
  ]
  runs[1].results["metrics"].update(loss=2.0, f1=None)
  found = study(complete(0, 0.75, runs=runs), study_dir=tmp_path)
  row = rows_of(write_leaderboard(found))[0]
  assert row["accuracy"] == "0.75"
  assert float(row["accuracy spread"]) == 0.125**0.5
  assert row["loss"] == "1.5"
  assert row["f1"] == ""  # It is not a number in one run, and not in the other.
  assert row["seconds"] == "1.5"
  assert row["global_step"] == "15"
  assert row["seeds"] == "3 4"
  assert row["status"] == "finished stopped_early"


def test_a_column_has_a_name_of_its_own(tmp_path):
  found = study(
    complete(0, 0.5, 12.0, params={"seconds": 7, "loss": 8}),
    objectives=(ACCURACY, SIZE),
    param_names=("seconds", "loss"),
    study_dir=tmp_path,
  )
  row = rows_of(write_leaderboard(found))[0]
  assert (row["seconds"], row["seconds_"]) == ("7", "10.0")
  assert (row["loss"], row["loss_"]) == ("8", "1.0")
  assert row["num_trainable_parameters"] == "12.0"
  assert "num_trainable_parameters_" not in row


def test_the_file_is_written_anew(tmp_path):
  write_leaderboard(study(complete(0, 0.5), study_dir=tmp_path))
  path = write_leaderboard(
    study(complete(0, 0.5), complete(1, 0.6), study_dir=tmp_path)
  )
  assert [row["number"] for row in rows_of(path)] == ["1", "0"]


def test_the_table_has_short_handles_and_the_spread():
  runs = [run(1, 0.75, seed=0), run(1, 1.0, seed=1)]
  found = varied(
    complete(0, 0.5, params=PARAMS),
    complete(
      1, 0.875, runs=runs, params={"MODULE_HANDLE": B, "LEARNING_RATE": 0.03}
    ),
  )
  assert format_leaderboard(found) == "\n".join(
    (
      "rank  trial  MODULE_HANDLE  LEARNING_RATE  accuracy      seconds"
      "  trainable",
      "----  -----  -------------  -------------  ------------  -------"
      "  ---------",
      "   1      1  b                       0.03  0.875 ± 0.18     10.0"
      "         12",
      "   2      0  a                        0.1  0.5              10.0"
      "         12",
    )
  )


def test_below_the_table_stands_what_is_not_in_it():
  found = varied(
    *(complete(n, n / 10, params=PARAMS) for n in range(4)),
    trial(4, records.PRUNED, PARAMS),
    trial(5, records.FAILED, PARAMS, error="the process ended by signal 9"),
    trial(6, records.FAILED, PARAMS, error="the process ended by signal 9"),
    trial(7, records.FAILED, PARAMS),
    left_out={"runs/c": "it takes text, and the data are images"},
  )
  lines = format_leaderboard(found, max_rows=2).splitlines()
  assert [line.split()[:2] for line in lines[2:4]] == [["1", "3"], ["2", "2"]]
  assert lines[4:] == [
    "and 2 more in /study/leaderboard.csv",
    "trials: 1 pruned, 3 failed",
    "failed: trials 5, 6: the process ended by signal 9",
    "failed: trial 7: no reason is known",
    "left out: runs/c: it takes text, and the data are images",
  ]


def test_nothing_is_complete():
  found = varied(trial(0, records.FAILED, PARAMS, error="x" * 300))
  lines = format_leaderboard(found).splitlines()
  assert lines[:2] == ["No trial is complete.", "trials: 1 failed"]
  assert len(lines[2]) < 120 and lines[2].endswith("…")
  assert format_leaderboard(study()) == "No trial is complete."


def test_the_pareto_front_has_a_mark():
  found = study(
    complete(0, 0.9, 1234567.0),
    complete(1, 0.8, 2234567.0),
    complete(2, 0.7, 10.0),
    objectives=(ACCURACY, SIZE),
  )
  lines = format_leaderboard(found).splitlines()
  assert lines[0].split() == [
    "rank",
    "trial",
    "front",
    "accuracy",
    "num_trainable_parameters",
    "seconds",
  ]
  assert [line.split()[:3] for line in lines[2:5]] == [
    ["1", "0", "*"],
    ["2", "2", "*"],
    ["3", "1", "0.8"],
  ]
  assert "1,234,567" in lines[2]
  assert lines[5] == (
    "* on the Pareto front of accuracy and num_trainable_parameters"
  )


def test_long_references_are_cut_to_120_columns():
  def params(number):
    return {
      "MODULE_HANDLE": f"runs/{number}/export/tf_hub",
      "RECIPE": f"@{'very_' * 20}long_recipe_{number}()",
      "OPTIMIZER": f"@{'another_' * 12}reference_{number}()",
      "LEARNING_RATE": 0.012345678,
    }

  found = varied(
    *(complete(n, 0.5 + n / 100, params=params(n)) for n in range(3)),
    param_names=tuple(params(0)),
  )
  table = format_leaderboard(found)
  assert max(map(len, table.splitlines())) <= 120
  assert "…" in table
  for n in range(3):
    assert f"ecipe_{n}()" in table
  assert "0.01235" in table


def test_what_is_cut_stays_distinct():
  params = [{"RECIPE": f"@{'x' * 40}{n}{'y' * 40}()"} for n in range(3)]
  wide = {f"{'parameter' * 3}_{n}": "z" * 40 for n in range(4)}
  found = study(
    *(complete(n, 0.5, params={**params[n], **wide}) for n in range(3)),
    param_names=("RECIPE", *wide),
  )
  rows = format_leaderboard(found).splitlines()[2:5]
  assert [row.split()[2] for row in rows] == [
    f"…xxx{n}y…yyy()" for n in range(3)
  ]
