"""KeptEvaluation: as Estimator.evaluate, with one graph."""

import numpy as np
import pytest
import tiny_models
import tiny_runs

from hub_estimator import errors, estimator
from hub_estimator.inputs import NumpyInput
from hub_estimator.tf_compat import tf
from hub_estimator.training.kept_evaluation import KeptEvaluation, eval_folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
  """An Estimator with checkpoints 0, 2 and 4, and data with a test split."""
  folder = tmp_path_factory.mktemp("run")
  data = NumpyInput(
    tiny_models.arrays([0, 1, 2], 40),
    feature_name="x",
    batch_size=4,
    eval_fraction=0.35,
    test_fraction=0.2,
  )
  model = tiny_models.create_model()
  trained = estimator.Estimator(
    model.create_model_fn(data),
    config=estimator.RunConfig(
      model_dir=str(folder), save_checkpoints_steps=2, tf_random_seed=0
    ),
  )
  trained.train(data.input_fn("train"), max_steps=4)
  return trained, data


def count_calls(trained):
  calls = []

  def model_fn(features, labels, mode, config):
    calls.append(mode)
    return trained.model_fn(
      features=features, labels=labels, mode=mode, config=config
    )

  return model_fn, calls


def test_metrics_of_several_checkpoints_with_one_graph(trained):
  trained, data = trained
  model_fn, calls = count_calls(trained)
  kept = KeptEvaluation(model_fn, data, trained.config)
  for step in (4, 0, 2, 4):
    checkpoint = f"{trained.model_dir}/model.ckpt-{step}"
    expected = trained.evaluate(
      data.input_fn("eval"), checkpoint_path=checkpoint
    )
    assert kept.evaluate(checkpoint) == pytest.approx(expected, rel=1e-6)
  assert calls == ["eval"]
  kept.close()
  kept.evaluate(checkpoint)
  assert calls == ["eval", "eval"]
  kept.close()


def test_other_splits(trained):
  trained, data = trained
  kept = KeptEvaluation(trained.model_fn, data, trained.config)
  checkpoint = trained.latest_checkpoint()
  for split in ("test", "train", "eval", "test"):
    expected = trained.evaluate(data.ordered_input_fn(split), name="other")
    assert kept.evaluate(checkpoint, split) == pytest.approx(expected, rel=1e-6)
  with pytest.raises(errors.UserValueError, match="There is no split 'other'"):
    kept.evaluate(checkpoint, "other")
  kept.close()


def test_summaries(trained):
  trained, data = trained
  kept = KeptEvaluation(trained.model_fn, data, trained.config)
  metrics = kept.evaluate(f"{trained.model_dir}/model.ckpt-2", "test")
  kept.close()
  folder = eval_folder(trained.model_dir, "test")
  assert folder == f"{trained.model_dir}/eval_test"
  found = tiny_runs.scalars(folder)
  assert found["loss"][-1] == (2, pytest.approx(metrics["loss"]))
  assert set(found) == set(metrics) - {"global_step"}


def test_outcomes(trained):
  trained, data = trained
  kept = KeptEvaluation(trained.model_fn, data, trained.config)
  checkpoint = trained.latest_checkpoint()
  metrics, outcomes = kept.outcomes(checkpoint, num_worst=3)
  kept.close()
  expected = list(trained.predict(data.input_fn("infer")))
  np.testing.assert_allclose(
    outcomes.scores, [p["probabilities"] for p in expected], rtol=1e-6
  )
  assert outcomes.kind == "class"
  assert outcomes.weights is None
  assert outcomes.labels.shape == (15,)
  assert np.mean(
    outcomes.labels == outcomes.scores.argmax(axis=1)
  ) == pytest.approx(metrics["accuracy"])
  losses = -np.log(outcomes.scores[np.arange(15), outcomes.labels])
  assert np.mean(losses) == pytest.approx(metrics["average_loss"], rel=1e-5)
  worst = np.argsort(-losses)[:3]
  assert [example.index for example in outcomes.worst] == worst.tolist()
  assert [example.loss for example in outcomes.worst] == pytest.approx(
    losses[worst].tolist(), rel=1e-5
  )
  features = read_features(data)
  for example in outcomes.worst:
    np.testing.assert_array_equal(
      example.features["x"], features[example.index]
    )


def read_features(data):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    dataset = data.input_fn("eval")().unbatch().batch(100)
    iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
    features, _ = iterator.get_next()
    session.run(iterator.initializer)
    return session.run(features["x"])


def test_a_head_of_another_kind_has_its_own_metrics_alone(trained):
  trained, data = trained

  def model_fn(features, labels, mode, config):
    spec = trained.model_fn(
      features=features, labels=labels, mode=mode, config=config
    )
    return spec._replace(predictions={"top": spec.predictions["class_ids"]})

  kept = KeptEvaluation(model_fn, data, trained.config)
  checkpoint = trained.latest_checkpoint()
  metrics, outcomes = kept.outcomes(checkpoint, num_worst=3)
  assert outcomes is None
  assert metrics == kept.evaluate(checkpoint)
  assert 0 <= metrics["accuracy"] <= 1
  kept.close()
