"""Runs that are stopped, damaged or refused, and go on by the same command."""

import json
import os
import signal

import numpy as np
import pytest
import tiny_runs

from hub_estimator import errors, hub, train
from hub_estimator.tf_compat import tf
from hub_estimator.training import checkpoint_care, run_lock
from hub_estimator.training.evaluation_loop import EvaluationLoop
from hub_estimator.training.training_hooks import TrainingMonitor

tf1 = tf.compat.v1

STEPS = 12
TEXT = f"\nTRAIN_STEPS = {STEPS}\ntrain.eval_every_steps = 4\n"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
  """A config, and the folder of a run of it that nothing happened to."""
  folder = tmp_path_factory.mktemp("undisturbed")
  config = tiny_runs.write_config(folder, TEXT)
  tiny_runs.launch(config, folder / "run")
  return config, folder / "run"


@pytest.fixture(autouse=True)
def default_handlers():
  """The tests' own handlers are there after each."""
  before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
  yield
  assert before == [
    signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)
  ]


@pytest.fixture
def when(monkeypatch):
  """Calls a function once, when a method has been called so many times."""

  def patch(owner, name, number, function):
    original = getattr(owner, name)
    calls = []

    def patched(self, *arguments, **named):
      calls.append(None)
      if len(calls) == number:
        function()
      return original(self, *arguments, **named)

    monkeypatch.setattr(owner, name, patched)

  return patch


def values(run):
  reader = tf.train.load_checkpoint(str(run))
  return {
    name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
  }


def assert_as_undisturbed(run, undisturbed):
  """All variables, optimizer slots included, bit for bit; the exports."""
  left, right = values(run), values(undisturbed)
  assert set(left) == set(right)
  for name, value in right.items():
    np.testing.assert_array_equal(left[name], value, err_msg=name)
  exports = [
    sorted((folder / "export" / "tf_hub").iterdir())
    for folder in (run, undisturbed)
  ]
  newest = [tiny_runs.exported_weights(f"{e[-1]}/module") for e in exports]
  tiny_runs.assert_equal_weights(*newest)


def send(number):
  return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_training_with_the_step(
  undisturbed, tmp_path, when, capfd, monkeypatch, number
):
  config, whole = undisturbed
  run = tmp_path / "run"
  when(TrainingMonitor, "count_run", 6, send(number))
  stopped = tiny_runs.launch(config, run)
  monkeypatch.undo()
  step = stopped["global_step"]
  assert 6 <= step < STEPS - 1
  assert stopped == {
    "status": "resumable",
    "signal": number.name,
    "global_step": step,
    "checkpoint": f"{run}/model.ckpt-{step}",
  }
  assert capfd.readouterr().err.endswith(
    f"Stopped at step {step} by {number.name}; checkpoint: {run}/model.ckpt-"
    f"{step}. Run the same command to go on.\n"
  )
  assert json.loads((run / "results.json").read_text()) == {
    "status": "resumable"
  }
  finished = tiny_runs.launch(config, run)
  assert finished["status"] == "finished"
  assert json.loads((run / "results.json").read_text()) == finished
  assert finished["global_step"] == STEPS
  assert_as_undisturbed(run, whole)


@pytest.mark.parametrize(
  "owner, name, number, step",
  [
    (EvaluationLoop, "evaluate_split", 2, 8),
    (EvaluationLoop, "evaluate_split", 3, STEPS),
    (hub.LatestModuleExporter, "export", 1, 4),
    (hub.LatestModuleExporter, "export", 3, STEPS),
  ],
  ids=["evaluation", "last_evaluation", "export", "last_export"],
)
def test_a_signal_gives_up_what_comes_after_a_checkpoint(
  undisturbed, tmp_path, when, monkeypatch, owner, name, number, step
):
  config, whole = undisturbed
  run = tmp_path / "run"
  when(owner, name, number, send(signal.SIGTERM))
  stopped = tiny_runs.launch(config, run)
  monkeypatch.undo()
  assert (stopped["status"], stopped["global_step"]) == ("resumable", step)
  exports = run / "export" / "tf_hub"
  names = os.listdir(exports) if exports.exists() else []
  assert len(names) == number - 1
  assert all(entry.isdigit() for entry in names)
  finished = tiny_runs.launch(config, run)
  assert finished["status"] == "finished"
  # What was given up was made up for: there is one export of each checkpoint.
  assert len(os.listdir(exports)) == 3
  assert_as_undisturbed(run, whole)
  evaluations = [
    json.loads((folder / "evaluations.json").read_text())
    for folder in (run, whole)
  ]
  assert evaluations[0] == evaluations[1]


def test_a_signal_before_the_first_checkpoint(
  undisturbed, tmp_path, when, monkeypatch, capfd
):
  config, whole = undisturbed
  run = tmp_path / "run"
  when(TrainingMonitor, "begin", 1, send(signal.SIGTERM))
  monkeypatch.setattr(
    "hub_estimator.training.feature_stage.prepare",
    lambda *_: send(signal.SIGTERM)(),
  )
  stopped = tiny_runs.launch(config, run)
  monkeypatch.undo()
  assert (stopped["global_step"], stopped["checkpoint"]) == (0, None)
  assert capfd.readouterr().err.endswith(
    "Stopped by SIGTERM before the first checkpoint. Run the same command to "
    "begin again.\n"
  )
  assert not (run / "results.json").exists()
  tiny_runs.launch(config, run)
  assert_as_undisturbed(run, whole)


def test_the_status_of_the_command(
  undisturbed, tmp_path, when, monkeypatch, run_command
):
  config, _ = undisturbed
  arguments = [f"--gin_file={config}", f"--model_dir={tmp_path}/run"]
  when(TrainingMonitor, "count_run", 5, send(signal.SIGTERM))
  status, output, _ = run_command(train, *arguments)
  assert (status, output) == (75, "")
  monkeypatch.undo()
  assert run_command(train, *arguments)[0] == 0


def test_a_damaged_checkpoint_is_passed_over(undisturbed, tmp_path, capfd):
  config, _ = undisturbed
  run = tmp_path / "run"
  tiny_runs.launch(config, run, "TRAIN_STEPS = 8")
  data = run / "model.ckpt-8.data-00000-of-00001"
  content = bytearray(data.read_bytes())
  content[len(content) // 2] ^= 4
  data.write_bytes(content)
  expected = tmp_path / "expected"
  tiny_runs.launch(config, expected, "TRAIN_STEPS = 8")
  capfd.readouterr()
  tiny_runs.launch(config, run, "TRAIN_STEPS = 8")
  error = capfd.readouterr().err
  assert "warning: checkpoint model.ckpt-8 is damaged, and was moved" in error
  assert "Checksum does not match" in error
  assert "The run goes on from model.ckpt-4." in error
  assert_as_undisturbed(run, expected)


def test_a_run_without_a_whole_checkpoint(undisturbed, tmp_path, capfd):
  config, whole = undisturbed
  run = tmp_path / "run"
  tiny_runs.launch(config, run)
  for path in run.glob("model.ckpt-*.index"):
    os.truncate(path, 9)
  # A dry run says so, and moves nothing.
  with pytest.raises(errors.UserOSError, match="is damaged"):
    tiny_runs.launch(config, run, is_dry_run=True)
  with pytest.raises(errors.UserOSError, match="^No checkpoint in --model_dir"):
    tiny_runs.launch(config, run)
  assert not (run / "damaged").exists()
  tiny_runs.launch(config, run, overwrite=True)
  assert_as_undisturbed(run, whole)


def test_an_empty_list_of_checkpoints(undisturbed, tmp_path, capfd):
  config, whole = undisturbed
  run = tmp_path / "run"
  tiny_runs.launch(config, run)
  (run / "checkpoint").write_text("")
  tiny_runs.launch(config, run)
  error = capfd.readouterr().err
  assert "did not name the newest whole checkpoint, model.ckpt-12" in error
  assert "nothing was trained" in error
  assert_as_undisturbed(run, whole)


def test_a_folder_that_is_in_use(undisturbed, tmp_path, capfd):
  config, _ = undisturbed
  run = tmp_path / "run"
  with run_lock.run_lock(str(run)):
    for options in ({}, {"overwrite": True}, {"resume": True}):
      with pytest.raises(errors.UserRuntimeError, match=f"{os.getpid()} on"):
        tiny_runs.launch(config, run, **options)
    assert sorted(os.listdir(run)) == ["run.lock", "run.lock.holder"]
    tiny_runs.launch(config, run, is_dry_run=True)
  assert "Nothing was written" in capfd.readouterr().out
  assert not run.exists()


def test_a_config_with_mistakes_makes_no_folder(undisturbed, tmp_path):
  config, _ = undisturbed
  with pytest.raises(errors.UserError):
    tiny_runs.launch(config, tmp_path / "run", "TRAIN_STEPS = -1")
  assert not (tmp_path / "run").exists()


def test_an_infinite_loss(tmp_path):
  config = tiny_runs.write_config(
    tmp_path,
    "\nHEAD = @create_regression_head_fn()\nTRAIN_STEPS = 8\n"
    "LEARNING_RATE = 0.0\ntrain.eval_every_steps = 2\n"
    "create_sgd_optimizer_fn.momentum = 0.0\n",
    labels=(1e25, 2e25),
  )
  with pytest.raises(errors.UserValueError) as raised:
    tiny_runs.launch(config, tmp_path / "run")
  assert str(raised.value).startswith(
    "The loss became NaN (not a number) or infinite at step 1. "
  )
  checkpoint = checkpoint_care.newest_whole(str(tmp_path / "run"))
  assert checkpoint.endswith("model.ckpt-0")
  assert f"The last good checkpoint is {checkpoint}." in str(raised.value)
