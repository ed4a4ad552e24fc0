"""The command `evaluate`: what it prints, writes and refuses."""

import json

import pytest
import tiny_runs

from hub_estimator import evaluate


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A finished run."""
  folder = tmp_path_factory.mktemp("evaluate")
  config = tiny_runs.write_config(folder)
  tiny_runs.launch(
    config, folder / "run", "TRAIN_STEPS = 4", "train.eval_every_steps = 2"
  )
  return folder / "run"


@pytest.fixture
def evaluate_command(run_command):
  """Runs the command: (exit status, stdout, stderr)."""
  return lambda *arguments: run_command(
    evaluate, *arguments, required_flags=("model_dir",)
  )


def test_a_table(run, evaluate_command):
  status, output, error = evaluate_command(f"--model_dir={run}")
  assert (status, error) == (0, "")
  assert output.startswith(f"Checkpoint {run}/model.ckpt-4\n")
  for text in (
    "eval",
    "accuracy",
    "macro_f1",
    "calibration_error",
    "precision",
  ):
    assert text in output


def test_json_of_another_checkpoint_and_split(run, evaluate_command, tmp_path):
  status, output, _ = evaluate_command(
    f"--model_dir={run}",
    "--checkpoint_path=model.ckpt-2",
    "--split=train",
    "--split=eval",
    "--json",
    f"--output={tmp_path / 'metrics.json'}",
  )
  assert status == 0
  found = json.loads(output)
  assert json.loads((tmp_path / "metrics.json").read_text()) == found
  assert found["checkpoint"] == f"{run}/model.ckpt-2"
  assert list(found["splits"]) == ["train", "eval"]
  matrix = found["splits"]["train"]["confusion_matrix"]
  assert sum(map(sum, matrix)) == 14
  (history,) = [
    e["metrics"]
    for e in json.loads((run / "evaluations.json").read_text())["evaluations"]
    if e["global_step"] == 2
  ]
  assert found["splits"]["eval"]["accuracy"] == pytest.approx(
    history["accuracy"]
  )


def test_nothing_is_written_into_the_folder(run, evaluate_command):
  before = sorted(path.name for path in run.rglob("*"))
  evaluate_command(f"--model_dir={run}")
  assert sorted(path.name for path in run.rglob("*")) == before


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      ["--split=dev"],
      "--split=dev: the run's data has no such split. It has: train, eval.",
    ),
    (
      ["--best", "--checkpoint_path=model.ckpt-2"],
      "--checkpoint_path and --best both say which checkpoint: leave one out.",
    ),
    (
      ["--checkpoint_path=model.ckpt-3"],
      "--checkpoint_path=model.ckpt-3 is no checkpoint. {run} has: "
      "model.ckpt-0, model.ckpt-2, model.ckpt-4.",
    ),
  ],
)
def test_mistakes(run, evaluate_command, arguments, message):
  status, output, error = evaluate_command(f"--model_dir={run}", *arguments)
  assert (status, output) == (2, "")
  assert error == f"error: {message.format(run=run)}\n"


def test_no_folder_of_a_run(evaluate_command, tmp_path):
  status, _, error = evaluate_command(f"--model_dir={tmp_path}")
  assert status == 2
  assert error == (
    f"error: --model_dir={tmp_path} is no folder of a run: it has no "
    "config.gin, which `python -m hub_estimator.train` writes.\n"
  )


def test_a_report_and_embeddings(run, evaluate_command, tmp_path):
  status, _, _ = evaluate_command(
    f"--model_dir={run}",
    "--split=train",
    f"--report={tmp_path / 'report.html'}",
    "--projector",
  )
  assert status == 0
  assert "Confusion matrix" in (tmp_path / "report.html").read_text()
  tensors = (run / "projector/tensors.tsv").read_text().splitlines()
  # The module's y = x w has three numbers.
  assert [line.count("\t") for line in tensors] == [2] * 14
  metadata = (run / "projector/metadata.tsv").read_text().splitlines()
  assert metadata[0] == "label\tprediction"
  assert len(metadata) == 15
