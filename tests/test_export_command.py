"""The command `export`: what it writes, prints and refuses."""

import os
import pathlib
import subprocess

import pytest
import tiny_runs

from hub_estimator import export, hub
from hub_estimator.tf_compat import tf

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A finished run."""
  folder = tmp_path_factory.mktemp("export")
  config = tiny_runs.write_config(folder)
  tiny_runs.launch(
    config,
    folder / "run",
    "train.eval_every_steps = 2",
    "train.best_metric = 'loss'",
  )
  return folder / "run"


@pytest.fixture
def export_command(run_command):
  """Runs the command: (exit status, stdout, stderr)."""
  return lambda *arguments: run_command(
    export, *arguments, required_flags=("model_dir", "export_dir")
  )


def test_the_module(run, export_command, tmp_path):
  path = tmp_path / "out" / "module"
  status, output, _ = export_command(
    f"--model_dir={run}", f"--export_dir={path}"
  )
  assert (status, output) == (0, f"{path}\n")
  assert [p.name for p in path.parent.iterdir()] == ["module"]
  assert hub.load_module_spec(str(path))
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(str(path)), tiny_runs.checkpoint_weights(run)
  )


@pytest.mark.parametrize(
  ("flag", "checkpoint"),
  [
    ("--checkpoint_path=model.ckpt-2", "model.ckpt-2"),
    ("--best", "best"),
  ],
)
def test_another_checkpoint(run, export_command, tmp_path, flag, checkpoint):
  path = tmp_path / "module"
  path.mkdir()
  status, _, error = export_command(
    f"--model_dir={run}", f"--export_dir={path}", "--format=tf_hub", flag
  )
  assert status == 0, error
  if checkpoint == "best":
    expected = tiny_runs.checkpoint_weights(run / "best")
  else:
    expected = tiny_runs.checkpoint_weights(run, 2)
  tiny_runs.assert_equal_weights(
    tiny_runs.exported_weights(str(path)), expected
  )


def test_the_whole_model(run, export_command, tmp_path):
  status, output, _ = export_command(
    f"--model_dir={run}", f"--export_dir={tmp_path}", "--format=saved_model"
  )
  assert status == 0
  (path,) = tmp_path.iterdir()
  assert output == f"{path}\n"
  assert "serving_default" in tf.saved_model.load(str(path)).signatures


def test_nothing_is_written_into_the_runs_folder(run, export_command, tmp_path):
  before = sorted(run.rglob("*"))
  for name in ("tf_hub", "saved_model"):
    export_command(
      f"--model_dir={run}",
      f"--export_dir={tmp_path / name}",
      f"--format={name}",
    )
  assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize(
  ("flags", "message"),
  [
    (
      ["--export_dir={full}"],
      "--export_dir={full} is not empty, and nothing is written over: give "
      "another folder.",
    ),
    (
      ["--export_dir={full}", "--format=saved_model"],
      "--export_dir={full} is itself a module or a SavedModel; a SavedModel "
      "gets a numbered folder in it: give another folder.",
    ),
    (
      ["--export_dir={full}/saved_model.pb/x"],
      "Cannot write to --export_dir, {full}/saved_model.pb/x: Not a directory. "
      "Give a path that this user may write to, on a disk with room.",
    ),
    (
      ["--export_dir={full}/saved_model.pb/x", "--format=saved_model"],
      "Cannot write to --export_dir, {full}/saved_model.pb/x: Not a directory. "
      "Give a path that this user may write to, on a disk with room.",
    ),
    (
      ["--export_dir={full}/saved_model.pb"],
      "--export_dir={full}/saved_model.pb is a file: give a folder.",
    ),
    (
      ["--export_dir={new}", "--format=onnx"],
      "--format=onnx: there is no such format; there are: tf_hub, saved_model.",
    ),
    (
      ["--export_dir={new}", "--checkpoint_path=model.ckpt-3"],
      "--checkpoint_path=model.ckpt-3 is no checkpoint. {run} has: ",
    ),
  ],
)
def test_mistakes(run, export_command, tmp_path, flags, message):
  full = tmp_path / "full"
  full.mkdir()
  (full / "saved_model.pb").write_text("x")
  places = {"full": full, "new": tmp_path / "new", "run": run}
  status, output, error = export_command(
    f"--model_dir={run}", *(flag.format(**places) for flag in flags)
  )
  assert (status, output) == (2, "")
  assert error.startswith(f"error: {message.format(**places)}")
  assert error.count("\n") == 1
  assert sorted(p.name for p in tmp_path.rglob("*")) == [
    "full",
    "saved_model.pb",
  ]


@pytest.mark.parametrize("name", ["tf_hub", "saved_model"])
def test_a_full_disk(run, export_command, tmp_path, name):
  disk = tmp_path / "mounted"
  disk.mkdir()
  options = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
  if os.geteuid() or subprocess.run(options, check=False).returncode:
    pytest.skip("file systems cannot be mounted here")
  try:
    status, output, error = export_command(
      f"--model_dir={run}", f"--export_dir={disk}/out", f"--format={name}"
    )
    left = [p for p in disk.rglob("*") if p != disk / "out"]
  finally:
    subprocess.run(["umount", str(disk)], check=True)
  assert (status, output, left) == (2, "", [])
  assert error.startswith("error: Cannot write to --export_dir, ")
  assert "No space left on device" in error


def test_no_folder_of_a_run(export_command, tmp_path):
  status, _, error = export_command(
    f"--model_dir={tmp_path}", f"--export_dir={tmp_path / 'out'}"
  )
  assert status == 2
  assert error.startswith(
    f"error: --model_dir={tmp_path} is no folder of a run"
  )
  assert not list(pathlib.Path(tmp_path).iterdir())
