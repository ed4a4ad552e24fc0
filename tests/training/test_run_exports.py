"""What runs export: newest and best, verified, with metadata; the report."""

import json

import numpy as np
import pytest
import tiny_runs

from hub_estimator import errors, hub, reports
from hub_estimator.training import run_folder
from hub_estimator.training.evaluation_history import read_history


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """A run whose best evaluation is not its last: the rate is too high."""
  folder = tmp_path_factory.mktemp("best")
  config = tiny_runs.write_config(folder)
  results = tiny_runs.launch(
    config,
    folder / "run",
    "TRAIN_STEPS = 10",
    "LEARNING_RATE = 1.2",
    "Optimization.regularization_scale = 0.0",
    "train.eval_every_steps = 2",
    "train.best_metric = 'average_loss'",
    report_fn=reports.write_all,
  )
  return folder, results


def best_evaluation(folder):
  return min(
    read_history(str(folder / "run")), key=lambda e: e.metrics["average_loss"]
  )


def test_the_best_module_is_exported(finished):
  folder, results = finished
  best = best_evaluation(folder)
  assert 0 < best.global_step < 10
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(results["exports"]["best"]),
    tiny_runs.checkpoint_weights(folder / "run/best", best.global_step),
  )
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(results["exports"]["tf_hub"]),
    tiny_runs.checkpoint_weights(folder / "run", 10),
  )
  state = json.loads((folder / "run/best/best.json").read_text())
  assert state["global_step"] == best.global_step
  assert state["value"] == pytest.approx(best.metrics["average_loss"])


def test_best_in_other_commands(finished):
  folder, _ = finished
  opened = run_folder.open_run(str(folder / "run"))
  assert opened.checkpoint(best=True).endswith(
    f"best/model.ckpt-{best_evaluation(folder).global_step}"
  )


def test_metadata(finished):
  folder, results = finished
  (path,) = (folder / "run/export/best").glob("*/export.json")
  metadata = json.loads(path.read_text())
  best = best_evaluation(folder)
  assert metadata["exporter"] == "best"
  assert metadata["global_step"] == best.global_step
  assert metadata["metrics"] == pytest.approx(best.metrics)
  assert metadata["config"] == (folder / "run/config.gin").read_text()
  assert metadata["packages"] == results["versions"]
  assert metadata["module_handle"] == results["module_handle"]


def test_a_resumed_run_keeps_a_better_module(finished, tmp_path):
  config = tiny_runs.write_config(tmp_path)
  arguments = (
    "train.eval_every_steps = 1",
    "train.best_metric = 'average_loss'",
    "Optimization.schedule_fn = @create_constant_schedule_fn()",
    "Optimization.regularization_scale = 0.0",
  )
  first = tiny_runs.launch(
    config,
    tmp_path / "run",
    "TRAIN_STEPS = 3",
    "create_constant_schedule_fn.learning_rate = 0.05",
    *arguments,
  )
  # Worse from here on: it learns the other way.
  second = tiny_runs.launch(
    config,
    tmp_path / "run",
    "TRAIN_STEPS = 6",
    "create_constant_schedule_fn.learning_rate = 3.0",
    *arguments,
    resume=True,
  )
  history = read_history(str(tmp_path / "run"))
  losses = [e.metrics["average_loss"] for e in history]
  assert int(np.argmin(losses)) < 3
  assert second["exports"]["best"] == first["exports"]["best"]
  assert second["exports"]["tf_hub"] != first["exports"]["tf_hub"]


def test_an_unknown_metric(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  with pytest.raises(errors.UserValueError) as caught:
    tiny_runs.launch(config, tmp_path / "a", "train.best_metric = 'speed'")
  assert "does not say whether high or low values are good" in str(caught.value)
  assert not (tmp_path / "a").exists()
  with pytest.raises(errors.UserValueError) as caught:
    tiny_runs.launch(
      config,
      tmp_path / "b",
      "train.best_metric = 'speed'",
      "train.best_mode = 'max'",
    )
  assert "There are: accuracy, average_loss, loss" in str(caught.value)


def test_exports_are_verified_on_a_batch_of_the_eval_split(
  tmp_path, monkeypatch
):
  batches = []
  create = hub.LatestModuleExporter

  def create_exporter(*args, verification_batch_fn, **arguments):
    def batch_fn():
      batches.append(verification_batch_fn())
      return batches[-1]

    return create(
      *args,
      verification_batch_fn=verification_batch_fn and batch_fn,
      **arguments,
    )

  monkeypatch.setattr(hub, "LatestModuleExporter", create_exporter)
  config = tiny_runs.write_config(tmp_path)
  tiny_runs.launch(config, tmp_path / "a", "train.verify_exports = True")
  (batch,) = batches
  assert batch["x"].shape == (4, 2)
  monkeypatch.setattr(
    hub,
    "LatestModuleExporter",
    lambda *args, verification_batch_fn, **arguments: (
      batches.append(verification_batch_fn) or create(*args, **arguments)
    ),
  )
  tiny_runs.launch(config, tmp_path / "b", "train.verify_exports = False")
  assert set(batches[1:]) == {None}


def test_the_report(finished):
  folder, results = finished
  page = (folder / "run/report.html").read_text()
  assert results["module_handle"] in page
  assert "Confusion matrix" in page
  evaluated = tiny_runs.scalars(folder / "run/eval")
  # The last one, too, whose outcomes the report shows.
  assert [s for s, _ in evaluated["loss"]] == [2, 4, 6, 8, 10]


def test_a_report_that_fails_is_no_failure_of_the_run(tmp_path, capsys):
  def fail(model_dir, evaluations, hyperparameters):
    assert evaluations["eval"][1]["global_step"] == 4
    assert hyperparameters["batch_size"] == 4
    assert hyperparameters["learning_rate"] == pytest.approx(0.01)
    raise errors.UserOSError("no room")

  config = tiny_runs.write_config(tmp_path)
  results = tiny_runs.launch(config, tmp_path / "run", report_fn=fail)
  assert results["status"] == "finished"
  assert "warning: no report was written: no room" in capsys.readouterr().err
