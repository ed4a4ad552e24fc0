"""EvaluationLoop: what is evaluated and exported when, and made up for."""

import json

import pytest
import tiny_models
import tiny_runs

from hub_estimator import estimator
from hub_estimator.training import staged_training
from hub_estimator.training.early_stopping import EarlyStopping
from hub_estimator.training.evaluation_history import read_history
from hub_estimator.training.evaluation_loop import EvaluationLoop


def steps_of(folder):
  return [e.global_step for e in read_history(str(folder))]


def test_every_checkpoint_is_evaluated_and_exported(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  results = tiny_runs.launch(
    config,
    tmp_path / "run",
    "TRAIN_STEPS = 7",
    "train.eval_every_steps = 2",
    "train.exports_to_keep = None",
  )
  assert steps_of(tmp_path / "run") == [2, 4, 6, 7]
  assert len(list((tmp_path / "run/export/tf_hub").iterdir())) == 4
  history = read_history(str(tmp_path / "run"))
  assert history[-1].metrics == pytest.approx(results["metrics"])
  losses = tiny_runs.scalars(tmp_path / "run/eval")["loss"]
  assert [step for step, _ in losses] == [2, 4, 6, 7]


def test_the_graph_is_built_once(tmp_path, monkeypatch):
  modes = []
  create = staged_training.ModuleModel.create_model_fn

  def create_model_fn(self, *args):
    model_fn = create(self, *args)

    def counted(features, labels, mode, config):
      modes.append(mode)
      return model_fn(
        features=features, labels=labels, mode=mode, config=config
      )

    return counted

  monkeypatch.setattr(
    staged_training.ModuleModel, "create_model_fn", create_model_fn
  )
  config = tiny_runs.write_config(tmp_path)
  tiny_runs.launch(
    config, tmp_path / "run", "TRAIN_STEPS = 8", "train.eval_every_steps = 1"
  )
  assert modes.count("train") == 1
  assert modes.count("eval") == 1


def test_the_least_time_between_evaluations(tmp_path):
  """Checkpoints every 2 steps; the clock never moves on."""
  config = tiny_runs.write_config(tmp_path)
  tiny_runs.launch(
    config,
    tmp_path / "run",
    "TRAIN_STEPS = 9",
    "train.eval_every_steps = 2",
    "train.eval_every_secs = 10000.0",
    "train.keep_checkpoint_max = None",
  )
  # The first, and the last, which is never skipped.
  assert steps_of(tmp_path / "run") == [2, 9]
  checkpoints = {p.stem for p in (tmp_path / "run").glob("model.ckpt-*.index")}
  assert checkpoints == {f"model.ckpt-{step}" for step in (0, 2, 4, 6, 8, 9)}


def test_what_a_killed_run_did_not_come_to_is_made_up_for(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  arguments = ("train.eval_every_steps = 2", "train.exports_to_keep = None")
  tiny_runs.launch(config, tmp_path / "run", "TRAIN_STEPS = 4", *arguments)
  path = tmp_path / "run/evaluations.json"
  whole = json.loads(path.read_text())
  # As if it had been killed in the evaluation of step 4.
  path.write_text(json.dumps({"evaluations": whole["evaluations"][:1]}))
  tiny_runs.launch(
    config, tmp_path / "run", "TRAIN_STEPS = 6", *arguments, resume=True
  )
  assert steps_of(tmp_path / "run") == [2, 4, 6]
  written = json.loads(path.read_text())["evaluations"]
  assert written[:2] == whole["evaluations"]


def test_a_resumed_run_ends_with_the_same_weights(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  steps = (
    "train.eval_every_steps = 3",
    "Optimization.schedule_fn = @create_constant_schedule_fn()",
    "create_constant_schedule_fn.learning_rate = 0.01",
  )
  tiny_runs.launch(config, tmp_path / "whole", "TRAIN_STEPS = 11", *steps)
  tiny_runs.launch(config, tmp_path / "parts", "TRAIN_STEPS = 5", *steps)
  tiny_runs.launch(
    config, tmp_path / "parts", "TRAIN_STEPS = 11", *steps, resume=True
  )
  # The batch at which it went on is in the middle of a pass over the data.
  tiny_runs.assert_equal_weights(
    tiny_runs.checkpoint_weights(tmp_path / "whole"),
    tiny_runs.checkpoint_weights(tmp_path / "parts"),
  )
  # 5 because it was the end of training then.
  assert steps_of(tmp_path / "parts") == [3, 5, 6, 9, 11]
  assert steps_of(tmp_path / "whole") == [3, 6, 9, 11]


class Exports(estimator.Exporter):
  """Notes what it is called with."""

  name = "exports"

  def __init__(self):
    self.calls = []

  def export(
    self,
    estimator,
    export_path,
    checkpoint_path,
    eval_result,
    is_the_final_export,
  ):
    step = int(eval_result["global_step"])
    assert checkpoint_path.endswith(f"model.ckpt-{step}")
    assert export_path.endswith("export/exports")
    self.calls.append((step, is_the_final_export))


def loop_of(folder, early_stopping=None):
  """A loop over a run of 4 steps, and the exporter that it calls."""
  data = tiny_models.create_input()
  trained = estimator.Estimator(
    tiny_models.create_model().create_model_fn(data),
    config=estimator.RunConfig(model_dir=str(folder), save_checkpoints_steps=1),
  )
  exports = Exports()
  return EvaluationLoop(trained, data, [exports], 4, early_stopping), exports


def test_exporters_are_told_which_is_the_last(tmp_path):
  loop, exports = loop_of(tmp_path)
  loop.estimator.train(
    tiny_models.create_input().input_fn("train"),
    max_steps=4,
    saving_listeners=[loop],
  )
  loop.close()
  assert exports.calls == [(1, False), (2, False), (3, False), (4, True)]


def test_the_export_of_a_run_that_is_stopped_is_its_last(tmp_path):
  # No loss can be lower by 1000: it stops after two without one.
  stopping = EarlyStopping(patience=2, min_delta=1000.0)
  loop, exports = loop_of(tmp_path, stopping)
  loop.estimator.train(
    tiny_models.create_input().input_fn("train"),
    max_steps=4,
    saving_listeners=[loop],
  )
  loop.close()
  assert exports.calls == [(1, False), (2, False), (3, True)]
  assert loop.stop_reason.startswith("loss has not improved by more than 1000")
