"""Whether a study is the one that a command means; the messages."""

import json

import pytest
from planned_studies import CHOICES, RANGE, settings

from hub_estimator import errors
from hub_estimator.sweeps import study_identity
from hub_estimator.sweeps.study_identity import Identity

CONFIG = {"TRAIN_STEPS": "10", "MODULE_HANDLE": "'a'"}
END = (
  "What was tried cannot be compared with what this command would try: give "
  "another --study_dir, or go on with the files as they were. (--num_trials, "
  "--timeout, --num_workers and sweep.max_failures may change.)"
)


def identity(space=CHOICES, seeds=(None,), config=CONFIG, **fields):
  return Identity.of(settings(space, **fields), seeds, config)


def stored(one):
  """Returns an identity as it comes back from a storage."""
  return Identity(**json.loads(json.dumps(vars(one))))


def test_the_same_command_means_the_same_study():
  there, here = stored(identity()), identity()
  assert there.differences(here) == []
  study_identity.check_same(there, here, "'x'")
  # Each study has a key of its own all the same.
  assert there.key != here.key


@pytest.mark.parametrize(
  "fields",
  [{"num_trials": 3}, {"max_failures": 9}, {"unfit_modules": "leave_out"}],
)
def test_what_may_change(fields):
  assert stored(identity()).differences(identity(**fields)) == []


@pytest.mark.parametrize(
  "change, line",
  [
    (
      {"objective": "loss"},
      "sweep.objective: {'accuracy': 'max'} there, {'loss': 'min'} here",
    ),
    (
      {"direction": "min"},
      "sweep.objective: {'accuracy': 'max'} there, {'accuracy': 'min'} here",
    ),
    ({"sampler": "random"}, "sweep.sampler: grid there, random here"),
    ({"seed": 3}, "sweep.seed: 0 there, 3 here"),
    ({"pruner": "median"}, "sweep.pruner: none there, median here"),
    ({"seeds": (0, 1)}, "seeds: [None] there, [0, 1] here"),
    (
      {"config": {**CONFIG, "TRAIN_STEPS": "20"}},
      "TRAIN_STEPS: 10 there, 20 here",
    ),
  ],
)
def test_what_may_not_change(change, line):
  (difference,) = stored(identity()).differences(identity(**change))
  assert difference.replace("'", "") == line.replace("'", "")


def test_a_changed_search_space_is_explained():
  changed = {"LEARNING_RATE": [0.1, 0.3], "BATCH_SIZE": [4]}
  lines = stored(identity()).differences(identity(changed))
  text = "; ".join(lines)
  for name in ("LEARNING_RATE", "TRAINABLE", "BATCH_SIZE"):
    assert name in text
  (line,) = stored(identity(RANGE, sampler="tpe")).differences(
    identity({"LEARNING_RATE": {"low": 0.0, "high": 2.0}}, sampler="tpe")
  )
  assert line.startswith("LEARNING_RATE")


def test_the_message():
  with pytest.raises(errors.UserValueError) as raised:
    study_identity.check_same(
      stored(identity()), identity(seed=3, pruner="median"), "'x' in y"
    )
  assert str(raised.value) == (
    "'x' in y is another study: sweep.seed: 0 there, 3 here; sweep.pruner: "
    f"none there, median here. {END}"
  )


def test_many_differences_are_not_all_shown():
  config = {f"MACRO_{n}": "1" for n in range(20)}
  with pytest.raises(errors.UserValueError) as raised:
    study_identity.check_same(
      stored(identity(config=config)),
      identity(config={name: "2" for name in config}),
      "'x'",
    )
  assert "; and 12 more differences. What" in str(raised.value)


def test_a_folder_knows_its_study(tmp_path):
  folder = str(tmp_path)
  assert study_identity.read_key(folder) is None
  study_identity.write_key(folder, "digits", "k1", "a journal")
  assert study_identity.read_key(folder) == ("digits", "k1")
  study_identity.check_folder(folder)
  content = json.loads((tmp_path / "study.json").read_text())
  assert content["storage"] == "a journal"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "x"}', "\ufffd"])
def test_a_damaged_file_is_told(tmp_path, content):
  path = tmp_path / "study.json"
  path.write_text(content)
  with pytest.raises(errors.UserOSError) as raised:
    study_identity.read_key(str(tmp_path))
  assert str(raised.value).startswith(
    f"{path}, which says what study the folder is of, cannot be read: "
  )


def test_a_folder_with_other_things_is_no_studys(tmp_path):
  for name in "cabdfe":
    (tmp_path / f"{name}.txt").touch()
  with pytest.raises(errors.UserValueError) as raised:
    study_identity.check_folder(str(tmp_path))
  assert str(raised.value) == (
    f"--study_dir={tmp_path} is no study's folder: there is no study.json, but "
    "a.txt, b.txt, c.txt, d.txt, e.txt …. Give a new or an empty folder."
  )


def test_what_a_killed_command_left_is_taken(tmp_path):
  study_identity.check_folder(str(tmp_path / "none"))
  study_identity.check_folder(str(tmp_path))
  for name in ("study.db", "study.lock", "journal.log", "workers.log"):
    (tmp_path / name).touch()
  (tmp_path / "workers").mkdir()
  study_identity.check_folder(str(tmp_path))


def test_the_path_of_a_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv("HOME", "/home/me")
  assert study_identity.check_path("runs/s/") == str(tmp_path / "runs" / "s")
  assert study_identity.check_path("~/s") == "/home/me/s"
