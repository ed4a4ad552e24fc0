"""A run's folder: what it may be, whose it is, how it is cleared."""

import os
import sys

import pytest

from hub_estimator import errors
from hub_estimator.tf_compat import tf
from hub_estimator.training import model_dir

tf1 = tf.compat.v1


def write_checkpoint(folder, **shapes):
  with tf.Graph().as_default(), tf1.Session() as session:
    for name, shape in shapes.items():
      tf1.get_variable(name, shape)
    session.run(tf1.global_variables_initializer())
    tf1.train.Saver().save(session, f"{folder}/model.ckpt", 7)


def test_paths(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  monkeypatch.chdir(tmp_path)
  assert model_dir.check_path("~/runs/a") == f"{tmp_path}/runs/a"
  assert model_dir.check_path("runs/a/") == "runs/a"
  assert model_dir.check_path(".") == "."
  assert model_dir.check_path("/") == "/"
  assert not (tmp_path / "runs").exists()


def test_paths_that_are_no_folders(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(errors.UserOSError) as caught:
    model_dir.check_path(f"{tmp_path}/file")
  assert str(caught.value) == (
    f"--model_dir={tmp_path}/file is a file, and a run needs a folder: give "
    "another path."
  )
  with pytest.raises(errors.UserOSError) as caught:
    model_dir.check_path("gs://bucket/run")
  assert str(caught.value) == (
    "--model_dir=gs://bucket/run is a URL: a run's folder is on this machine."
  )


def test_what_is_a_run(tmp_path):
  path = str(tmp_path)
  assert not model_dir.holds_run(f"{path}/nope")
  assert not model_dir.holds_run(path)
  (tmp_path / "notes.txt").write_text("")
  (tmp_path / "config.gin").write_text("")
  assert not model_dir.holds_run(path)  # It died before a checkpoint.
  (tmp_path / "results.json").write_text("{}")
  assert model_dir.holds_run(path)


@pytest.mark.parametrize("name", ["export/tf_hub", "checkpoint"])
def test_what_a_run_gives_is_a_run(tmp_path, name):
  if name == "checkpoint":
    write_checkpoint(tmp_path, v=[1])
  else:
    (tmp_path / name).mkdir(parents=True)
  assert model_dir.holds_run(str(tmp_path))


def test_another_run():
  model_dir.check_same_run("run", [])
  way_out = (
    "Give another --model_dir, or --resume to go on from its newest checkpoint "
    "with this config, or --overwrite to delete it and start again."
  )
  with pytest.raises(errors.UserValueError) as caught:
    model_dir.check_same_run("run", [f"f.a{i}: 1 there" for i in range(7)])
  assert str(caught.value) == (
    "--model_dir=run holds a run with another config: f.a0: 1 there; f.a1: 1 "
    "there; f.a2: 1 there; f.a3: 1 there; f.a4: 1 there; and 2 more. "
    f"{way_out}"
  )
  with pytest.raises(errors.UserValueError) as caught:
    model_dir.check_same_run("run", None)
  assert str(caught.value) == (
    "--model_dir=run holds checkpoints or exports and no config.gin: this "
    f"command did not write them. {way_out}"
  )


def test_a_config_is_written_whole(tmp_path):
  path = tmp_path / "a" / "b"
  model_dir.write_config(str(path), "# Ours.\nX = 1\n")
  assert [p.name for p in path.iterdir()] == ["config.gin"]
  model_dir.write_config(str(path), "# Ours.\nX = 2\n")
  assert (path / "config.gin").read_text() == "# Ours.\nX = 2\n"


def test_a_config_of_another_origin_stays(tmp_path):
  (tmp_path / "config.gin").write_text("# Mine.\n")
  with pytest.raises(errors.UserOSError) as caught:
    model_dir.write_config(str(tmp_path), "# Ours.\nX = 1\n")
  assert str(caught.value) == (
    f"{tmp_path}/config.gin was not written by a run, and a run in "
    f"--model_dir={tmp_path} would replace it: give another --model_dir, or "
    "move that file."
  )
  assert (tmp_path / "config.gin").read_text() == "# Mine.\n"


@pytest.mark.parametrize("name", ["file/run", "file"])
def test_a_folder_that_cannot_be_written(tmp_path, name):
  (tmp_path / "file").write_text("")
  with pytest.raises(errors.UserOSError) as caught:
    model_dir.write_config(str(tmp_path / name), "")
  message = str(caught.value)
  assert message.startswith(f"Cannot write to --model_dir={tmp_path}/{name}: [")
  assert message.endswith(". Give another path.")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_folder_that_nobody_may_write(tmp_path):
  with pytest.raises(errors.UserOSError, match="Cannot write to --model_dir="):
    model_dir.write_config("/proc", "")


def test_a_run_is_removed_and_nothing_else(tmp_path):
  # The name has what a glob would read as a pattern.
  path = tmp_path / "run [a-z]*"
  ours = [
    "config.gin",
    "results.json",
    "graph.pbtxt",
    "events.out.tfevents.1.host",
    "eval/events.out.tfevents.1.host",
    "export/tf_hub/1700000000/module/tfhub_module.pb",
    "removed-0123456789ab/0",
  ]
  others = ["notes.txt", "eval/notes.txt", "export/other/x", "data.npz"]
  for name in ours + others:
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_text("")
  write_checkpoint(path, v=[1])
  model_dir.remove_run(str(path))
  left = sorted(
    str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()
  )
  assert left == sorted(others)


def test_an_empty_eval_folder_goes_too(tmp_path):
  for name in ("eval/events.out.tfevents.1", "export/tf_hub/x", "config.gin"):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
  model_dir.remove_run(str(tmp_path))
  assert not list(tmp_path.iterdir())


def test_a_run_behind_a_link(tmp_path):
  (tmp_path / "run").mkdir()
  (tmp_path / "run" / "config.gin").write_text("")
  os.symlink(tmp_path / "run", tmp_path / "link")
  model_dir.remove_run(str(tmp_path / "link"))
  assert not list((tmp_path / "run").iterdir())


def test_checkpoints_of_another_model(tmp_path):
  path = str(tmp_path)
  with tf.Graph().as_default() as graph:
    for name in ("a", "b", "c", "d", "e"):
      tf1.get_variable(name, [2])
  model_dir.check_checkpoint_fits(path, graph)  # There is none.
  write_checkpoint(path, a=[2], b=[3], f=[1])
  with pytest.raises(errors.UserValueError) as caught:
    model_dir.check_checkpoint_fits(path, graph)
  assert str(caught.value) == (
    f"Checkpoint {path}/model.ckpt-7 is of another model: b has shape [3] "
    "there and [2] here; c is not in it; d is not in it and 1 more. A "
    "different number of classes, module or optimizer cannot go on from it: "
    "give another --model_dir, or --overwrite to start again."
  )


def test_checkpoints_of_the_same_model(tmp_path):
  with tf.Graph().as_default() as graph, tf1.Session() as session:
    tf1.get_variable("a", [2])
    tf1.get_variable("parts", [4], partitioner=tf1.fixed_size_partitioner(2))
    session.run(tf1.global_variables_initializer())
    tf1.train.Saver().save(session, f"{tmp_path}/model.ckpt", 7)
    model_dir.check_checkpoint_fits(str(tmp_path), graph)
