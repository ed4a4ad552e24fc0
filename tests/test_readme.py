"""The README's examples run as they stand."""

import pathlib
import re

import pytest

from hub_estimator import hub
from hub_estimator.sweeps import sweep_file
from hub_estimator.tf_compat import tf
from hub_estimator.training import launch

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def block_with(text):
  (block,) = [block for block in BLOCKS if text in block]
  return block


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  return tmp_path


def export_text_module(path):
  def module_fn():
    text = tf.compat.v1.placeholder(tf.string, [None])
    table = tf.compat.v1.get_variable(
      "table", initializer=[[1.0, 2.0], [3.0, 4.0]]
    )
    bucket = tf.strings.to_hash_bucket_fast(text, 2)
    hub.add_text_embedding_signature(text, tf.gather(table, bucket))

  spec = hub.create_module_spec(module_fn)
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    module = hub.Module(spec)
    session.run(tf.compat.v1.global_variables_initializer())
    module.export(str(path), session)


def test_the_sweep_file_of_the_readme_and_that_of_the_digits():
  launch.register_configurables()
  digits = README.parent / "experiments" / "digits" / "sweep.gin"
  settings = sweep_file.read_sweep_file(digits)
  assert settings.space.names == ("RECIPE", "LEARNING_RATE", "l2_sp.alpha")
  (text,) = re.findall(
    r"```\n(sweep\.search_space = .*?)```", README.read_text(), re.DOTALL
  )
  settings = sweep_file.read_sweep_file(digits, [text])
  assert settings.space.handle_name == "MODULE_HANDLE"
  assert settings.num_trials == 30


def test_publish_a_module(in_folder, capsys):
  exec(block_with("module_fn(is_training)"), {"tf": tf, "hub": hub})
  assert capsys.readouterr().out == ""  # No warning.
  spec = hub.load_module_spec("modules/tiny")
  assert sorted(map(sorted, spec.get_tags())) == [[], ["train"]]
  assert spec.get_signature_names() == [
    "default",
    "image_feature_vector",
    "tunable",
  ]


def test_try_a_module_on_values(in_folder):
  (in_folder / "path/to").mkdir(parents=True)
  export_text_module(in_folder / "path/to/module")
  names = {"hub": hub}
  exec(block_with("eval_function_for_module"), names)
  assert names["embeddings"].shape == (2, 2)


def test_canned_estimators(in_folder):
  (in_folder / "path/to").mkdir(parents=True)
  export_text_module(in_folder / "path/to/module")

  def input_fn():
    dataset = tf.data.Dataset.from_tensors(
      ({"comment": tf.constant(["good", "bad"])}, tf.constant([1, 0]))
    )
    return dataset.repeat(3)

  def serving_input_fn():
    comments = tf.compat.v1.placeholder(tf.string, [None], name="comment")
    receiver = {"comment": comments}
    return estimator_api.export.ServingInputReceiver(receiver, receiver)

  from hub_estimator import estimator as estimator_api

  names = {
    "train_input_fn": input_fn,
    "eval_input_fn": input_fn,
    "serving_input_fn": serving_input_fn,
  }
  # The model's folder is not in the example; it is a temporary one then.
  exec(
    block_with("hub.text_embedding_column").split("estimator.train_and")[0],
    names,
  )
  classifier = names["classifier"]
  classifier.train(input_fn)
  path = names["exporter"].export(classifier, str(in_folder / "exports"))
  tuned = hub.load_module_spec(path + "/comment")
  assert tuned.get_signature_names() == ["default"]
