"""BestModuleExporter: which evaluations it exports, and what it remembers."""

import json
import os
import shutil

import hub_module_fns
import numpy as np
import pytest
from exported_estimators import (
  TIME,
  Clock,
  create_estimator,
  input_fn,
  scale_of,
  serving_input_fn,
)

from hub_estimator import errors, estimator, hub
from hub_estimator.hub.module_exporters import best_folder, export_folders
from hub_estimator.hub.module_exporters.module_exporter import ModuleExporter
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


class Kill(BaseException):
  """What stands for the end of the process."""


@pytest.fixture
def trained(tmp_path):
  """An Estimator with checkpoints of steps 1, 2, 3: w = 4, 5, 6."""
  result = create_estimator(tmp_path / "run", {"scale": hub_module_fns.scale})
  result.train(input_fn, steps=3)
  return result


class Run:
  """Evaluations of a run, as an exporter sees them."""

  def __init__(self, trained):
    self.trained = trained
    self.exports = os.path.join(trained.model_dir, "export", "best")
    self.best_dir = os.path.join(trained.model_dir, "best")

  def evaluate(self, step, exporter=None, **metrics):
    """Hands an evaluation to an exporter, a new one by default."""
    return (exporter or _exporter()).export(
      self.trained,
      self.exports,
      checkpoint_path=os.path.join(
        self.trained.model_dir, f"model.ckpt-{step}"
      ),
      eval_result={"global_step": step, **metrics},
      is_the_final_export=False,
    )

  @property
  def state(self):
    with open(os.path.join(self.best_dir, "best.json")) as file:
      return json.load(file)

  def check(self, step):
    """Checks that what is best is the evaluation of a step, and only that."""
    names = os.listdir(self.exports)
    assert names == [self.state["export"]]
    folder = os.path.join(self.exports, names[0])
    assert sorted(os.listdir(folder)) == ["export.json", "scale"]
    assert scale_of(os.path.join(folder, "scale")) == [3.0 + step]
    assert self.state["global_step"] == step
    name = f"model.ckpt-{step}"
    assert sorted(os.listdir(self.best_dir)) == [
      "best.json",
      "checkpoint",
      f"{name}.data-00000-of-00001",
      f"{name}.index",
      f"{name}.meta",
    ]
    newest = tf.train.latest_checkpoint(self.best_dir)
    assert newest == os.path.join(self.best_dir, name)
    assert tf.train.load_variable(newest, "encoders/scale/w") == 3.0 + step


@pytest.fixture
def run(trained):
  return Run(trained)


def _exporter(metric="accuracy", **kwargs):
  kwargs.setdefault("clock", Clock())
  return hub.BestModuleExporter("best", serving_input_fn, metric, **kwargs)


def test_only_the_best_evaluation_is_exported(run):
  exporter = _exporter()
  assert exporter.name == "best"
  assert run.evaluate(1, exporter, accuracy=0.5) is not None
  run.check(1)
  assert (
    run.evaluate(2, exporter, accuracy=0.5) is None
  )  # As good is no better.
  run.check(1)
  path = run.evaluate(3, exporter, accuracy=np.float32(0.75), loss=1.5)
  run.check(3)
  assert path == os.path.join(run.exports, str(TIME + 1))
  assert run.state == {
    "metric": "accuracy",
    "mode": "max",
    "value": 0.75,
    "global_step": 3,
    "checkpoint": "model.ckpt-3",
    "export": str(TIME + 1),
    "metrics": {"accuracy": 0.75, "loss": 1.5},
  }


@pytest.mark.parametrize(
  "metric, mode, values, best",
  [
    ("loss", "auto", [3.0, 1.0, 2.0], 2),
    ("accuracy", "auto", [0.1, 0.3, 0.2], 2),
    ("score", "max", [3.0, 1.0, 2.0], 1),
    ("score", "min", [3.0, 2.0, 1.0], 3),
    ("accuracy", "min", [0.3, 0.2, 0.1], 3),
  ],
)
def test_direction(run, metric, mode, values, best):
  exporter = _exporter(metric, mode=mode)
  for step, value in enumerate(values, 1):
    run.evaluate(step, exporter, **{metric: value})
  run.check(best)


def test_a_restarted_run_keeps_what_was_better(run):
  run.evaluate(1, accuracy=0.5)
  assert run.evaluate(2, accuracy=0.4) is None
  run.check(1)
  assert run.evaluate(3, accuracy=0.6) is not None
  run.check(3)


def test_a_restart_with_another_metric_compares_by_that(run, log_records):
  run.evaluate(1, accuracy=0.5, loss=2.0)
  assert run.evaluate(2, _exporter("loss"), accuracy=0.9, loss=3.0) is None
  run.check(1)
  assert run.evaluate(2, _exporter("loss"), accuracy=0.1, loss=1.0) is not None
  run.check(2)
  # What the best has no value of starts over.
  log_records.clear()
  assert run.evaluate(3, _exporter("auc"), auc=0.1) is not None
  run.check(3)
  assert [
    r.getMessage() for r in log_records if "so far" in r.getMessage()
  ] == [
    "Exporter 'best': the best so far, of step 2, was found by 'loss' and has "
    "no 'auc': the next evaluation counts as the best."
  ]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_never_the_best(run, log_records, value):
  assert run.evaluate(1, accuracy=value) is None
  assert not os.path.exists(run.exports)
  assert not os.path.exists(run.best_dir)
  assert f"Exporter 'best': accuracy is {value}, which is never the best." in [
    r.getMessage() for r in log_records
  ]
  run.evaluate(2, accuracy=0.5)
  assert run.evaluate(3, accuracy=value) is None
  run.check(2)


def test_the_checkpoint_outlives_the_savers(tmp_path):
  trained = create_estimator(
    tmp_path / "run",
    {"scale": hub_module_fns.scale},
    keep_checkpoint_max=1,
  )
  trained.train(input_fn, steps=1)
  run = Run(trained)
  run.evaluate(1, accuracy=0.5)
  trained.train(input_fn, steps=1)
  assert not tf1.train.checkpoint_exists(
    os.path.join(trained.model_dir, "model.ckpt-1")
  )
  run.check(1)


def test_a_checkpoint_written_again_leaves_the_best_one(run, tmp_path):
  """A run that goes on from an older checkpoint writes the same names."""
  run.evaluate(2, accuracy=0.5)
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.get_variable("encoders/scale/w", initializer=8.0)
    tf1.get_variable("another", initializer=np.zeros(1000))
    session.run(tf1.global_variables_initializer())
    tf1.train.Saver(sharded=True).save(
      session, os.path.join(run.trained.model_dir, "model.ckpt-2")
    )
  run.check(2)


def test_files_are_copied_where_there_are_no_links(run, monkeypatch):
  def link(source, target):
    raise OSError("no links")

  monkeypatch.setattr(os, "link", link)
  run.evaluate(1, accuracy=0.5)
  run.evaluate(2, accuracy=0.6)
  run.check(2)


def test_data_files_are_links(run):
  run.evaluate(1, accuracy=0.5)
  name = "model.ckpt-1.data-00000-of-00001"
  assert os.path.samefile(
    os.path.join(run.best_dir, name), os.path.join(run.trained.model_dir, name)
  )


def test_another_best_dir(run, tmp_path):
  run.best_dir = str(tmp_path / "elsewhere")
  run.evaluate(1, _exporter(best_dir=run.best_dir), accuracy=0.5)
  run.check(1)


def test_the_best_dir_is_not_that_of_the_checkpoints(run):
  with pytest.raises(
    errors.UserValueError,
    match="`BestModuleExporter.best_dir` = .*/run' is the folder of the "
    "checkpoints that are evaluated. Give a folder of its own",
  ):
    run.evaluate(1, _exporter(best_dir=run.trained.model_dir), accuracy=0.5)
  assert tf1.train.checkpoint_exists(
    os.path.join(run.trained.model_dir, "model.ckpt-1")
  )


def test_several_best_exports_are_kept(run):
  exporter = _exporter(exports_to_keep=2)
  for step in (1, 2, 3):
    run.evaluate(step, exporter, accuracy=step / 10)
  names = sorted(os.listdir(run.exports))
  assert names == [str(TIME + 1), str(TIME + 2)]
  assert [
    scale_of(os.path.join(run.exports, name, "scale")) for name in names
  ] == [[5.0], [6.0]]


def test_an_export_follows_the_one_before_whatever_the_clock_says(run):
  run.evaluate(1, accuracy=0.5)
  run.evaluate(2, _exporter(clock=Clock(TIME - 1000)), accuracy=0.6)
  assert run.state["export"] == str(TIME + 1)
  run.check(2)


# Kills: after each step of the order of writes, the same evaluation comes
# again, as a run that goes on makes it.


def _kill(monkeypatch, owner, name, before=False, when=lambda *args: True):
  """Has a function end the process, before or after it has done its work."""
  function = getattr(owner, name)

  def killed(*args, **kwargs):
    if not when(*args):
      return function(*args, **kwargs)
    if not before:
      function(*args, **kwargs)
    raise Kill

  monkeypatch.setattr(owner, name, killed)


def _ends_in(ending):
  return lambda *args: str(args[1]).endswith(ending)


KILLS = {
  "after the first file of the checkpoint": (
    best_folder,
    "_place",
    False,
    lambda *args: True,
  ),
  "before the checkpoint's index": (
    best_folder,
    "_place",
    True,
    _ends_in(".index"),
  ),
  "after the checkpoint": (
    best_folder.BestFolder,
    "add_checkpoint",
    False,
    lambda *args: True,
  ),
  "before the export's place": (
    ModuleExporter,
    "_move_into_place",
    True,
    lambda *args: True,
  ),
  "after the export": (
    ModuleExporter,
    "_export_checkpoint",
    False,
    lambda *args: True,
  ),
  "before best.json": (
    best_folder.BestFolder,
    "write",
    True,
    lambda *args: True,
  ),
  "after best.json": (
    best_folder.BestFolder,
    "tidy",
    True,
    lambda self, best: best is not None and best.global_step == 2,
  ),
  "before the older export is deleted": (
    export_folders,
    "delete",
    True,
    lambda *args: True,
  ),
}


@pytest.mark.parametrize("moment", KILLS)
@pytest.mark.parametrize("next_value", [0.75, 0.5])
def test_killed(run, monkeypatch, moment, next_value):
  run.evaluate(1, accuracy=0.5)
  with monkeypatch.context() as patch:
    owner, name, before, when = KILLS[moment]
    _kill(patch, owner, name, before, when)
    with pytest.raises(Kill):
      run.evaluate(2, accuracy=0.75)
  # The best before is there, or the new one is.
  newest = tf.train.latest_checkpoint(run.best_dir)
  assert tf.train.load_variable(newest, "encoders/scale/w") in (4.0, 5.0)
  assert scale_of(run.exports) in ([4.0], [5.0])
  # A run that goes on may be worse, too, at the same step.
  run.evaluate(2, accuracy=next_value)
  newest = tf.train.latest_checkpoint(run.best_dir)
  assert os.path.basename(newest) == run.state["checkpoint"]
  assert f"model.ckpt-{run.state['global_step']}" == run.state["checkpoint"]
  if next_value == 0.75:
    assert run.state["global_step"] == 2
  run.evaluate(3, accuracy=1.0)
  run.check(3)


def test_killed_with_a_temporary_folder_left(run, monkeypatch):
  """A kill -9 runs no cleaning up."""
  os.makedirs(os.path.join(run.exports, "temp-0123456789ab", "scale"))
  os.makedirs(os.path.join(run.exports, "temp-mine"))
  os.makedirs(run.best_dir)
  for name in (
    "best.json.temp-0123456789ab",
    "checkpoint.temp-0123456789ab",
    "model.ckpt-1.index.temp-0123456789ab",
  ):
    shutil.copy(__file__, os.path.join(run.best_dir, name))
  run.evaluate(1, accuracy=0.5)
  os.rmdir(os.path.join(run.exports, "temp-mine"))
  run.check(1)


def test_a_lost_best_json_is_read_from_the_export(run):
  run.evaluate(1, accuracy=0.5)
  os.remove(os.path.join(run.best_dir, "best.json"))
  assert run.evaluate(2, accuracy=0.4) is None
  run.check(1)


def test_a_removed_best_dir_begins_anew(run):
  run.evaluate(1, accuracy=0.5)
  shutil.rmtree(run.best_dir)
  assert run.evaluate(2, accuracy=0.4) is not None
  run.check(2)


def test_a_missing_best_checkpoint_is_said(run, log_records):
  run.evaluate(1, accuracy=0.5)
  os.remove(os.path.join(run.best_dir, "model.ckpt-1.index"))
  assert run.evaluate(2, accuracy=0.4) is None
  assert (
    f"Exporter 'best': {run.best_dir} no longer holds the best checkpoint, "
    "model.ckpt-1. What it was stays the best."
    in [r.getMessage() for r in log_records]
  )


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_damaged_best_json(run, content):
  run.evaluate(1, accuracy=0.5)
  path = os.path.join(run.best_dir, "best.json")
  with open(path, "w") as file:
    file.write(content)
  with pytest.raises(
    errors.UserOSError,
    match=f"{path}, which says what the best evaluation was, cannot be read: "
    ".*Remove it, and the newest export tells",
  ):
    run.evaluate(2, accuracy=0.4)


# What is given wrongly.


def test_an_unknown_metric(run):
  with pytest.raises(errors.UserValueError) as caught:
    run.evaluate(1, loss=1.0, auc=0.5, per_class=np.zeros(3), note=b"x")
  assert str(caught.value) == (
    "`BestModuleExporter.metric` = 'accuracy' is no metric of the evaluation. "
    "There are: auc, loss."
  )


def test_a_metric_that_is_no_number(run):
  with pytest.raises(errors.UserValueError) as caught:
    run.evaluate(1, loss=1.0, accuracy=np.zeros(2))
  assert str(caught.value) == (
    "`BestModuleExporter.metric` = 'accuracy' is no single number: array([0., "
    "0.]). There are: loss."
  )


def test_a_metric_without_direction():
  with pytest.raises(errors.UserValueError) as caught:
    _exporter("score")
  assert str(caught.value) == (
    "The name of `BestModuleExporter.metric` = 'score' does not say whether "
    "high or low values are good: set `BestModuleExporter.mode` to 'max' or "
    "'min'."
  )


def test_an_unknown_mode():
  with pytest.raises(errors.UserValueError) as caught:
    _exporter(mode="up")
  assert str(caught.value) == (
    "`BestModuleExporter.mode` is one of 'auto', 'max', 'min'; got 'up'."
  )


@pytest.mark.parametrize("metric", [None, ""])
def test_no_metric(metric):
  with pytest.raises(
    errors.UserTypeError,
    match="`BestModuleExporter.metric` is a metric's name, such as 'loss'; got",
  ):
    _exporter(metric)


def test_no_registered_module(tmp_path, log_records):
  trained = create_estimator(tmp_path / "run", {})
  trained.train(input_fn, steps=1)
  run = Run(trained)
  assert run.evaluate(1, accuracy=0.5) is None
  assert any(
    "wrote nothing: the model_fn registered no module" in r.getMessage()
    for r in log_records
  )
  assert os.listdir(run.best_dir) == []


def test_train_and_evaluate(tmp_path):
  """w grows with each step, and so does the loss."""
  trained = create_estimator(tmp_path / "run", {"scale": hub_module_fns.scale})
  estimator.train_and_evaluate(
    trained,
    estimator.TrainSpec(input_fn, max_steps=3),
    estimator.EvalSpec(
      input_fn,
      steps=1,
      exporters=[_exporter("loss", exports_to_keep=5)],
      throttle_secs=0,
    ),
  )
  run = Run(trained)
  first = run.state["global_step"]
  run.check(first)
  # x = 1, 2: the loss is 3 w, the sum of w x.
  assert run.state["value"] == 3.0 * (3.0 + first)
