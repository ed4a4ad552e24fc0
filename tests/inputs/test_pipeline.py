"""What every input pipeline has from its base class."""

import pathlib
import subprocess
import sys

import pytest

from hub_estimator import errors, estimator, inputs
from hub_estimator.inputs import pipeline
from hub_estimator.tf_compat import tf


class _TwoFeatures(inputs.InputPipeline):
  batch_size = 2
  num_classes = None
  class_names = None

  def input_fn(self, mode):
    raise NotImplementedError

  def feature_spec(self):
    return {
      "pixels": tf.TensorSpec([None, 4], tf.float32),
      "_ the text": tf.TensorSpec([None], tf.string),
    }

  def label_spec(self):
    return tf.TensorSpec([None, 1], tf.float32)

  def num_examples(self, mode):
    return {"train": 3, "eval": 1}[pipeline.split_of_mode(mode)]

  def check_labels(self, num_classes):
    del num_classes


def test_serving_receiver_has_a_placeholder_for_each_feature():
  receiver_fn = _TwoFeatures().serving_input_receiver_fn()
  with tf.Graph().as_default() as graph:
    receiver = receiver_fn()
    assert isinstance(receiver, estimator.export.ServingInputReceiver)
    assert set(receiver.features) == {"pixels", "_ the text"}
    assert receiver.features["pixels"].shape.as_list() == [None, 4]
    assert receiver.features["_ the text"].dtype == tf.string
    assert {op.type for op in graph.get_operations()} == {"Placeholder"}
    assert receiver.receiver_tensors["pixels"] is receiver.features["pixels"]


def test_splits_of_the_modes_of_estimators():
  modes = estimator.ModeKeys
  assert pipeline.split_of_mode(modes.TRAIN) == "train"
  assert pipeline.split_of_mode(modes.EVAL) == "eval"
  assert pipeline.split_of_mode(modes.PREDICT) == "eval"
  assert pipeline.PREDICT == modes.PREDICT


@pytest.mark.parametrize("mode", ["test", None, 3])
def test_unknown_mode(mode):
  with pytest.raises(
    errors.UserValueError, match=r"no mode .*: 'train', 'eval', 'infer'"
  ):
    _TwoFeatures().num_examples(mode)


def test_a_pipeline_implements_everything():
  with pytest.raises(TypeError, match="check_labels"):
    inputs.InputPipeline()


def test_importing_what_configs_name_does_not_import_tensorflow(tmp_path):
  path = tmp_path / "a.csv"
  path.write_text("text,label\nx,0\ny,1\n")
  program = (
    "import sys, hub_estimator.inputs\n"
    "hub_estimator.inputs.NumpyInput('sklearn:iris', eval_fraction=0.2)\n"
    f"hub_estimator.inputs.TextFileInput({str(path)!r}, {str(path)!r})\n"
    "sys.exit('tensorflow' in sys.modules)"
  )
  root = pathlib.Path(__file__).parents[2]
  subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


def test_numbers_of_further_splits_are_not_made_up():
  data = _TwoFeatures()
  data.splits = ("train", "eval", "hard")
  assert data.num_split_examples("eval") == 1
  with pytest.raises(errors.UserRuntimeError, match="its hard split has: defi"):
    data.num_split_examples("hard")
