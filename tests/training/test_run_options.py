"""Averages, accumulation, early stopping, movement: in whole runs."""

import json

import linear_runs
import numpy as np
import pytest
import tiny_models

from hub_estimator import errors, hub
from hub_estimator.recipes import FeatureExtraction, create_plan
from hub_estimator.tf_compat import tf
from hub_estimator.training import feature_stage

tf1 = tf.compat.v1
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")
ALL = (*linear_runs.NAMES, "V", "c")


def exported(results):
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(results["exports"]["tf_hub"])
    session.run(tf1.global_variables_initializer())
    return session.run(module.variable_map)


def test_averages_are_evaluated_and_exported_through_all_stages(tmp_path):
  results, found = linear_runs.run(
    tmp_path,
    "RECIPE = @linear_probe_then_fine_tune()",
    text="Optimization.moving_average_decay = 0.5",
  )
  averages = {name: found[0][name] for name in ALL}
  for step in range(1, 7):
    decay = min(0.5, (1 + step) / (10 + step))
    averages = {
      name: decay * value + (1 - decay) * found[step][name]
      for name, value in averages.items()
    }
  for name, value in exported(results).items():
    np.testing.assert_allclose(value, averages[name], rtol=1e-5)
    assert not np.allclose(value, found[6][name], rtol=1e-5)
  w = averages
  y = (linear_runs.X @ w["W1"] + w["b1"]) @ w["W2"] + w["b2"]
  error = y @ w["V"] + w["c"] - linear_runs.TARGETS
  assert results["metrics"]["average_loss"] == pytest.approx(
    float(np.mean(error**2)), rel=1e-4
  )


def test_accumulated_gradients_make_the_steps_of_the_whole_batch(tmp_path):
  (tmp_path / "whole").mkdir()
  _, whole = linear_runs.run(tmp_path / "whole")
  (tmp_path / "halves").mkdir()
  results, halves = linear_runs.run(
    tmp_path / "halves",
    "BATCH_SIZE = 2",
    text="Optimization.accumulate_steps = 2",
  )
  assert results["global_step"] == 6
  linear_runs.assert_equal(halves, whole)
  # Six steps of two batches of two.
  assert results["examples_per_second"] == pytest.approx(
    24 / results["train_seconds"]
  )


STOPPING = """
train.early_stopping = @EarlyStopping()
EarlyStopping.metric = 'loss'
EarlyStopping.patience = 2
EarlyStopping.min_delta = 1000.0
"""


def test_early_stopping_ends_a_run(tmp_path, capfd):
  results, found = linear_runs.run(tmp_path, text=STOPPING)
  # Step 1 is the best there is, and two evaluations more are not better by
  # 1000.
  assert results["global_step"] == 3
  assert sorted(found) == [0, 1, 2, 3]
  reason = results["stopped_early"]
  assert reason.startswith("loss has not improved by more than 1000 for 2 eval")
  assert exported(results)["W1"] == pytest.approx(found[3]["W1"])
  assert "Training ended before" in capfd.readouterr().err
  again, found = linear_runs.run_again(tmp_path, text=STOPPING)
  assert again["global_step"] == 3
  assert again["stopped_early"] == reason
  assert sorted(found) == [0, 1, 2, 3]


def test_a_metric_that_is_not_there(tmp_path):
  with pytest.raises(errors.UserValueError) as caught:
    linear_runs.run(
      tmp_path,
      text="""
train.early_stopping = @EarlyStopping()
EarlyStopping.metric = 'accuracy'
""",
    )
  assert "There are: average_loss, label/mean, loss" in str(caught.value)


def test_a_group_that_does_not_move_is_noticed(tmp_path, capfd):
  results, _ = linear_runs.run(tmp_path, "LEARNING_RATE = 0.0")
  shown = capfd.readouterr().err
  assert (
    "After 6 steps the weights have moved, relative to their size: module 0, "
    "head 0." in shown
  )
  assert "warning: module, head should train and has not moved" in shown
  assert results["groups"]["module"]["moved"] == 0


def test_how_far_groups_have_moved(tmp_path):
  results, found = linear_runs.run(tmp_path, "TRAIN_STEPS = 2")
  distance = sum(
    np.sum((found[2][n] - found[0][n]) ** 2) for n in linear_runs.NAMES
  )
  size = sum(np.sum(found[0][n] ** 2) for n in linear_runs.NAMES)
  assert results["groups"]["module"]["moved"] == pytest.approx(
    np.sqrt(distance / size), rel=1e-5
  )


def test_the_vocabulary_is_saved_with_the_run(tmp_path):
  source = tmp_path / "texts.npz"
  np.savez(
    source,
    features=np.arange(16, dtype=np.float32).reshape([8, 2]),
    labels=np.array(["dog", "cat", "a\nb", "dog"] * 2),
  )
  results, _ = linear_runs.run(
    tmp_path,
    f"NumpyInput.source = '{source}'",
    "NumpyInput.eval_fraction = 0.5",
    "HEAD = @create_multi_class_head_fn()",
    "TRAIN_STEPS = 1",
  )
  assert (tmp_path / "run" / "vocabularies" / "labels.txt").read_text() == (
    "a b\ncat\ndog\n"
  )
  assert results["skipped_examples"] == {}
  assert json.loads((tmp_path / "run" / "results.json").read_text()) == results


def test_overwriting_removes_all_of_a_run(tmp_path):
  text = f"head2toe.cache_dir = '{tmp_path}/cache'"
  linear_runs.run(
    tmp_path, "RECIPE = @head2toe()", "TRAIN_STEPS = 1", text=text
  )
  assert (tmp_path / "run" / "selected_features.json").exists()
  linear_runs.run_again(tmp_path, "TRAIN_STEPS = 1", overwrite=True)
  assert not (tmp_path / "run" / "selected_features.json").exists()


def test_augmentation_and_cached_features_do_not_go_together():
  data = tiny_models.create_input()
  plan = create_plan([FeatureExtraction(cache_features=True)], [], 10)

  class Augmented(type(data)):
    augmentations = ("Augmented.flip = True",)

  data.__class__ = Augmented
  with pytest.raises(errors.UserValueError) as caught:
    feature_stage.check(plan, data, tiny_models.create_model().encoder)
  assert "Augmented.flip = True" in str(caught.value)
  data.__class__ = Augmented.__base__
  with pytest.raises(errors.UserValueError, match="random weights"):
    feature_stage.check(plan, data, tiny_models.create_model().encoder)
