"""Damaged checkpoints are set aside, and what a crash left is cleaned up."""

import os
import random
import shutil

import numpy as np
import pytest

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.tf_compat import tf
from hub_estimator.training import checkpoint_care
from hub_estimator.training.checkpoint_care import set_aside_damaged

tf1 = tf.compat.v1

DATA = "data-00000-of-00001"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
  """A folder with the checkpoints of steps 2, 4 and 6, as Estimators write."""
  folder = tmp_path_factory.mktemp("saved")
  with tf.Graph().as_default(), tf1.Session() as session:
    step = tf1.train.get_or_create_global_step()
    tf1.get_variable("w", initializer=np.arange(40, dtype=np.float32))
    tf1.get_variable("words", initializer=np.array([b"one", b"", b"three"]))
    tf1.get_variable(
      "parts",
      [6, 2],
      initializer=tf1.zeros_initializer(),
      partitioner=tf1.fixed_size_partitioner(2),
    )
    session.run(tf1.global_variables_initializer())
    saver = tf1.train.Saver(sharded=True, save_relative_paths=True)
    for _ in range(3):
      session.run(step.assign_add(2))
      saver.save(session, f"{folder}/model.ckpt", step)
  return folder


@pytest.fixture
def run(saved, tmp_path):
  """A copy of it."""
  return shutil.copytree(saved, tmp_path / "run")


@pytest.fixture
def lines():
  return []


def names(folder):
  return sorted(path.name for path in folder.iterdir())


def files_of(step):
  return [f"model.ckpt-{step}.{end}" for end in (DATA, "index", "meta")]


def used(run):
  """The step that TensorFlow goes on from."""
  return int(tf.train.latest_checkpoint(str(run)).rpartition("-")[2])


def test_whole_checkpoints_stay_as_they_are(saved, run, lines):
  state = (run / "checkpoint").read_text()
  assert set_aside_damaged(str(run), lines.append) == f"{run}/model.ckpt-6"
  assert lines == []
  assert names(run) == names(saved)
  assert (run / "checkpoint").read_text() == state


def test_a_damaged_one_is_set_aside_and_the_one_before_it_used(run, lines):
  path = run / f"model.ckpt-6.{DATA}"
  os.truncate(path, 30)
  whole = set_aside_damaged(str(run), lines.append)
  assert whole == f"{run}/model.ckpt-4"
  assert used(run) == 4
  assert names(run / "damaged") == files_of(6)
  assert names(run) == [
    "checkpoint",
    "damaged",
    *files_of(2),
    *files_of(4),
  ]
  assert lines[0].startswith(
    f"warning: checkpoint model.ckpt-6 is damaged, and was moved to {run}/"
    f"damaged: model.ckpt-6.{DATA} has 30 bytes instead of "
  )
  assert lines[0].endswith(". The run goes on from model.ckpt-4.")
  assert lines[1:] == [
    f"The file {run}/checkpoint did not name the newest whole checkpoint, "
    "model.ckpt-4, and was written anew."
  ]
  # A Saver that goes on deletes the oldest of those that are left.
  state = tf.train.get_checkpoint_state(str(run))
  assert list(state.all_model_checkpoint_paths) == [
    f"{run}/model.ckpt-2",
    f"{run}/model.ckpt-4",
  ]
  lines.clear()
  assert set_aside_damaged(str(run), lines.append) == whole
  assert lines == []


def test_the_same_checkpoint_may_be_damaged_again(saved, run, lines):
  for _ in range(2):
    os.remove(run / "model.ckpt-6.index")
    set_aside_damaged(str(run), lines.append)
    for name in ("checkpoint", *files_of(6)):
      shutil.copy(saved / name, run)
  assert "there is no file model.ckpt-6.index" in lines[0]
  assert names(run / "damaged") == [files_of(6)[0], files_of(6)[2]]


def _damage(path, rng, how):
  content = bytearray(path.read_bytes())
  if how == "cut":
    del content[rng.randrange(len(content)) :]
  else:
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
  path.write_bytes(content)


@pytest.mark.parametrize("how", ["cut", "flip"])
@pytest.mark.parametrize("end", [DATA, "index"])
def test_no_damage_is_overlooked(saved, run, end, how):
  """What is taken for whole gives the values that were written."""
  rng = random.Random(6)
  path = run / f"model.ckpt-6.{end}"
  whole = _values(saved / "model.ckpt-6")
  num_damaged = 0
  for _ in range(150):
    shutil.copy(saved / path.name, path)
    _damage(path, rng, how)
    problem = checkpoint_care.find_damage(f"{run}/model.ckpt-6")
    num_damaged += problem is not None
    if problem is None:
      found = _values(run / "model.ckpt-6")
      for name, value in whole.items():
        np.testing.assert_array_equal(found[name], value)
  # Bits that nothing depends on: a footer's padding.
  assert num_damaged > (140 if end == DATA else 115)


def _values(prefix):
  reader = tf.train.load_checkpoint(str(prefix))
  return {
    name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
  }


@pytest.mark.parametrize("end", [DATA, "index"])
def test_a_file_that_cannot_be_opened_is_not_damaged(
  run, lines, monkeypatch, end
):
  closed = f"{run}/model.ckpt-6.{end}"

  def open_others(path, *arguments, **named):
    if path == closed:
      raise PermissionError(13, "Permission denied", path)
    return open(path, *arguments, **named)

  # The mode of a file does not keep root from it.
  for module in (checkpoint_care, files):
    monkeypatch.setattr(module, "open", open_others, raising=False)
  before = names(run)
  with pytest.raises(errors.UserOSError) as raised:
    set_aside_damaged(str(run), lines.append)
  assert str(raised.value) == (
    f"Cannot read checkpoint {run}/model.ckpt-6: [Errno 13] Permission denied: "
    f"'{closed}'. Make its files readable for this user."
  )
  assert (names(run), lines) == (before, [])


def test_the_meta_graph_is_not_needed(run, lines):
  (run / "model.ckpt-6.meta").write_bytes(b"\0")
  assert set_aside_damaged(str(run), lines.append) == f"{run}/model.ckpt-6"
  assert lines == []


def test_no_whole_one_starts_anew(run, lines):
  for step in (2, 4, 6):
    os.truncate(run / f"model.ckpt-{step}.index", 8)
  assert set_aside_damaged(str(run), lines.append) is None
  assert tf.train.latest_checkpoint(str(run)) is None
  assert names(run) == ["damaged"]
  assert len(lines) == 3
  assert lines[0].endswith(
    ". There is no other: training begins again at its first step."
  )


def test_no_whole_one_beside_exports_is_an_error(run, lines):
  for step in (2, 4, 6):
    os.remove(run / f"model.ckpt-{step}.{DATA}")
  export = run / "export" / "tf_hub" / "1" / "module"
  export.mkdir(parents=True)
  (export / "saved_model.pb").write_text("")
  before = names(run)
  with pytest.raises(errors.UserOSError) as raised:
    set_aside_damaged(str(run), lines.append)
  message = str(raised.value)
  assert message.startswith(
    f"No checkpoint in --model_dir={run} is whole (model.ckpt-6: there is no "
    f"file model.ckpt-6.{DATA}; model.ckpt-4: "
  )
  assert message.endswith(
    "Put back a copy of a checkpoint, or give another --model_dir, or "
    "--overwrite to delete the run and start again."
  )
  assert (names(run), lines) == (before, [])


@pytest.mark.parametrize(
  "content",
  [
    None,
    b"",
    b"\xff\xfe\0garbage",
    b"no field: 1",
    b'model_checkpoint_path: "model.ckpt-8"\n',
    b'model_checkpoint_path: "/elsewhere/model.ckpt-6"\n',
    b'model_checkpoint_path: "/elsewhere/other"\n',
    b'model_checkpoint_path: "model.ckpt-4"\n'
    b'all_model_checkpoint_paths: "model.ckpt-2"\n'
    b'all_model_checkpoint_paths: "model.ckpt-4"\n',
  ],
  ids=[
    *("missing", "empty", "binary", "other"),
    *("gone", "moved", "foreign", "killed_before_it"),
  ],
)
def test_the_list_of_checkpoints_is_rebuilt(run, lines, content):
  if content is None:
    os.remove(run / "checkpoint")
  else:
    (run / "checkpoint").write_bytes(content)
  assert checkpoint_care.newest_whole(str(run)) == f"{run}/model.ckpt-6"
  assert set_aside_damaged(str(run), lines.append) == f"{run}/model.ckpt-6"
  assert used(run) == 6
  assert len(lines) == 1
  state = tf.train.get_checkpoint_state(str(run))
  assert state.all_model_checkpoint_paths[-1] == f"{run}/model.ckpt-6"
  assert not (run / "damaged").exists()


def test_who_went_back_to_an_older_one_is_followed(run, lines):
  state = (run / "checkpoint").read_text().splitlines()
  state[0] = 'model_checkpoint_path: "model.ckpt-4"'
  (run / "checkpoint").write_text("\n".join(state))
  assert set_aside_damaged(str(run), lines.append) == f"{run}/model.ckpt-4"
  assert lines == []
  # Also if that one is damaged.
  os.remove(run / "model.ckpt-4.index")
  for _ in range(2):
    assert set_aside_damaged(str(run), lines.append) == f"{run}/model.ckpt-2"
    assert used(run) == 2
  assert len(lines) == 2


def test_what_killed_writers_left_is_removed(saved, run, lines):
  for name in (
    f"model.ckpt-8_temp/part-00000-of-00001.{DATA}",
    f"model.ckpt-8_temp_{'a' * 32}/part-00000-of-00001.index",
    "removed-0123456789ab/0",
  ):
    (run / name).parent.mkdir()
    (run / name).write_text("")
  for name in (
    f"model.ckpt-8.{DATA}",
    "model.ckpt-8.meta",
    "model.ckpt-8.index.tempstate123456",
    f"checkpoint.tmp{'0' * 32}",
    f"graph.pbtxt.tmp{'0' * 32}",
    "config.gin.temp-0123456789ab",
    "results.json.temp-0123456789ab",
  ):
    (run / name).write_text("")
  kept = ["notes.txt", "model.ckpt-copy.index", "old.json.temp", "temp"]
  for name in kept:
    (run / name).write_text("")
  assert set_aside_damaged(str(run), lines.append) == f"{run}/model.ckpt-6"
  assert lines == []
  assert names(run) == sorted([*names(saved), *kept])


def test_reading_changes_nothing(run, lines):
  os.remove(run / "model.ckpt-6.index")
  (run / f"model.ckpt-8.{DATA}").write_text("")
  before = names(run)
  found = checkpoint_care.newest_whole(str(run), lines.append)
  assert found == f"{run}/model.ckpt-4"
  assert lines == [
    f"warning: checkpoint {run}/model.ckpt-6 is not used: there is no file "
    "model.ckpt-6.index."
  ]
  assert names(run) == before


def test_no_run_at_all(tmp_path, lines):
  for folder in (tmp_path, tmp_path / "nope"):
    assert set_aside_damaged(str(folder), lines.append) is None
    assert checkpoint_care.newest_whole(str(folder)) is None
  assert lines == []
  assert names(tmp_path) == []


def _write_values(folder, *values):
  """Writes checkpoints of steps 1, 2, …, each with such a value of `w`."""
  with tf.Graph().as_default(), tf1.Session() as session:
    w = tf1.get_variable("w", [2], tf.bfloat16)
    tf1.get_variable("step", initializer=1)
    session.run(tf1.global_variables_initializer())
    saver = tf1.train.Saver(save_relative_paths=True)
    for number, value in enumerate(values):
      session.run(w.assign([1.0, value]))
      saver.save(session, f"{folder}/model.ckpt", number + 1)


def test_values_that_are_not_finite_are_set_aside(tmp_path, lines):
  _write_values(tmp_path, 1.0, 2.0, float("inf"), float("nan"))
  checkpoint_care.set_aside_not_finite(str(tmp_path), lines.append)
  assert lines == [
    f"warning: checkpoint model.ckpt-{step} was moved to {tmp_path}/damaged: "
    "variable w is NaN or infinite there."
    for step in (4, 3)
  ]
  assert used(tmp_path) == 2
  lines.clear()
  checkpoint_care.set_aside_not_finite(str(tmp_path), lines.append)
  assert set_aside_damaged(str(tmp_path), lines.append)
  assert lines == []


def test_infinities_from_the_beginning_are_left_alone(tmp_path, lines):
  _write_values(tmp_path, float("inf"), float("inf"))
  checkpoint_care.set_aside_not_finite(str(tmp_path), lines.append)
  assert lines == []
  assert used(tmp_path) == 2
