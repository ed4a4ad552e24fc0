"""Where entries are, and what happens to damaged and unfinished ones."""

import os
import resource
import shutil
import subprocess
import sys
import threading

import pytest
import tiny_models
from test_feature_cache import (
  EVAL,
  TRAIN,
  Encoder,
  batches,
  create,
  same_batches,
)

from hub_estimator import errors, hub
from hub_estimator.models import feature_cache
from hub_estimator.models.feature_cache import (
  EMBEDDING,
  FeatureCache,
  cache_folder,
)
from hub_estimator.tf_compat import tf


@pytest.fixture(scope="module")
def module_path(tmp_path_factory):
  return tiny_models.export_module(tmp_path_factory.mktemp("module") / "m")


@pytest.fixture
def warnings(monkeypatch):
  found = []
  monkeypatch.setattr(
    tf.get_logger(),
    "warning",
    lambda text, *values: found.append(text % values),
  )
  return found


def _entries(folder):
  return sorted(p.name for p in folder.iterdir() if p.name != ".locks")


def test_the_default_folder(monkeypatch, tmp_path):
  monkeypatch.delenv("HUB_ESTIMATOR_FEATURE_CACHE", raising=False)
  monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
  monkeypatch.setenv("HOME", str(tmp_path))
  features = os.path.join("hub_estimator", "features")
  assert FeatureCache().folder == str(tmp_path / ".cache" / features)
  monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
  assert FeatureCache().folder == str(tmp_path / "xdg" / features)
  monkeypatch.setenv("HUB_ESTIMATOR_FEATURE_CACHE", "~/mine")
  assert FeatureCache().folder == str(tmp_path / "mine")
  assert FeatureCache(tmp_path / "given").folder == str(tmp_path / "given")
  assert not list(tmp_path.iterdir())


def test_folders_that_cannot_be(tmp_path):
  with pytest.raises(ValueError, match="cannot be in gs://x.*this machine"):
    FeatureCache("gs://x")
  with pytest.raises(TypeError, match="cache_dir = 3: it is the path"):
    FeatureCache(3)


def test_a_folder_that_cannot_be_written_in(tmp_path, module_path):
  path = tmp_path / "file"
  path.write_text("")
  with pytest.raises(
    OSError,
    match="split 'train' cannot be written to the cache .*file.*cache_dir or "
    "the environment variable HUB_ESTIMATOR_FEATURE_CACHE",
  ) as caught:
    create(path, module_path)
  assert isinstance(caught.value, errors.UserOSError)


def test_a_full_disk(tmp_path, module_path):
  """Files may not get larger than a MB: writing fails as on a full disk."""

  def encode(module, features):
    return {EMBEDDING: tf.tile(module(features["x"]), [1, 10_000])}

  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
  try:
    with pytest.raises(
      errors.UserOSError,
      match=r"split 'train' cannot be written.*[0-9] MiB are free there",
    ):
      create(tmp_path, module_path, encoder=encode)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  assert _entries(tmp_path) == []
  create(tmp_path, module_path, encoder=encode)
  assert len(_entries(tmp_path)) == 2


def test_errors_of_the_data_are_its_own(tmp_path, module_path):
  source = tiny_models.create_input()

  class Missing(type(source)):
    def ordered_input_fn(self, split):
      raise FileNotFoundError("data.csv")

  source.__class__ = Missing
  with pytest.raises(FileNotFoundError, match=r"^data\.csv$"):
    create(tmp_path, module_path, source)
  assert _entries(tmp_path) == []


def _truncate(folder):
  path = os.path.join(folder, "train-embedding-00000-of-00001.npy")
  os.truncate(path, os.path.getsize(path) - 1)


def _remove_array(folder):
  os.remove(os.path.join(folder, "train-labels-00000-of-00001.npy"))


def _remove_metadata(folder):
  os.remove(os.path.join(folder, "entry.json"))


def _write_metadata(folder):
  with open(os.path.join(folder, "entry.json"), "w") as file:
    file.write('{"num_examples": 14, "arrays": []}')


def _write_header(folder):
  path = os.path.join(folder, "train-embedding-00000-of-00001.npy")
  with open(path, "r+b") as file:
    file.write(b"x" * 20)


@pytest.mark.parametrize(
  "damage, problem",
  [
    (
      _truncate,
      "train-embedding-00000-of-00001.npy has 295 bytes, and 296 were written",
    ),
    (_remove_array, "train-labels-00000-of-00001.npy: No such file"),
    (_remove_metadata, "entry.json: No such file"),
    (_write_metadata, "entry.json or an array: "),
    (_write_header, "entry.json or an array: "),
  ],
)
def test_a_damaged_entry_is_made_anew(
  tmp_path, module_path, warnings, damage, problem
):
  damaged = create(tmp_path, module_path).entries["train"].folder
  damage(damaged)
  cached = create(tmp_path, module_path)
  assert cached.num_extracted == 14
  (warning,) = warnings
  assert damaged in warning
  assert f"are damaged ({problem}" in warning
  assert warning.endswith("and are made anew.")
  source = tiny_models.create_input()
  same_batches(
    batches(cached.input_fn(TRAIN), 5), batches(source.input_fn(TRAIN), 5)
  )
  assert create(tmp_path, module_path).num_extracted == 0
  assert len(_entries(tmp_path)) == 2


def _ended_process():
  """Returns the id of a process that is no more."""
  process = subprocess.Popen([sys.executable, "-c", ""])
  process.wait()
  return process.pid


def test_what_killed_processes_left_is_removed(tmp_path, module_path):
  host = os.uname().nodename
  left = tmp_path / f".{'a' * 64}.temp-{host}-{_ended_process()}-{'0' * 12}"
  running = tmp_path / f".{'b' * 64}.temp-{host}-{os.getpid()}-{'0' * 12}"
  elsewhere = tmp_path / f".{'c' * 64}.temp-other.host-1-{'0' * 12}"
  old = tmp_path / f".{'d' * 64}.temp-other.host-1-{'0' * 12}"
  foreign = tmp_path / "notes.temp-1"
  for path in (left, running, elsewhere, old, foreign):
    path.mkdir()
    (path / "train-embedding-00000-of-00001.npy").write_bytes(b"half")
  for path in (old, *old.iterdir()):
    os.utime(path, (0, 0))
  create(tmp_path, module_path)
  assert not left.exists() and not old.exists()
  assert running.exists() and elsewhere.exists() and foreign.exists()


def test_an_interrupted_run_leaves_no_entry(tmp_path, module_path):
  def encode(module, features):
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    create(tmp_path, module_path, encoder=encode)
  assert _entries(tmp_path) == []


def test_two_at_a_time_compute_once(tmp_path, module_path, warnings):
  encoder, results = Encoder(), []
  started, is_waiting = threading.Event(), threading.Event()
  spec = hub.load_module_spec(module_path)

  def encode(module, features):
    started.set()
    assert is_waiting.wait(60)
    return encoder(module, features)

  def run(encode_fn):
    results.append(
      feature_cache.create_cached_input(
        tiny_models.create_input(),
        spec,
        encode_fn,
        Encoder.description,
        cache=FeatureCache(str(tmp_path)),
      )
    )

  first = threading.Thread(target=run, args=[encode])
  first.start()
  assert started.wait(60)
  second = threading.Thread(target=run, args=[encoder])
  second.start()
  # It says so when it finds the lock taken.
  while not warnings and second.is_alive():
    second.join(0.01)
  is_waiting.set()
  first.join()
  second.join()
  assert warnings[0] == (
    "Another process is computing the features of split 'train': waiting for "
    "it."
  )
  # What was computed meanwhile is not computed again.
  assert sorted(r.num_extracted for r in results)[-1] <= 20
  assert sum(r.num_extracted for r in results) == 20
  for result in results:
    same_batches(
      batches(result.input_fn(EVAL)),
      batches(tiny_models.create_input().input_fn(EVAL)),
    )


@pytest.mark.parametrize("has_locks", [False, True])
def test_where_there_are_no_locks_the_first_to_finish_wins(
  tmp_path, module_path, monkeypatch, has_locks
):
  if not has_locks:

    def no_locks(*arguments, **keywords):
      raise NotImplementedError

    monkeypatch.setattr(cache_folder.filelock, "FileLock", no_locks)
  others = []

  def report(done, total):
    if not has_locks and done == total:
      # Another process computes all of it while this one is not done.
      others.append(create(tmp_path, module_path))

  cached = create(tmp_path, module_path, report=report)
  assert cached.num_extracted == 20
  assert len(others) == (not has_locks)
  assert len(_entries(tmp_path)) == 2
  for other in others:
    assert other.entries["eval"].folder == cached.entries["eval"].folder
  same_batches(
    batches(cached.input_fn(EVAL)),
    batches(tiny_models.create_input().input_fn(EVAL)),
  )


def test_the_folder_may_be_deleted(tmp_path, module_path):
  folder = tmp_path / "cache"
  create(folder, module_path)
  shutil.rmtree(folder)
  assert create(folder, module_path).num_extracted == 20
