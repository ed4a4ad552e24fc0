"""Exports of runs: they give what the run's model gives, wherever they are."""

import csv
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tiny_runs
import trained_runs

import hub_estimator
from hub_estimator import errors, hub
from hub_estimator.inputs.prediction import create_example_reader
from hub_estimator.tf_compat import graph_symbols, tf
from hub_estimator.training import (
  prediction_run,
  run_folder,
  saved_model_export,
)

tf1 = tf.compat.v1
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """Makes runs, each once: task -> (folder of the run, paths of the data)."""
  runs = {}

  def make(task, *params):
    if task not in runs:
      folder = tmp_path_factory.mktemp(task)
      runs[task] = trained_runs.train(task, folder, *params)
    return runs[task]

  return make


def export(run, tmp_path, kind="saved_model"):
  folder = run_folder.open_run(str(run))
  write = {
    "saved_model": saved_model_export.export_saved_model,
    "tf_hub": saved_model_export.export_module,
  }[kind]
  return write(folder, folder.checkpoint(), str(tmp_path / kind))


def apply_module(path, inputs):
  """Returns the embeddings that an exported module gives."""
  with tf.Graph().as_default(), tf1.Session() as session:
    embeddings = hub.Module(path)(inputs)
    session.run([tf1.global_variables_initializer(), tf1.tables_initializer()])
    return session.run(embeddings)


def apply_head(run, embeddings):
  reader = tf.train.load_checkpoint(str(run))
  kernel, bias = (
    reader.get_tensor(f"logits/{name}").astype(np.float64)
    for name in ("kernel", "bias")
  )
  return embeddings @ kernel + bias


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def softmax(x):
  powers = np.exp(x)
  return powers / powers.sum(axis=1, keepdims=True)


def of_two(x):
  return np.concatenate([1 - sigmoid(x), sigmoid(x)], axis=1)


# Task -> from logits to scores.
SCORES = {
  "classes": of_two,
  "numbers": lambda x: x,
  "label_lists": sigmoid,
  "pairs": of_two,
  "images": softmax,
  "arrays": softmax,
}
TEXTS = ["good", "so bad", "bad good", "nothing known"]


def example_inputs(task, paths, tmp_path):
  """Writes examples; returns their file, and what serving_default gets."""
  if task == "images":
    files = sorted(pathlib.Path(paths["signs"]).glob("*/0.png"))[::3]
    path = tmp_path / "images.txt"
    path.write_text("".join(f"{file}\n" for file in files))
    return path, {"image_bytes": [file.read_bytes() for file in files]}
  if task == "arrays":
    x = np.random.RandomState(1).uniform(size=[4, 2]).astype(np.float32)
    np.savez(tmp_path / "new.npz", features=x)
    return tmp_path / "new.npz", {"images": x}
  path = tmp_path / "new.tsv"
  if task != "pairs":
    path.write_text("".join(f"{text}\n" for text in ["text", *TEXTS]))
    return path, {"text": TEXTS}
  rows = [("text", "second_text"), *zip(TEXTS, TEXTS[::-1])]
  path.write_text("".join("\t".join(row) + "\n" for row in rows))
  return path, {"first_text": TEXTS, "second_text": TEXTS[::-1]}


def embed(task, module, features):
  """Returns what the model's encoder makes of features, by NumPy."""
  if task != "pairs":
    return apply_module(module, next(iter(features.values())))
  u, v = (apply_module(module, features[name]) for name in features)
  return np.concatenate([u, v, abs(u - v), u * v], axis=1)


def decoded_features(run, path):
  folder = run_folder.open_run(str(run))
  with create_example_reader(folder.description, str(path), 100) as reader:
    (batch,) = reader
  return batch.features


def scores_of_line(line):
  if "prediction" in line:
    return [line["prediction"]]
  return list(line["probabilities"].values())


@pytest.mark.parametrize("task", SCORES)
def test_all_ways_agree(made, task, tmp_path):
  run, paths = made(task)
  path, inputs = example_inputs(task, paths, tmp_path)
  features = decoded_features(run, path)

  # The exported module, and the head's weights.
  module = export(run, tmp_path, "tf_hub")
  expected = SCORES[task](apply_head(run, embed(task, module, features)))
  assert expected.std() > 1e-3 or task == "images"

  with hub_estimator.Predictor(run) as predictor:
    found = predictor.predict(features)
  name = "predictions" if task == "numbers" else "probabilities"
  np.testing.assert_allclose(found[name], expected, atol=TOLERANCE)

  prediction_run.predict_file(
    str(run), str(path), str(tmp_path / "out"), "jsonl", batch_size=3
  )
  lines = [json.loads(x) for x in (tmp_path / "out").read_text().splitlines()]
  of_lines = [scores_of_line(line) for line in lines]
  np.testing.assert_allclose(of_lines, expected, atol=TOLERANCE)

  loaded = tf.saved_model.load(export(run, tmp_path))
  served = loaded.signatures["serving_default"](
    **{key: tf.constant(value) for key, value in inputs.items()}
  )
  np.testing.assert_allclose(served[name], expected, atol=TOLERANCE)
  if task == "numbers":
    return
  np.testing.assert_array_equal(
    served["all_class_names"].numpy().astype(str),
    [predictor.class_names] * len(expected),
  )
  if task == "label_lists":
    np.testing.assert_array_equal(served["labels"], expected > 0.5)
    names = [line["predicted_classes"] for line in lines]
    assert names == found["class_names"].tolist()
    return
  np.testing.assert_array_equal(served["class_ids"], found["class_ids"])
  names = found["class_names"].tolist()
  assert [text.decode() for text in served["class_names"].numpy()] == names
  assert [line["predicted_class"] for line in lines] == names


def examples(features):
  """Returns serialized Examples, one of each row."""
  found = []
  for row in zip(*features.values()):
    example = tf.train.Example()
    for name, value in zip(features, row):
      feature = example.features.feature[name]
      if isinstance(value, np.ndarray):
        feature.float_list.value.extend(value.tolist())
      else:
        content = value.encode() if isinstance(value, str) else value
        feature.bytes_list.value.append(content)
    found.append(example.SerializeToString())
  return found


@pytest.mark.parametrize("task", SCORES)
def test_serialized_examples(made, task, tmp_path):
  run, paths = made(task)
  path, inputs = example_inputs(task, paths, tmp_path)
  with hub_estimator.Predictor(run) as predictor:
    found = predictor.predict(decoded_features(run, path))
  loaded = tf.saved_model.load(export(run, tmp_path))
  serialized = tf.constant(examples(inputs))
  # Two classes have a probability of the second, which is a regression, too.
  with_number = task in ("numbers", "classes", "pairs")
  assert ("regression" in loaded.signatures) == with_number
  assert ("classification" in loaded.signatures) == (task != "numbers")
  if with_number:
    scores = found["predictions" if task == "numbers" else "probabilities"]
    value = loaded.signatures["regression"](inputs=serialized)["outputs"]
    np.testing.assert_allclose(value, scores[:, -1:], atol=TOLERANCE)
  if task != "numbers":
    served = loaded.signatures["classification"](inputs=serialized)
    np.testing.assert_allclose(
      served["scores"], found["probabilities"], atol=TOLERANCE
    )
    assert served["classes"].numpy().astype(str).tolist() == (
      [predictor.class_names] * len(inputs[next(iter(inputs))])
    )


def test_decoded_images(made, tmp_path):
  run, paths = made("images")
  path, _ = example_inputs("images", paths, tmp_path)
  features = decoded_features(run, path)
  with hub_estimator.Predictor(run) as predictor:
    expected = predictor.predict(features)["probabilities"]
  loaded = tf.saved_model.load(export(run, tmp_path))
  found = loaded.signatures["decoded_images"](
    images=tf.constant(features["images"])
  )
  np.testing.assert_allclose(found["probabilities"], expected, atol=TOLERANCE)


def signature_defs(path):
  with tf.Graph().as_default(), tf1.Session() as session:
    return tf1.saved_model.load(session, ["serve"], path).signature_def


def test_what_tensorflow_serving_expects(made, tmp_path):
  run, _ = made("classes")
  path = export(run, tmp_path)
  assert pathlib.Path(path).name.isdecimal()
  signatures = signature_defs(path)
  assert {
    name: s.method_name for name, s in signatures.items() if s.outputs
  } == {
    "serving_default": "tensorflow/serving/predict",
    "predict": "tensorflow/serving/predict",
    "classification": "tensorflow/serving/classify",
    "regression": "tensorflow/serving/regress",
  }
  assert list(signatures["serving_default"].inputs) == ["text"]
  assert set(signatures["classification"].outputs) == {"classes", "scores"}
  head = set(signatures["predict"].outputs)
  assert head >= {"logits", "probabilities", "class_ids", "classes"}


# Of a machine that has neither the module nor the run nor this package.
PROGRAM = """
import sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
found = loaded.signatures["serving_default"](text=tf.constant(["good"]))
print(found["class_names"].numpy()[0].decode(), found["probabilities"].numpy())
"""


def test_elsewhere(made, tmp_path):
  run, paths = made("classes")
  with hub_estimator.Predictor(run) as predictor:
    found = predictor.predict(["good"])
  path = export(run, tmp_path)
  shutil.move(path, tmp_path / "moved")
  module = pathlib.Path(paths["text_module"])
  module.rename(tmp_path / "hidden")
  try:
    completed = subprocess.run(
      [sys.executable, "-c", PROGRAM, tmp_path / "moved"],
      check=True,
      capture_output=True,
      text=True,
    )
  finally:
    (tmp_path / "hidden").rename(module)
  assert completed.stdout == (
    f"{found['class_names'][0]} {found['probabilities']}\n"
  )


@pytest.mark.parametrize("task", ["classes", "images"])
def test_no_path_of_this_machine(made, task, tmp_path):
  run, _ = made(task)
  content = (
    pathlib.Path(export(run, tmp_path)) / "saved_model.pb"
  ).read_bytes()
  for folder in (run, run.parent, tmp_path, pathlib.Path.home()):
    assert f"{folder}/".encode() not in content
  saved_model = graph_symbols.SavedModel.FromString(content)
  (meta_graph,) = saved_model.meta_graphs
  texts = {
    text
    for node in meta_graph.graph_def.node
    for text in node.attr["value"].tensor.string_val
  }
  assert not [text for text in texts if text.startswith(b"/")]


def test_metadata(made, tmp_path):
  run, paths = made("classes")
  for kind in ("tf_hub", "saved_model"):
    path = pathlib.Path(export(run, tmp_path, kind))
    found = json.loads((path / "assets.extra/export.json").read_text())
    assert found["format"] == kind
    assert found["global_step"] == 3
    assert found["checkpoint"] == "model.ckpt-3"
    assert found["module_handle"] == paths["text_module"]
    assert found["config"] == (run / "config.gin").read_text()
    assert found["versions"]["tensorflow"] == tf.__version__
  assert found["class_names"] == ["neg", "pos"]


def test_versions_follow_each_other(made, tmp_path):
  run, _ = made("arrays")
  folder = run_folder.open_run(str(run))
  names = [
    pathlib.Path(
      saved_model_export.export_saved_model(
        folder,
        folder.checkpoint(),
        str(tmp_path / "out"),
        lambda now=seconds: now,
      )
    ).name
    for seconds in (50.5, 50.9, 7)
  ]
  assert names == ["50", "51", "52"]
  assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names


def test_moving_averages(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  tiny_runs.launch(
    config, tmp_path / "run", "Optimization.moving_average_decay = 0.5"
  )
  reader = tf.train.load_checkpoint(str(tmp_path / "run"))
  average = reader.get_tensor("module/w/ExponentialMovingAverage")
  assert abs(average - reader.get_tensor("module/w")).max() > 1e-3
  module = export(tmp_path / "run", tmp_path, "tf_hub")
  np.testing.assert_array_equal(
    tiny_runs.exported_weights(module)["w"], average
  )
  x = [[0.5, 0.25]]
  with hub_estimator.Predictor(tmp_path / "run") as predictor:
    expected = predictor.predict(x)["probabilities"]
  loaded = tf.saved_model.load(export(tmp_path / "run", tmp_path))
  found = loaded.signatures["serving_default"](x=tf.constant(x))
  np.testing.assert_allclose(found["probabilities"], expected, atol=TOLERANCE)


def test_csv_holds_the_same_numbers(made, tmp_path):
  run, paths = made("label_lists")
  path, _ = example_inputs("label_lists", paths, tmp_path)
  for kind in ("csv", "jsonl"):
    prediction_run.predict_file(
      str(run), str(path), str(tmp_path / kind), kind, batch_size=3
    )
  with open(tmp_path / "csv", newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
  lines = (tmp_path / "jsonl").read_text().splitlines()
  assert len(rows) == len(lines) == len(TEXTS)
  for row, line in zip(rows, map(json.loads, lines)):
    assert row["text"] == line["text"]
    assert row["predicted_classes"] == "|".join(line["predicted_classes"])
    for name, probability in line["probabilities"].items():
      assert float(row[f"probability_{name}"]) == probability


def test_a_failed_export_leaves_nothing(made, tmp_path, monkeypatch):
  run, _ = made("arrays")

  def fail(*arguments, **more):
    raise errors.UserRuntimeError("no")

  monkeypatch.setattr(saved_model_export, "_write_metadata", fail)
  for kind in ("tf_hub", "saved_model"):
    with pytest.raises(errors.UserRuntimeError):
      export(run, tmp_path, kind)
  assert not [p for p in tmp_path.rglob("*") if p.name != "saved_model"]


def test_a_path_that_the_graph_keeps_is_refused(made, tmp_path, monkeypatch):
  run, _ = made("classes")
  monkeypatch.setattr(saved_model_export, "_take_paths_out", lambda path: None)
  with pytest.raises(errors.UserRuntimeError) as caught:
    export(run, tmp_path)
  assert str(caught.value).startswith(
    "The export was refused, and removed: its graph has a path of this machine"
  )
  assert "vocabulary.txt" in str(caught.value)
  assert not list((tmp_path / "saved_model").iterdir())
