"""A run from its folder alone: without its data, without its module."""

import gin
import numpy as np
import pytest
import tiny_models
import tiny_runs

from hub_estimator import errors
from hub_estimator.inputs import SavedInput
from hub_estimator.tf_compat import tf
from hub_estimator.training import run_evaluation, run_folder
from hub_estimator.training.results import read_results


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """A finished run of a module on disk: its folder, data and module."""
  folder = tmp_path_factory.mktemp("made")
  module = tiny_models.export_module(
    folder / "module",
    tags_and_args=[(set(), {}), ({"train"}, {"is_training": True})],
  )
  config = tiny_runs.write_config(folder)
  tiny_runs.launch(
    config,
    folder / "run",
    f"MODULE_HANDLE = '{module}'",
    "TRAIN_STEPS = 6",
    "train.eval_every_steps = 2",
  )
  return folder


def predictions(folder):
  def input_fn():
    return tf.data.Dataset.from_tensors(
      {"x": np.array([[0.5, 0.25], [1, 2]], np.float32)}
    )

  found = folder.create_estimator().predict(
    input_fn, checkpoint_path=folder.checkpoint()
  )
  return np.array([p["probabilities"] for p in found])


def test_it_predicts_without_its_data_and_its_module(made, tmp_path):
  whole = run_folder.open_run(str(made / "run"), with_data=True)
  expected = predictions(whole)
  assert expected.shape == (2, 3)
  data, module = made / "data.npz", made / "module"
  data.rename(tmp_path / "data.npz")
  module.rename(tmp_path / "module")
  try:
    alone = run_folder.open_run(str(made / "run"))
    assert isinstance(alone.run.input_pipeline, SavedInput)
    np.testing.assert_array_equal(predictions(alone), expected)
    with pytest.raises(errors.UserError, match="data.npz"):
      run_folder.open_run(str(made / "run"), with_data=True)
  finally:
    (tmp_path / "data.npz").rename(data)
    (tmp_path / "module").rename(module)


def test_gins_bindings_stay_as_they_are(made):
  gin.clear_config()
  gin.parse_config("NumpyInput.batch_size = 17")
  run_folder.open_run(str(made / "run"))
  assert gin.query_parameter("NumpyInput.batch_size") == 17
  with pytest.raises(ValueError):
    gin.query_parameter("NumpyInput.source")
  gin.clear_config()


def test_checkpoints(made):
  folder = run_folder.open_run(str(made / "run"))
  path = f"{made / 'run'}/model.ckpt"
  assert folder.checkpoint() == f"{path}-6"
  assert folder.checkpoint("model.ckpt-4") == f"{path}-4"
  assert folder.checkpoint(f"{path}-2") == f"{path}-2"
  with pytest.raises(errors.UserValueError) as caught:
    folder.checkpoint("model.ckpt-5")
  assert str(caught.value) == (
    f"--checkpoint_path=model.ckpt-5 is no checkpoint. {made / 'run'} has: "
    "model.ckpt-0, model.ckpt-2, model.ckpt-4, model.ckpt-6."
  )
  with pytest.raises(errors.UserValueError, match="both say which checkpoint"):
    folder.checkpoint("model.ckpt-4", best=True)
  with pytest.raises(errors.UserValueError, match="train.best_metric"):
    folder.checkpoint(best=True)


def test_a_damaged_checkpoint(made):
  folder = run_folder.open_run(str(made / "run"))
  path = made / "run/model.ckpt-2.data-00000-of-00001"
  content = path.read_bytes()
  path.write_bytes(content[:-1])
  try:
    with pytest.raises(errors.UserOSError, match="model.ckpt-2 is damaged"):
      folder.checkpoint("model.ckpt-2")
  finally:
    path.write_bytes(content)


def test_folders_that_are_none(made, tmp_path):
  with pytest.raises(errors.UserOSError, match="it has no config.gin, which"):
    run_folder.open_run(str(tmp_path))
  (tmp_path / "config.gin").write_text("")
  with pytest.raises(errors.UserOSError, match="input.json is missing: runs"):
    run_folder.open_run(str(tmp_path))
  (tmp_path / "input.json").write_text("{")
  with pytest.raises(errors.UserOSError, match="input.json cannot be read"):
    run_folder.open_run(str(tmp_path))


def test_evaluation_agrees_with_training(made):
  results = read_results(made / "run")
  folder = run_folder.open_run(str(made / "run"), with_data=True)
  found = run_evaluation.evaluate_run(folder, folder.checkpoint())
  assert list(found) == ["eval"]
  metrics = found["eval"].metrics
  assert metrics["global_step"] == 6
  assert metrics["head"] == pytest.approx(results["metrics"], rel=1e-5)
  assert metrics["accuracy"] == pytest.approx(results["metrics"]["accuracy"])
  assert metrics["loss"] == pytest.approx(
    results["metrics"]["average_loss"], rel=1e-5
  )
  both = run_evaluation.evaluate_run(
    folder, folder.checkpoint("model.ckpt-2"), ["train", "eval"]
  )
  assert both["train"].metrics["num_examples"] == 14
  assert both["eval"].metrics["global_step"] == 2
  with pytest.raises(errors.UserValueError) as caught:
    run_evaluation.evaluate_run(folder, folder.checkpoint(), ["dev"])
  assert str(caught.value) == (
    "--split=dev: the run's data has no such split. It has: train, eval."
  )
