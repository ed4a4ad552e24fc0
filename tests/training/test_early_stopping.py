"""Early stopping: when, on what, and that a run really ends."""

import json

import gin
import numpy as np
import pytest

from hub_estimator import errors, estimator
from hub_estimator.tf_compat import tf
from hub_estimator.training.early_stopping import EarlyStopping

v1 = tf.compat.v1


def _feed(watch, values, metric="loss", first_step=1):
  """Gives a watch an evaluation a step; returns the reasons."""
  reasons = []
  for step, value in enumerate(values, start=first_step):
    watch.exporter.export(
      None,
      "export",
      "model.ckpt",
      {metric: np.float32(value), "global_step": np.int64(step * 100)},
      False,
    )
    reasons.append(watch.reason)
  return reasons


@pytest.mark.parametrize(
  ("settings", "values", "num_evaluations"),
  [
    # Two in a row without a value below 3.
    (dict(metric="loss", patience=2), [5, 3, 4, 3, 2], 4),
    (dict(metric="loss", patience=1), [5, 4, 3, 3], 4),
    # Improving again starts the count anew.
    (dict(metric="loss", patience=2), [5, 6, 4, 6, 3, 6, 6], 7),
    (dict(metric="accuracy", patience=2), [0.5, 0.6, 0.6, 0.5, 0.9], 4),
    (dict(metric="x", mode="max", patience=1), [1, 2, 1], 3),
    (dict(metric="accuracy", mode="min", patience=1), [1, 2], 2),
    # From 3, more than 0.5 below is better: 2.5 is not, 2.4 is.
    (dict(metric="loss", patience=1, min_delta=0.5), [3, 2.5], 2),
    (dict(metric="loss", patience=1, min_delta=0.5), [3, 2.25, 2], 3),
    # What is no number does not improve.
    (dict(metric="loss", patience=2), [np.nan, 3, np.nan, np.inf], 4),
    (dict(metric="loss", patience=2), [np.nan, np.nan], 2),
  ],
)
def test_when_it_stops(tmp_path, settings, values, num_evaluations):
  stopping = EarlyStopping(**settings)
  watch = stopping.watch(str(tmp_path))
  reasons = _feed(watch, values[:num_evaluations], settings["metric"])
  assert reasons[:-1] == [None] * (num_evaluations - 1)
  assert reasons[-1] is not None
  assert stopping.has_stopped(str(tmp_path))
  assert stopping.reason(str(tmp_path)) == reasons[-1]


def test_reasons(tmp_path):
  watch = EarlyStopping("accuracy", patience=2).watch(str(tmp_path))
  reasons = _feed(watch, [0.5, 0.93, 0.9, 0.93], "accuracy")
  assert reasons[-1] == (
    "accuracy has not improved for 2 evaluations; best 0.93 at step 200"
  )
  stopping = EarlyStopping("accuracy", patience=1, min_delta=0.01)
  assert stopping.reason(str(tmp_path)) == (
    "accuracy has not improved by more than 0.01 for 2 evaluations; best 0.93 "
    "at step 200"
  )
  (tmp_path / "other").mkdir()
  watch = EarlyStopping(patience=1).watch(str(tmp_path / "other"))
  assert _feed(watch, [np.nan]) == [
    "loss has not improved for 1 evaluation: it was never a number"
  ]


def test_a_run_that_goes_on_goes_on_counting(tmp_path):
  stopping = EarlyStopping(patience=3)
  assert not stopping.has_stopped(str(tmp_path))
  assert _feed(stopping.watch(str(tmp_path)), [3, 4]) == [None, None]
  watch = stopping.watch(str(tmp_path))
  reasons = _feed(watch, [5, 6], first_step=3)
  assert reasons[0] is None
  assert reasons[1] == (
    "loss has not improved for 3 evaluations; best 3 at step 100"
  )
  # Another patience looks at the same evaluations.
  assert not EarlyStopping(patience=4).has_stopped(str(tmp_path))


def test_a_run_from_an_older_checkpoint_replaces_evaluations(tmp_path):
  stopping = EarlyStopping(patience=2)
  _feed(stopping.watch(str(tmp_path)), [3, 4, 5])
  # Steps 200 and 300 once more.
  assert _feed(stopping.watch(str(tmp_path)), [2, 1], first_step=2) == [
    None,
    None,
  ]
  written = json.loads((tmp_path / "evaluations.json").read_text())
  assert written == {
    "evaluations": [
      _written(100, 3.0),
      _written(200, 2.0),
      _written(300, 1.0),
    ]
  }
  assert [path.name for path in tmp_path.iterdir()] == ["evaluations.json"]


def _written(step, loss):
  return {"global_step": step, "metrics": {"loss": loss}, "other_splits": {}}


def test_a_metric_that_is_not_there(tmp_path):
  watch = EarlyStopping("top_5_accuracy").watch(str(tmp_path))
  with pytest.raises(
    errors.UserValueError,
    match=r"`EarlyStopping\.metric` = 'top_5_accuracy' is no metric of the "
    r"evaluation\. There are: accuracy, loss\.",
  ):
    watch.exporter.export(
      None, "", "", {"loss": 1.0, "global_step": 1, "accuracy": 0.5}, False
    )
  assert not list(tmp_path.iterdir())


def test_a_damaged_file(tmp_path):
  (tmp_path / "evaluations.json").write_text('{"evaluations": [')
  with pytest.raises(
    errors.UserOSError,
    match=r"evaluations\.json, where a run notes .* Remove it to count",
  ):
    EarlyStopping().has_stopped(str(tmp_path))


@pytest.mark.parametrize(
  ("metric", "sign"),
  [
    ("loss", -1),
    ("average_loss", -1),
    ("RMSE", -1),
    ("mean_absolute_error", -1),
    ("accuracy", 1),
    ("auc_precision_recall", 1),
    ("f1/positive", 1),
    ("accuracy_baseline", 1),
  ],
)
def test_the_name_says_which_values_are_good(tmp_path, metric, sign):
  watch = EarlyStopping(metric, patience=1).watch(str(tmp_path))
  assert _feed(watch, [1, 1 + sign], metric) == [None, None]
  assert _feed(watch, [1 - sign], metric, first_step=3) != [None]


@pytest.mark.parametrize("metric", ["prediction/mean", "error_recall"])
def test_a_name_that_does_not_say(metric):
  with pytest.raises(
    errors.UserValueError,
    match=f"`EarlyStopping.metric` = '{metric}' does not say whether .*: set "
    r"`EarlyStopping\.mode` to 'max' or 'min'",
  ):
    EarlyStopping(metric)


@pytest.mark.parametrize(
  ("arguments", "error", "message"),
  [
    (
      dict(metric=3),
      errors.UserTypeError,
      r"`EarlyStopping\.metric` is a metric's name, such as 'loss'; got 3",
    ),
    (
      dict(patience=0),
      errors.UserValueError,
      r"`EarlyStopping\.patience` is a number of evaluations of at least 1",
    ),
    (
      dict(patience=2.5),
      errors.UserTypeError,
      r"`EarlyStopping\.patience` is a whole number of evaluations; got 2\.5",
    ),
    (
      dict(mode="high"),
      errors.UserValueError,
      r"`EarlyStopping\.mode` is one of 'auto', 'max', 'min'; got 'high'",
    ),
    (
      dict(min_delta=-1),
      errors.UserValueError,
      r"`EarlyStopping\.min_delta` is at least 0; got -1",
    ),
  ],
)
def test_bad_arguments(arguments, error, message):
  with pytest.raises(error, match=message):
    EarlyStopping(**arguments)


def test_through_gin():
  gin.clear_config()
  gin.parse_config("EarlyStopping.metric = 'auc'\nEarlyStopping.patience = 2")
  try:
    stopping = gin.get_configurable(EarlyStopping)()
  finally:
    gin.clear_config()
  assert stopping == EarlyStopping("auc", patience=2)


def _model_fn(features, labels, mode):
  """|w - 5| from w = 0; each step moves w by 1, through 5 and on."""
  w = v1.get_variable("w", initializer=0.0)
  del features, labels
  train_op = tf.group(
    w.assign_add(1.0), v1.train.get_global_step().assign_add(1)
  )
  return estimator.EstimatorSpec(mode, loss=tf.abs(w - 5.0), train_op=train_op)


def _input_fn():
  return tf.data.Dataset.from_tensors(({"x": [[1.0]]}, [[0.0]])).repeat()


class _Evaluations(estimator.SessionRunHook):
  def __init__(self):
    self.steps = []

  def end(self, session):
    self.steps.append(int(session.run(v1.train.get_global_step())))


def _train(model_dir, stopping, max_steps=20, every_steps=1):
  """Returns final metrics, steps that were evaluated, and the watch."""
  watch = stopping.watch(str(model_dir))
  evaluations = _Evaluations()
  metrics, exports = estimator.train_and_evaluate(
    estimator.Estimator(
      _model_fn,
      config=estimator.RunConfig(
        model_dir=str(model_dir), save_checkpoints_steps=every_steps
      ),
    ),
    estimator.TrainSpec(_input_fn, max_steps=max_steps, hooks=[watch.hook]),
    estimator.EvalSpec(
      _input_fn,
      steps=1,
      hooks=[evaluations],
      exporters=[watch.exporter],
      start_delay_secs=0,
      throttle_secs=0,
    ),
  )
  assert exports == [None]
  return metrics, evaluations.steps, watch


def test_training_ends_at_the_evaluation_that_stops_it(tmp_path):
  metrics, steps, watch = _train(tmp_path, EarlyStopping(patience=2))
  # The loss is 0 at step 5, and 1 and 2 after it.
  assert watch.reason == (
    "loss has not improved for 2 evaluations; best 0 at step 5"
  )
  assert metrics == {"loss": 2.0, "global_step": 7}
  # Each once, the last one too.
  assert steps == [1, 2, 3, 4, 5, 6, 7]
  assert not (tmp_path / "export").exists()


def test_a_run_that_is_not_stopped_goes_to_its_end(tmp_path):
  metrics, steps, watch = _train(
    tmp_path, EarlyStopping(patience=9), max_steps=7, every_steps=3
  )
  assert watch.reason is None
  assert metrics["global_step"] == 7
  assert steps == [3, 6, 7]


def test_stopping_at_the_last_step(tmp_path):
  _, steps, watch = _train(
    tmp_path, EarlyStopping(patience=1), max_steps=7, every_steps=5
  )
  # Step 7 is evaluated when training is over.
  assert steps == [5, 7]
  assert watch.reason == (
    "loss has not improved for 1 evaluation; best 0 at step 5"
  )


def test_a_resumed_run_stops_with_the_evaluations_before_it(tmp_path):
  stopping = EarlyStopping(patience=3)
  _, _, watch = _train(tmp_path, stopping, max_steps=7)
  assert watch.reason is None
  metrics, steps, watch = _train(tmp_path, stopping)
  assert steps == [8]
  assert metrics["global_step"] == 8
  assert watch.reason.endswith("for 3 evaluations; best 0 at step 5")


def test_an_unknown_metric_ends_the_run_at_the_first_evaluation(tmp_path):
  with pytest.raises(errors.UserValueError, match="There are: loss"):
    _train(tmp_path, EarlyStopping("accuracy"))


def test_a_metric_that_is_nearly_one_of_the_known():
  with pytest.raises(errors.UserValueError, match="Did you mean 'accuracy'"):
    EarlyStopping("acuracy")
