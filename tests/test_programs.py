"""Programs written for tensorflow_hub and tf.estimator run unmodified.

Each program in `programs/` runs through `python -m hub_estimator.run_program`.
Where TensorFlow and tensorflow_hub still have all that they use (2.15 and
0.15), each runs plainly instead, which shows that it is such a program, and
some run both ways: there run_program leaves everything as it is.
"""

import json
import os
import pathlib
import subprocess
import sys

import program_data
import pytest

from hub_estimator.tf_compat import tf

_HERE = pathlib.Path(__file__).parent
_PLAIN = [sys.executable]
_THROUGH_US = [sys.executable, "-m", "hub_estimator.run_program"]


def _has_upstream():
  try:
    import tensorflow_hub
  except Exception:
    return False
  return hasattr(tf, "estimator") and hasattr(tensorflow_hub, "Module")


@pytest.fixture(params=["plain", "run_program"])
def run(request, tmp_path):
  """Runs a program of `programs/`; returns what it printed."""
  if request.param == "plain":
    if not _has_upstream():
      pytest.skip("needs TensorFlow 2.15 and tensorflow_hub 0.15")
  elif _has_upstream() and request.function not in _RUN_BOTH_WAYS:
    pytest.skip("runs plainly on this TensorFlow")
  environment = {
    name: value
    for name, value in os.environ.items()
    if name not in ("TF_USE_LEGACY_KERAS", "TF_CPP_MIN_LOG_LEVEL")
  }

  def run_program(name, **arguments):
    command = [
      *(_PLAIN if request.param == "plain" else _THROUGH_US),
      str(_HERE / "programs" / f"{name}.py"),
      *(f"--{key}={value}" for key, value in arguments.items()),
    ]
    process = subprocess.run(
      command,
      cwd=tmp_path,
      env={**environment, "PYTHONPATH": str(_HERE.parent)},
      capture_output=True,
      text=True,
      check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout

  return run_program


@pytest.mark.slow
def test_retrain_images(run, tmp_path):
  printed = run(
    "retrain_images",
    image_dir=program_data.image_folders(tmp_path / "images"),
    tfhub_module=program_data.image_module(tmp_path / "module"),
    bottleneck_dir=tmp_path / "bottlenecks",
    summaries_dir=tmp_path / "summaries",
    saved_model_dir=tmp_path / "saved_model",
    checkpoint_path=tmp_path / "model.ckpt",
  )
  assert "Final test accuracy = 100.0% (N=" in printed
  assert "SavedModel agrees" in printed
  assert len(list((tmp_path / "bottlenecks").iterdir())) == 40


@pytest.mark.slow
def test_classify_text(run, tmp_path):
  printed = run(
    "classify_text",
    module=program_data.text_module(tmp_path / "module"),
    model_dir=tmp_path / "run",
    export_dir=tmp_path / "export",
  )
  assert "Test set accuracy: 1.00" in printed
  assert "Served: [1, 0]" in printed


@pytest.mark.slow
def test_run_classifier(run, tmp_path):
  run(
    "run_classifier",
    bert_hub_module_handle=program_data.bert_module(
      tmp_path / "bert", tmp_path / "vocabulary.txt"
    ),
    data_dir=program_data.labelled_sentences(tmp_path / "data"),
    output_dir=tmp_path / "run",
    do_train="true",
    do_eval="true",
    do_predict="true",
  )
  results = (tmp_path / "run" / "eval_results.txt").read_text()
  assert "eval_accuracy = 1.0\n" in results
  assert "global_step = 40\n" in results
  predictions = (tmp_path / "run" / "test_results.tsv").read_text()
  rows = [list(map(float, r.split("\t"))) for r in predictions.splitlines()]
  assert [p[1] > 0.5 for p in rows] == [False, True] * 10


@pytest.mark.slow
def test_publish_embeddings(run, tmp_path):
  printed = run(
    "publish_embeddings",
    export_path=tmp_path / "module",
    work_dir=tmp_path / "work",
    debug="true",
  )
  assert printed.splitlines() == [
    "['embeddings']",
    "tags: [[], ['train']]",
    "signatures: ['default', 'word']",
    "note: learned here",
    # Twice the table: means of (2, 4) and (6, 8), of (6, 8) and (0, 0).
    "[[4.0, 6.0], [3.0, 4.0]]",
    "[[10.0, 12.0], [0.0, 0.0]]",
  ]


@pytest.mark.slow
def test_mnist_estimator(run, tmp_path):
  printed = run("mnist_estimator", model_dir=tmp_path)
  found = json.loads(printed.splitlines()[-1])
  assert found == {"accuracy": 1.0, "global_step": 30, "export_agrees": True}
  assert len(list((tmp_path / "export" / "tf_hub").iterdir())) in (1, 2)


@pytest.mark.slow
def test_tf1_layers(run, tmp_path):
  printed = run("tf1_layers", module=program_data.text_module(tmp_path / "m"))
  assert printed.splitlines() == [
    "accuracy 1.00 after 80 steps",
    "dense/bias dense/kernel hidden/bias hidden/kernel text/embeddings",
    "slope 2.0",
  ]


_RUN_BOTH_WAYS = (test_classify_text, test_mnist_estimator)
