"""Predictor: predictions of a run's model in a program."""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

import gin
import numpy as np
import pytest
import tiny_runs
import trained_runs

import hub_estimator
from hub_estimator import errors
from hub_estimator.tf_compat import tf
from hub_estimator.training import head_scores, run_folder
from hub_estimator.training.inference_session import InferenceSession

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
  """The folder of a run that classifies texts."""
  run, _ = trained_runs.train("classes", tmp_path_factory.mktemp("texts"))
  return run


@pytest.fixture(scope="module")
def arrays(tmp_path_factory):
  """The folder of a run on arrays x [num_examples, 2], with 3 classes."""
  run, _ = trained_runs.train(
    "arrays",
    tmp_path_factory.mktemp("arrays"),
    "NumpyInput.feature_name = 'x'",
  )
  return run


def by_estimator(model_dir, features):
  folder = run_folder.open_run(str(model_dir))
  found = folder.create_estimator().predict(
    lambda: tf.data.Dataset.from_tensors(features),
    checkpoint_path=folder.checkpoint(),
  )
  return np.array([example["probabilities"] for example in found])


def test_it_agrees_with_estimator_predict(texts):
  expected = by_estimator(texts, {"text": ["good", "so bad", "bad"]})
  with hub_estimator.Predictor(texts) as predictor:
    found = predictor.predict(["good", "so bad", "bad"])
  assert predictor.checkpoint == f"{texts}/model.ckpt-3"
  np.testing.assert_allclose(found["probabilities"], expected, atol=1e-6)
  ids = expected.argmax(axis=1)
  assert found["class_ids"].tolist() == ids.tolist()
  assert found["class_ids"].dtype == np.int64
  names = ["neg", "pos"]
  assert predictor.class_names == names
  assert found["class_names"].tolist() == [names[i] for i in ids]
  assert len(set(ids)) == 2


def test_what_is_taken_for_texts(texts):
  with hub_estimator.Predictor(texts) as predictor:
    expected = predictor.predict(["good", "b\u00e4d"])["probabilities"]
    for given in (
      {"text": ["good", "b\u00e4d"]},
      ("good", "b\u00e4d"),
      np.array(["good", "b\u00e4d"]),
      np.array(["good", "b\u00e4d"], object),
      ["good", "b\u00e4d".encode()],
    ):
      found = predictor.predict(given)["probabilities"]
      np.testing.assert_array_equal(found, expected)


def test_batches_of_any_size_are_split(arrays):
  x = np.random.RandomState(0).uniform(size=[23, 2])
  expected = by_estimator(arrays, {"x": x.astype(np.float32)})
  with hub_estimator.Predictor(arrays, batch_size=5) as predictor:
    sizes = []
    run = predictor._run
    predictor._run = lambda batch: sizes.append(len(batch)) or run(batch)
    found = predictor.predict({"x": x})["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert sizes == [5, 5, 5, 5, 3]
    empty = predictor.predict({"x": np.zeros([0, 2])})
    assert empty["probabilities"].shape == (0, 3)
    assert empty["class_names"].shape == (0,)
    batches = list(predictor.predict_batches(iter([x[:1], x[1:7]])))
    joined = np.concatenate([batch["probabilities"] for batch in batches])
    np.testing.assert_allclose(joined, expected[:7], atol=1e-6)


def test_threads(arrays):
  x = np.random.RandomState(0).uniform(size=[40, 2]).astype(np.float32)
  expected = by_estimator(arrays, {"x": x})
  with hub_estimator.Predictor(arrays, batch_size=3) as predictor:

    def check(number):
      part = slice(number % 20, number % 20 + 1 + number % 11)
      found = predictor.predict(x[part])["probabilities"]
      np.testing.assert_allclose(found, expected[part], atol=1e-6)

    with concurrent.futures.ThreadPoolExecutor(8) as executor:
      list(executor.map(check, range(200)))


def test_one_graph_for_all_calls(arrays, monkeypatch):
  built = []
  create = InferenceSession.__init__

  def count(self, *arguments):
    built.append(self)
    create(self, *arguments)

  monkeypatch.setattr(InferenceSession, "__init__", count)
  with hub_estimator.Predictor(arrays) as predictor:
    (model,) = built
    number = len(model.graph.get_operations())
    for size in (1, 2, 9):
      predictor.predict(np.zeros([size, 2]))
    assert len(model.graph.get_operations()) == number
    assert model.graph.finalized
  assert built == [model]


def test_two_models_and_gins_bindings(texts, arrays):
  gin.clear_config()
  gin.parse_config("NumpyInput.batch_size = 17")
  with (
    hub_estimator.Predictor(texts) as of_texts,
    hub_estimator.Predictor(arrays, "model.ckpt-0") as of_arrays,
  ):
    assert of_arrays.predict([[1, 2]])["class_names"].tolist() == ["2"]
    assert of_texts.predict(["good"])["probabilities"].shape == (1, 2)
    assert of_arrays.checkpoint.endswith("model.ckpt-0")
  assert gin.query_parameter("NumpyInput.batch_size") == 17
  gin.clear_config()
  assert tf.executing_eagerly()


def test_numbers_and_several_labels(tmp_path):
  (tmp_path / "numbers").mkdir()
  (tmp_path / "lists").mkdir()
  run, _ = trained_runs.train("numbers", tmp_path / "numbers")
  with hub_estimator.Predictor(run) as predictor:
    assert predictor.class_names is None
    found = predictor.predict(["good", "bad"])
  assert set(found) == {"predictions"}
  assert found["predictions"].shape == (2, 1)
  run, _ = trained_runs.train("label_lists", tmp_path / "lists")
  with hub_estimator.Predictor(run) as predictor:
    found = predictor.predict(["good", "so bad", "nothing"])
  labels = found["probabilities"] > 0.5
  np.testing.assert_array_equal(found["labels"], labels)
  assert found["class_names"].tolist() == [
    [name for name, is_there in zip(["kind", "short"], row) if is_there]
    for row in labels
  ]


def test_moving_averages(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  tiny_runs.launch(
    config, tmp_path / "run", "Optimization.moving_average_decay = 0.5"
  )
  reader = tf.train.load_checkpoint(str(tmp_path / "run"))
  names = reader.get_variable_to_shape_map()

  def logits(suffix):
    value = {
      name: reader.get_tensor(f"{name}{suffix}")
      for name in ("module/w", "logits/kernel", "logits/bias")
    }
    hidden = np.array([[0.5, 0.25]]) @ value["module/w"]
    return hidden @ value["logits/kernel"] + value["logits/bias"]

  assert "module/w/ExponentialMovingAverage" in names
  expected = np.exp(logits("/ExponentialMovingAverage"))
  other = np.exp(logits(""))
  assert abs(expected / expected.sum() - other / other.sum()).max() > 1e-3
  with hub_estimator.Predictor(tmp_path / "run") as predictor:
    found = predictor.predict([[0.5, 0.25]])["probabilities"]
  np.testing.assert_allclose(found, expected / expected.sum(), atol=1e-6)


TEXT = "The model takes 'text': texts [num_examples]."
X = "The model takes 'x': float32 [num_examples, 2]."


@pytest.mark.parametrize(
  ("features", "kind", "message"),
  [
    (
      {"texts": ["a"]},
      errors.UserKeyError,
      f"'text' is missing; there is no feature 'texts'. {TEXT}",
    ),
    (
      "good",
      errors.UserTypeError,
      "feature 'text' takes texts with a row for each example, and got one "
      "text: give a list, ['good'].",
    ),
    (
      ["good", None],
      errors.UserTypeError,
      "feature 'text' takes texts, str or bytes; got None at row 1.",
    ),
    (
      [["good"]],
      errors.UserValueError,
      "feature 'text' has the shape [num_examples], and got [1, 1]. " + TEXT,
    ),
  ],
)
def test_texts_that_do_not_fit(texts, features, kind, message):
  with hub_estimator.Predictor(texts) as predictor:
    with pytest.raises(kind) as caught:
      predictor.predict(features)
  assert str(caught.value) == message


@pytest.mark.parametrize(
  ("features", "message"),
  [
    (
      np.zeros([3, 3]),
      f"feature 'x' has the shape [num_examples, 2], and got [3, 3]. {X}",
    ),
    (
      [1.0, 2.0],
      f"feature 'x' has the shape [num_examples, 2], and got [2]. {X}",
    ),
    (
      [["a", "b"]],
      f"feature 'x' is of float32, and got texts. {X}",
    ),
  ],
)
def test_arrays_that_do_not_fit(arrays, features, message):
  with hub_estimator.Predictor(arrays) as predictor:
    with pytest.raises(errors.UserValueError) as caught:
      predictor.predict(features)
    assert str(caught.value) == message
    with pytest.raises(errors.UserTypeError, match="got the text 'a'"):
      predictor.predict({"x": "a"})
    with pytest.raises(errors.UserValueError, match="'x' is no array"):
      predictor.predict({"x": [[1, 2], [1]]})


def test_a_head_with_more_classes_than_the_data(tmp_path):
  run, _ = trained_runs.train(
    "classes", tmp_path, "create_multi_class_head_fn.num_classes = 4"
  )
  with hub_estimator.Predictor(run) as predictor:
    assert predictor.class_names == ["neg", "pos", "2", "3"]
    assert predictor.predict(["good"])["probabilities"].shape == (1, 4)


def test_a_head_of_another_kind():
  spec = tf.TensorSpec([None, 1], tf.int64)
  with pytest.raises(errors.UserNotImplementedError) as caught:
    head_scores.find_scores({"top": None, "logits": None}, spec)
  assert str(caught.value) == (
    "Predicting with a run needs a head that predicts 'probabilities' of "
    "classes, or 'predictions' of numbers; that of the run predicts 'logits', "
    "'top'."
  )


def test_several_features(tmp_path):
  run, _ = trained_runs.train("pairs", tmp_path)
  with hub_estimator.Predictor(run) as predictor:
    names = ("first_text", "second_text")
    pair = dict.fromkeys(names, ["good", "bad"])
    assert predictor.predict(pair)["class_ids"].shape == (2,)
    with pytest.raises(errors.UserTypeError) as caught:
      predictor.predict(["good"])
    assert str(caught.value) == (
      "The model takes 2 features: give a dict of arrays. It takes "
      "'first_text': texts [num_examples], 'second_text': texts "
      "[num_examples]; got a list."
    )
    with pytest.raises(errors.UserValueError, match="different numbers of row"):
      predictor.predict({**pair, "second_text": ["good"]})


def test_a_closed_predictor(arrays):
  predictor = hub_estimator.Predictor(arrays)
  predictor.close()
  predictor.close()
  with pytest.raises(errors.UserRuntimeError, match="The Predictor is closed"):
    predictor.predict([[1, 2]])


def test_arguments(arrays, tmp_path):
  with pytest.raises(errors.UserValueError, match="batch_size"):
    hub_estimator.Predictor(arrays, batch_size=0)
  with pytest.raises(errors.UserOSError, match="is no folder of a run"):
    hub_estimator.Predictor(tmp_path)
  with pytest.raises(errors.UserValueError, match="train.best_metric"):
    hub_estimator.Predictor(arrays, best=True)


PROGRAM = """
import sys
import hub_estimator
assert "tensorflow" not in sys.modules
predictor = hub_estimator.Predictor(sys.argv[1])
import tensorflow as tf
assert tf.executing_eagerly()
print(predictor.predict([[1, 2]])["class_names"].tolist())
assert tf.add(1, 2).numpy() == 3
"""


def test_a_program_of_its_own(arrays):
  completed = subprocess.run(
    [sys.executable, "-c", PROGRAM, str(arrays)],
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
    check=False,
  )
  assert completed.returncode == 0, completed.stderr
  with hub_estimator.Predictor(arrays) as predictor:
    names = predictor.predict([[1, 2]])["class_names"].tolist()
  assert completed.stdout == f"{names}\n"
