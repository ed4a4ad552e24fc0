import glob

import numpy as np
import pytest
from test_pictures import decode

from hub_estimator.evaluation import Outcomes, compute_metrics
from hub_estimator.inputs.label_encoding import CLASS
from hub_estimator.reports import (
  hparams_messages,
  write_all,
  write_confusion_matrix,
  write_hparams,
)
from hub_estimator.tf_compat import tf

METRICS = {"confusion_matrix": [[3, 1], [0, 2]], "per_class": []}


def values(folder):
  """Returns [(step, value)] of the event files in a folder."""
  return [
    (event.step, value)
    for path in sorted(glob.glob(f"{folder}/*.tfevents.*"))
    for event in tf.compat.v1.train.summary_iterator(path)
    for value in event.summary.value
  ]


def test_confusion_matrix(tmp_path):
  write_confusion_matrix(str(tmp_path), METRICS, 7)
  ((step, value),) = values(tmp_path)
  assert (step, value.tag) == (7, "confusion_matrix")
  pixels = decode(value.image.encoded_image_string)
  assert pixels.shape == (value.image.height, value.image.width, 3)
  assert pixels.shape == (48 * 3, 48 * 3, 3)


def test_a_later_one_takes_its_place(tmp_path):
  with tf.Graph().as_default():  # The run's own, which stays.
    writer = tf.compat.v1.summary.FileWriter(str(tmp_path))
    writer.add_summary(tf.compat.v1.Summary(), 1)
    writer.close()
  for step in (7, 8):
    write_confusion_matrix(str(tmp_path), METRICS, step)
  assert [step for step, _ in values(tmp_path)][-1] == 8
  assert len(glob.glob(f"{tmp_path}/*.confusion_matrix")) == 1
  assert len(glob.glob(f"{tmp_path}/*")) == 2


def test_without_a_matrix_nothing_is_written(tmp_path):
  write_confusion_matrix(str(tmp_path), {"accuracy": 0.5}, 7)
  assert not list(tmp_path.iterdir())


HPARAMS = {
  "rate": 0.5,
  "steps": np.int64(0),
  "recipe": "",
  "flag": False,
  "list": [1, 2],
}


def test_hparams_are_what_tensorboard_reads(tmp_path):
  plugin_data = pytest.importorskip(
    "tensorboard.plugins.hparams.plugin_data_pb2"
  )
  metadata = pytest.importorskip("tensorboard.plugins.hparams.metadata")
  write_hparams(
    str(tmp_path), HPARAMS, "group", start_time=100.5, end_time=200.0
  )
  (_, start), (_, end) = values(tmp_path)
  assert start.tag == metadata.SESSION_START_INFO_TAG
  assert end.tag == metadata.SESSION_END_INFO_TAG
  for value in (start, end):
    assert value.metadata.plugin_data.plugin_name == metadata.PLUGIN_NAME
  read = plugin_data.HParamsPluginData.FromString
  found = read(start.metadata.plugin_data.content).session_start_info
  assert found.group_name == "group"
  assert found.start_time_secs == 100.5
  kinds = {n: v.WhichOneof("kind") for n, v in found.hparams.items()}
  assert kinds == {
    "rate": "number_value",
    "steps": "number_value",
    "recipe": "string_value",
    "flag": "bool_value",
    "list": "string_value",
  }
  assert found.hparams["rate"].number_value == 0.5
  assert found.hparams["list"].string_value == "[1, 2]"
  ended = read(end.metadata.plugin_data.content).session_end_info
  assert (ended.status, ended.end_time_secs) == (1, 200.0)


def test_hparams_bytes(tmp_path):
  # Without TensorBoard: the bytes, by the wire format of protocol buffers.
  content = hparams_messages.session_start({"a": 1.0}, "g", 0.0)
  entry = b"\x0a\x01a" + b"\x12\x09\x11" + np.float64(1).tobytes()
  start = b"\x0a" + bytes([len(entry)]) + entry + b"\x22\x01g"
  assert content == b"\x1a" + bytes([len(start)]) + start
  assert hparams_messages.session_end(3, 0.0) == b"\x22\x02\x08\x03"


def test_all(tmp_path):
  outcomes = Outcomes(CLASS, np.array([0]), np.array([[1, 0]], np.float32))
  metrics = {"global_step": 4, **compute_metrics(outcomes)}
  found = {"eval": (outcomes, metrics), "test": (outcomes, metrics)}
  for _ in range(2):
    path = write_all(str(tmp_path), found, {"rate": 0.5})
  assert path == str(tmp_path / "report.html")
  assert [value.tag for _, value in values(tmp_path)][-2:] == [
    "_hparams_/session_start_info",
    "_hparams_/session_end_info",
  ]
  for folder in ("eval", "eval_test"):
    step, value = values(tmp_path / folder)[-1]
    assert (step, value.tag) == (4, "confusion_matrix")
