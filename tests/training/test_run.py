"""A run, from its config to what is in its folder."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tiny_models
import tiny_runs

from hub_estimator import errors, handles
from hub_estimator.hub import folders
from hub_estimator.tf_compat import tf
from hub_estimator.training import gin_config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """The folder of a run of 4 steps, and its config; not to be changed."""
  folder = tmp_path_factory.mktemp("finished")
  config = tiny_runs.write_config(folder)
  tiny_runs.launch(config, folder / "run")
  return folder / "run", config


@pytest.fixture
def run(finished, tmp_path):
  """A copy of that folder, and the config."""
  shutil.copytree(finished[0], tmp_path / "run")
  return tmp_path / "run", finished[1]


def read_results(model_dir):
  return json.loads((model_dir / "results.json").read_text())


def export_names(model_dir):
  return handles.exports(str(model_dir / "export" / "tf_hub"))


def test_what_is_in_the_folder(finished):
  model_dir, _ = finished
  names = {path.name for path in model_dir.iterdir()}
  events = {name for name in names if name.startswith("events.out.tfevents.")}
  assert len(events) == 1
  assert names - events == {
    "checkpoint",
    "config.gin",
    "eval",
    "evaluations.json",
    "export",
    "graph.pbtxt",
    "input.json",
    "model.ckpt-0.data-00000-of-00001",
    "model.ckpt-0.index",
    "model.ckpt-0.meta",
    "model.ckpt-4.data-00000-of-00001",
    "model.ckpt-4.index",
    "model.ckpt-4.meta",
    "results.json",
    "run.lock",
  }
  (export,) = (model_dir / "export" / "tf_hub").iterdir()
  assert export.name.isdigit() and len(export.name) == 10
  assert sorted(path.name for path in export.iterdir()) == [
    "export.json",
    "module",
  ]


def test_results(finished):
  model_dir, _ = finished
  results = read_results(model_dir)
  assert list(results) == [
    "module_handle",
    "recipe",
    "global_step",
    "metrics",
    "test_metrics",
    "exports",
    "status",
    "stopped_early",
    "num_parameters",
    "num_trainable_parameters",
    "module_trainable_parameters",
    "groups",
    "skipped_examples",
    "feature_extraction_seconds",
    "train_seconds",
    "examples_per_second",
    "versions",
  ]
  assert results["module_handle"] == "module_fn tiny_module_fn"
  assert results["global_step"] == 4
  assert set(results["metrics"]) == {
    "accuracy",
    "average_loss",
    "loss",
    "regularization_loss",
  }
  # w has 6, mean 3, w_seen 6; the head's kernel 3 x 3 = 9 and its biases 3.
  assert results["num_parameters"] == 27
  assert results["num_trainable_parameters"] == 6 + 9 + 3
  assert results["module_trainable_parameters"] == 6
  # 4 steps of 4 examples.
  assert results["examples_per_second"] == pytest.approx(
    16 / results["train_seconds"]
  )
  assert results["versions"]["tensorflow"] == tf.__version__
  (name,) = export_names(model_dir)
  assert results["exports"] == {
    "tf_hub": str(model_dir / "export" / "tf_hub" / name / "module")
  }


def test_metrics_are_those_of_the_newest_checkpoint(finished):
  model_dir, _ = finished
  metrics = read_results(model_dir)["metrics"]
  w = tiny_runs.checkpoint_weights(model_dir)["w"]
  assert metrics["regularization_loss"] == pytest.approx(
    (w**2).sum() / 2, rel=1e-5
  )
  reader = tf.train.load_checkpoint(str(model_dir))
  data = tiny_models.create_input()
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    batches = data.input_fn("eval")()
    iterator = tf.compat.v1.data.make_one_shot_iterator(batches)
    features, labels = iterator.get_next()
    rows = [session.run((features["x"], labels)) for _ in range(2)]
  x, labels = (np.concatenate(parts) for parts in zip(*rows))
  logits = x @ w @ reader.get_tensor("logits/kernel")
  logits += reader.get_tensor("logits/bias")
  log_probabilities = logits - np.log(np.exp(logits).sum(1, keepdims=True))
  expected = -np.take_along_axis(log_probabilities, labels, axis=1).mean()
  assert len(x) == 6
  assert metrics["average_loss"] == pytest.approx(expected, rel=1e-4)
  assert metrics["accuracy"] == pytest.approx(
    (logits.argmax(1) == labels[:, 0]).mean()
  )


def test_the_export_has_the_weights_of_the_newest_checkpoint(finished):
  model_dir, _ = finished
  exported = tiny_runs.exported_weights(
    read_results(model_dir)["exports"]["tf_hub"]
  )
  tiny_runs.assert_equal_weights(
    exported, tiny_runs.checkpoint_weights(model_dir, step=4)
  )
  initial = tiny_runs.checkpoint_weights(model_dir, step=0)
  np.testing.assert_array_equal(initial["w"], tiny_models.INITIAL_W)
  assert np.abs(exported["w"] - initial["w"]).max() > 1e-3
  assert np.abs(exported["mean"]).min() > 1e-3


def test_summaries(finished):
  model_dir, _ = finished
  trained = tiny_runs.scalars(model_dir)
  assert {
    "loss",
    "regularization_loss",
    "penalty/regularization_losses",
    "learning_rate",
  } <= set(trained)
  assert [step for step, _ in trained["loss"]] == [1, 2, 3, 4]
  # Cosine from 0.01 over 4 steps: 0.01 (1 + cos(pi t / 4)) / 2.
  assert [value for _, value in trained["learning_rate"]] == pytest.approx(
    [0.01, 0.00853553, 0.005, 0.00146447], rel=1e-4
  )
  # Before the first step: Σ w² / 2.
  assert trained["penalty/regularization_losses"][0][1] == pytest.approx(45.5)
  # The root of Σ w² = 91, before or after the first step.
  assert trained["norm/module"][0][1] == pytest.approx(91**0.5, rel=0.05)
  assert trained["norm/head"][0][1] > 0
  evaluated = tiny_runs.scalars(model_dir / "eval")
  metrics = read_results(model_dir)["metrics"]
  for name, value in metrics.items():
    assert evaluated[name] == [(4, pytest.approx(value))]


def test_running_again_trains_nothing_and_loses_nothing(run, capsys):
  model_dir, config = run
  before = read_results(model_dir)
  names = export_names(model_dir)
  checkpoint = model_dir / "model.ckpt-4.index"
  changed = checkpoint.stat().st_mtime_ns
  again = tiny_runs.launch(config, model_dir)
  assert checkpoint.stat().st_mtime_ns == changed
  assert export_names(model_dir) == names
  assert capsys.readouterr().err == (
    f"The newest checkpoint in {model_dir} is of step 4, and 4 are asked for: "
    "nothing was trained.\n"
  )
  again["exports"] = before["exports"]  # The folder is a copy.
  assert again == before
  # The same by the config that the run has written.
  assert (
    tiny_runs.launch(model_dir / "config.gin", model_dir)["metrics"]
    == (before["metrics"])
  )


def test_an_export_that_is_missing_is_made_up_for(run):
  model_dir, config = run
  shutil.rmtree(model_dir / "export")
  (model_dir / "results.json").unlink()
  results = tiny_runs.launch(config, model_dir)
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(results["exports"]["tf_hub"]),
    tiny_runs.checkpoint_weights(model_dir),
  )
  assert results["train_seconds"] == 0.0
  assert results["examples_per_second"] is None
  assert results["num_trainable_parameters"] == 18


def test_a_run_that_died_before_its_last_export_is_exported(run):
  model_dir, config = run
  # As if the export were of an earlier checkpoint.
  old = export_names(model_dir)
  (model_dir / "results.json").unlink()
  results = tiny_runs.launch(config, model_dir)
  assert len(export_names(model_dir)) == 2
  assert old[0] not in results["exports"]["tf_hub"]


def test_another_config_is_refused_and_resume_goes_on(run):
  model_dir, config = run
  with pytest.raises(errors.UserValueError) as caught:
    tiny_runs.launch(config, model_dir, "TRAIN_STEPS = 6")
  assert str(caught.value) == (
    f"--model_dir={model_dir} holds a run with another config: "
    "create_cosine_schedule_fn.train_steps: 4 there, 6 here; "
    "train.train_steps: 4 there, 6 here. Give another --model_dir, or "
    "--resume to go on from its newest checkpoint with this config, or "
    "--overwrite to delete it and start again."
  )
  results = tiny_runs.launch(config, model_dir, "TRAIN_STEPS = 6", resume=True)
  assert results["global_step"] == 6
  # Two steps of 4 examples by this process.
  assert results["examples_per_second"] == pytest.approx(
    8 / results["train_seconds"]
  )
  steps = [step for step, _ in tiny_runs.scalars(model_dir)["loss"]]
  assert steps == [1, 2, 3, 4, 5, 6]
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(results["exports"]["tf_hub"]),
    tiny_runs.checkpoint_weights(model_dir, step=6),
  )
  # The folder holds the new config.
  tiny_runs.launch(config, model_dir, "TRAIN_STEPS = 6")


@pytest.mark.parametrize("options", [{"resume": True}, {}])
def test_another_number_of_classes_is_refused(run, tmp_path, options):
  model_dir, config = run
  source = tiny_runs.write_data(tmp_path / "more.npz", [0, 1, 2, 3])
  before = (model_dir / "config.gin").read_text()
  with pytest.raises(errors.UserValueError) as caught:
    tiny_runs.launch(config, model_dir, f"SOURCE = '{source}'", **options)
  message = str(caught.value)
  if options:
    assert message == (
      f"Checkpoint {model_dir}/model.ckpt-4 is of another model: "
      "logits/kernel has shape [3, 3] there and [3, 4] here; logits/bias has "
      "shape [3] there and [4] here; logits/kernel/Momentum has shape [3, 3] "
      "there and [3, 4] here and 1 more. A different number of classes, module "
      "or optimizer cannot go on from it: give another --model_dir, or "
      "--overwrite to start again."
    )
  else:
    assert f'NumpyInput.source: "{finished_source(config)}" there' in message
  assert (model_dir / "config.gin").read_text() == before
  tiny_runs.launch(config, model_dir)  # Goes on as before.


def finished_source(config):
  return str(pathlib.Path(config).parent / "data.npz")


def test_another_number_of_classes_in_the_same_file(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  tiny_runs.launch(config, tmp_path / "run")
  tiny_runs.write_config(tmp_path, labels=[0, 1, 2, 3])
  with pytest.raises(errors.UserValueError, match="is of another model: logi"):
    tiny_runs.launch(config, tmp_path / "run")


def test_overwrite_deletes_the_run_and_nothing_else(run):
  model_dir, config = run
  (model_dir / "notes.txt").write_text("mine")
  (model_dir / "eval" / "mine").mkdir()
  old = export_names(model_dir)
  results = tiny_runs.launch(
    config, model_dir, "TRAIN_STEPS = 2", overwrite=True
  )
  assert results["global_step"] == 2
  assert (model_dir / "notes.txt").read_text() == "mine"
  assert (model_dir / "eval" / "mine").is_dir()
  assert not (model_dir / "model.ckpt-4.index").exists()
  assert len(export_names(model_dir)) == 1
  assert export_names(model_dir) != old
  assert [step for step, _ in tiny_runs.scalars(model_dir)["loss"]] == [1, 2]
  assert not list(model_dir.glob("removed-*"))


def test_overwrite_by_a_config_with_a_mistake_deletes_nothing(run):
  model_dir, config = run
  before = sorted(path.name for path in model_dir.iterdir())
  for param in ("OUTPUT = 'nope'", "ModuleModel.export_name = '../x'"):
    with pytest.raises(errors.UserValueError):
      tiny_runs.launch(config, model_dir, param, overwrite=True)
  assert sorted(path.name for path in model_dir.iterdir()) == before


def test_overwrite_does_not_delete_the_module_to_train(run):
  model_dir, config = run
  (name,) = export_names(model_dir)
  with pytest.raises(errors.UserValueError) as caught:
    tiny_runs.launch(
      config,
      model_dir,
      f"MODULE_HANDLE = '{model_dir}/export/tf_hub'",
      overwrite=True,
    )
  assert str(caught.value) == (
    "--overwrite would delete the module to train, "
    f"{model_dir}/export/tf_hub/{name}/module: it is in --model_dir="
    f"{model_dir}. Give another --model_dir."
  )
  assert export_names(model_dir) == [name]


def test_the_config_alone_repeats_the_run(finished, tmp_path):
  model_dir, _ = finished
  first = read_results(model_dir)
  weights = tiny_runs.exported_weights(first["exports"]["tf_hub"])
  config = tmp_path / "copied.gin"
  shutil.copy(model_dir / "config.gin", config)
  second = tiny_runs.launch(config, tmp_path / "again")
  assert second["metrics"] == first["metrics"]
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(second["exports"]["tf_hub"]), weights
  )
  configs = [
    gin_config.effective_config_of_file(path)
    for path in (config, tmp_path / "again" / "config.gin")
  ]
  assert configs[0] == configs[1]
  assert configs[0]["train.train_steps"] == "4"
  third = tiny_runs.launch(config, tmp_path / "other", "SEED = 1")
  assert third["metrics"] != first["metrics"]
  moved = tiny_runs.exported_weights(third["exports"]["tf_hub"])
  assert np.abs(moved["w"] - weights["w"]).max() > 1e-4


def test_evaluations_and_exports_on_the_way(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  model_dir = tmp_path / "run"
  tiny_runs.launch(
    config,
    model_dir,
    "TRAIN_STEPS = 6",
    "train.eval_every_steps = 2",
    "train.exports_to_keep = 2",
    "train.keep_checkpoint_max = None",
  )
  accuracies = tiny_runs.scalars(model_dir / "eval")["accuracy"]
  assert [step for step, _ in accuracies] == [2, 4, 6]
  names = export_names(model_dir)
  assert len(names) == 2
  for name, step in zip(names, (4, 6)):
    tiny_runs.assert_equal_weights(
      tiny_runs.exported_weights(
        str(model_dir / "export" / "tf_hub" / name / "module")
      ),
      tiny_runs.checkpoint_weights(model_dir, step),
    )


def test_a_frozen_module_is_exported_as_it_was(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  path = tiny_models.export_module(
    tmp_path / "tf_hub" / "1700000000" / "module"
  )
  results = tiny_runs.launch(
    config,
    tmp_path / "run",
    f"MODULE_HANDLE = '{tmp_path}/tf_hub'",
    "TRAINABLE = False",
  )
  assert results["module_handle"] == path
  assert results["num_trainable_parameters"] == 12
  assert results["module_trainable_parameters"] == 0
  assert "regularization_loss" not in results["metrics"]
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(results["exports"]["tf_hub"]),
    tiny_runs.exported_weights(path),
  )


def test_a_loss_that_is_no_number(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  with pytest.raises(errors.UserValueError) as caught:
    tiny_runs.launch(config, tmp_path / "run", "LEARNING_RATE = 1e30")
  assert str(caught.value) == (
    "The loss became NaN (not a number) or infinite at step 2. The likeliest "
    "causes: a learning rate that is too high (LEARNING_RATE), features that "
    "are not scaled, labels that are wrong. The last good checkpoint is "
    f"{tmp_path / 'run'}/model.ckpt-0. With another config, the same command "
    "needs --resume."
  )


def test_an_export_appears_whole_or_not_at_all(tmp_path, monkeypatch):
  config = tiny_runs.write_config(tmp_path)
  model_dir = tmp_path / "run"
  seen = []

  def write_file(path, content):
    seen.append((os.path.basename(path), export_names(model_dir)))
    if path.endswith("tfhub_module.pb"):
      raise OSError("disk full")

  monkeypatch.setattr(folders, "write_file", write_file)
  with pytest.raises(OSError, match="disk full"):
    tiny_runs.launch(config, model_dir)
  assert seen == [
    ("input.json", []),
    ("saved_model.pb", []),
    ("tfhub_module.pb", []),
  ]
  assert list((model_dir / "export" / "tf_hub").iterdir()) == []
  assert not (model_dir / "results.json").exists()
  monkeypatch.undo()
  # The checkpoint is there; the same command makes up for the rest.
  results = tiny_runs.launch(config, model_dir)
  assert results["global_step"] == 4
  assert len(export_names(model_dir)) == 1


@pytest.mark.parametrize(
  ("param", "message"),
  [
    (
      "train.seed = -1",
      "train.seed = -1: it is a whole number of at least 0.",
    ),
    (
      "train.train_steps = 0",
      "train.train_steps = 0: it is a whole number of at least 1.",
    ),
    (
      "train.eval_every_steps = 0.5",
      "train.eval_every_steps = 0.5: it is a whole number of at least 1.",
    ),
    (
      "train.save_summary_steps = True",
      "train.save_summary_steps = True: it is a whole number of at least 1.",
    ),
    (
      "train.exports_to_keep = 0",
      "train.exports_to_keep = 0: it is a whole number of at least 1.",
    ),
    (
      "INPUT_PIPELINE = @NumpyInput",
      "train.input_pipeline = <class 'hub_estimator.inputs.numpy_input."
      "NumpyInput'>: it is an object such as @NumpyInput() makes; write the "
      "parentheses.",
    ),
  ],
)
def test_arguments_that_are_none(tmp_path, param, message):
  config = tiny_runs.write_config(tmp_path)
  with pytest.raises(errors.UserError) as caught:
    tiny_runs.launch(config, tmp_path / "run", param)
  assert str(caught.value).startswith(message)
  assert not (tmp_path / "run").exists()
