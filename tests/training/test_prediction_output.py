"""Predictions as text, their scores, and the progress of predicting."""

import io
import json
import os
import pty

import numpy as np
import pytest

from hub_estimator.inputs.prediction import PredictionBatch
from hub_estimator.training.prediction_output import create_format
from hub_estimator.training.prediction_progress import PredictionProgress
from hub_estimator.training.prediction_scores import RunningScore


def format_one(form, predictions, labels=None, **echo):
  batch = PredictionBatch({}, ["line 1"], [echo], labels)
  return form.format(batch, predictions)


def test_columns_of_the_input_do_not_hide_predictions():
  predictions = {
    "probabilities": np.array([[0.25, 0.75]], np.float32),
    "class_ids": np.array([1]),
    "class_names": np.array(["b"], object),
  }
  form = create_format("jsonl", "class", ["a", "b"])
  line = format_one(form, predictions, np.array([0]), label="x", key="y", z=1)
  assert json.loads(line) == {
    "key": "line 1",
    "input_label": "x",
    "input_key": "y",
    "z": 1,
    "predicted_class": "b",
    "predicted_class_id": 1,
    "probabilities": {"a": 0.25, "b": 0.75},
    "label": "a",
  }


def test_several_numbers():
  predictions = {"predictions": np.array([[0.1, np.nan]], np.float32)}
  labels = np.array([[1, 2]], np.float32)
  line = format_one(create_format("jsonl", "regression", None), predictions)
  assert json.loads(line) == {"key": "line 1", "prediction": [0.1, None]}
  text = format_one(
    create_format("csv", "regression", None), predictions, labels, x=[1, 2]
  )
  assert text == (
    "key,x,prediction_0,prediction_1,label_0,label_1\n"
    'line 1,"[1, 2]",0.1,,1.0,2.0\n'
  )


def test_a_table_keeps_its_columns():
  predictions = {"predictions": np.array([[0.5]], np.float32)}
  form = create_format("csv", "regression", None)
  lines = [
    format_one(form, predictions, labels, text="a")
    for labels in (np.array([[1.0]]), None)
  ]
  assert lines == [
    "key,text,prediction,label\nline 1,a,0.5,1.0\n",
    "line 1,a,0.5,\n",
  ]


def test_scores():
  score = RunningScore("multi_label")
  assert score.describe() is None
  score.add(
    np.array([[1, 0], [-1, -1]]), {"labels": np.array([[1, 1], [0, 0]])}
  )
  assert score.describe() == (
    "accuracy 0.5000 over all classes of 1 example with labels"
  )
  score = RunningScore("regression")
  for labels in ([[1.0], [np.nan]], [[2.0], [7.0]]):
    score.add(
      np.array(labels, np.float32),
      {"predictions": np.array([[1.0], [4.0]], np.float32)},
    )
  # Squares: 0, 1, 9.
  assert score.describe() == "rmse 1.82574 of 3 examples with labels"


def test_progress():
  times = iter([0.0, 4.0, 10.0, 12.0, 20.0])
  stream = io.StringIO()
  with PredictionProgress(stream, lambda: next(times)) as progress:
    progress.report(400, 40, 100)
    progress.report(1000, 50, 100)
    progress.report(1100, 60, 100)
    progress.report(2000, 70, None)
  assert stream.getvalue() == (
    "predicted 1,000 examples (50%)  100 examples/s  10 s left\n"
    "predicted 2,000 examples  100 examples/s\n"
  )


@pytest.mark.parametrize("total", [100, None])
def test_a_bar_on_a_terminal(total):
  terminal, stream = pty.openpty()
  times = iter([0.0, 1.0, 2.0])
  with os.fdopen(stream, "w") as file:
    with PredictionProgress(file, lambda: next(times)) as progress:
      progress.report(100, 25, total)
      progress.report(300, 50, total)
    shown = os.read(terminal, 4096).decode()
  os.close(terminal)
  assert "\n" not in shown
  assert ("50%" in shown) == (total is not None)
  assert "predicted 300 examples  150 examples/s" in shown
