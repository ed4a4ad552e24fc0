"""Many processes, killed processes, locks that are held and left."""

import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest
import tiny_modules
import upstream_hub
from web_server import send

from hub_estimator import handles
from hub_estimator.handles.cache import cluster_task, install_lock

PROGRAM = str(pathlib.Path(__file__).with_name("forked_installs.py"))
ASSETS = {f"part{i}.bin": bytes([i]) * 50_000 for i in range(8)}
ARCHIVE = tiny_modules.archive(tiny_modules.module_files(ASSETS))


def test_a_hundred_processes_make_one_download(server, cache):
  url = server.serve("/m", ARCHIVE)
  found = upstream_hub.run(PROGRAM, "together", url, 100)
  assert found == {"folders": [cache.module_folder(url)], "failed": 0}
  assert len(server.requests) == 1


def test_threads_make_one_download(server, cache):
  url = server.serve("/m", ARCHIVE)
  found = []
  threads = [
    threading.Thread(target=lambda: found.append(handles.resolve(url)))
    for _ in range(8)
  ]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert found == [cache.module_folder(url)] * 8
  assert len(server.requests) == 1


@pytest.mark.slow
def test_killed_at_any_point_nothing_half_is_taken_for_whole(server, cache):
  url = server.serve("/m", ARCHIVE)
  found = upstream_hub.run(PROGRAM, "killed", url, 200, 20261125)
  assert found["wrong"] == []
  assert found["last"] == cache.module_folder(url)
  assert found["left"] == []  # The last installation has cleaned up.
  # The rounds are worth something: most died, and some behind the rename.
  assert found["survived"] < 150
  assert 0 < found["whole"] < 200
  assert found["lines"] > 500


_HOLD = """
import sys
from hub_estimator.handles.cache import install_lock
with install_lock.install_lock(sys.argv[1], "h"):
  print("held", flush=True)
  sys.stdin.read()
"""


@pytest.fixture
def holder(server, cache):
  """A process that holds the lock of the module at /m."""
  url = server.serve("/m", ARCHIVE)
  os.makedirs(cache.folder)
  process = subprocess.Popen(
    [sys.executable, "-c", _HOLD, cache.module_folder(url)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  )
  assert process.stdout.readline() == "held\n"
  yield process
  process.kill()
  process.communicate()


def test_a_wait_ends_and_names_the_holder(server, holder, settings, cache):
  settings.setenv("TFHUB_LOCK_TIMEOUT_SECS", "0.1")
  with pytest.raises(install_lock.LockTimeoutError) as raised:
    handles.resolve(f"{server.url}/m")
  message = str(raised.value)
  assert f"Process {holder.pid} of user " in message
  assert "for more than 0.1 s" in message
  assert "TFHUB_LOCK_TIMEOUT_SECS" in message
  assert isinstance(raised.value, TimeoutError)


def test_a_lock_dies_with_its_holder(server, holder, settings, cache):
  holder.kill()
  holder.wait()
  settings.setenv("TFHUB_LOCK_TIMEOUT_SECS", "0.1")
  assert handles.resolve(f"{server.url}/m").startswith(cache.folder)


def test_a_module_that_is_there_needs_no_lock(server, holder, cache, settings):
  url = f"{server.url}/m"
  settings.setenv("TFHUB_LOCK_TIMEOUT_SECS", "0.1")
  folder = pathlib.Path(cache.module_folder(url))
  tiny_modules.write_module(folder)
  assert handles.resolve(url) == str(folder)


def test_locks_that_tensorflow_hub_left_do_not_count(server, cache):
  url = server.serve("/m", ARCHIVE)
  os.makedirs(cache.folder)
  with open(f"{cache.module_folder(url)}.lock", "w") as file:
    file.write("host.1.uid")
  assert handles.resolve(url) == cache.module_folder(url)


def test_without_kernel_locks_a_file_is_the_lock(
  server, cache, settings, monkeypatch
):
  import fcntl

  def no_locks(*_):
    raise OSError(37, "No locks available")

  monkeypatch.setattr(fcntl, "flock", no_locks)
  url = server.serve("/m", ARCHIVE)
  assert handles.resolve(url) == cache.module_folder(url)
  locks = os.path.join(cache.folder, ".locks")
  assert not [name for name in os.listdir(locks) if name.endswith(".soft")]


def _cluster(kind, index):
  return json.dumps(
    {
      "cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]},
      "task": {"type": kind, "index": index},
    }
  )


def test_the_chief_downloads_and_the_others_wait(server, settings, cache):
  installed = threading.Event()
  asked = threading.Event()

  def answer(handler):
    asked.set()
    send(handler, ARCHIVE)
    installed.set()

  server.answers["/m"] = answer
  url = f"{server.url}/m"
  settings.setenv("TF_CONFIG", _cluster("worker", 0))
  found = []
  worker = threading.Thread(target=lambda: found.append(handles.resolve(url)))
  worker.start()
  assert not asked.is_set()
  # The chief's process, here another environment of the same one: what the
  # worker has read of it before is what counts for the worker.
  folder = handles.ModuleCache().module_folder(url)
  chief = subprocess.run(
    [
      sys.executable,
      "-c",
      "import sys; from hub_estimator import handles;"
      "print(handles.resolve(sys.argv[1]))",
      url,
    ],
    env={**os.environ, "TF_CONFIG": _cluster("chief", 0)},
    capture_output=True,
    text=True,
  )
  worker.join()
  assert chief.stdout.strip() == folder, chief.stderr
  assert found == [folder]
  assert len(server.requests) == 1


def test_a_task_that_never_sees_the_module_says_so(server, settings, cache):
  url = server.serve("/m", ARCHIVE)
  settings.setenv("TF_CONFIG", _cluster("ps", 0))
  settings.setenv("TFHUB_LOCK_TIMEOUT_SECS", "0")
  with pytest.raises(OSError, match="ps 0 does not see") as raised:
    handles.resolve(url)
  assert "TFHUB_CACHE_DIR must be a folder that all tasks see" in str(
    raised.value
  )
  assert server.requests == []
  settings.setenv("TFHUB_CHIEF_DOWNLOADS", "0")
  assert handles.resolve(url) == cache.module_folder(url)


@pytest.mark.parametrize(
  "config, expected",
  [
    (_cluster("chief", 0), ("chief 0", True)),
    (_cluster("worker", 0), ("worker 0", False)),
    (
      '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker"}}',
      ("worker 0", True),
    ),
    (
      '{"cluster": {"worker": ["a:1", "b:1"]},'
      ' "task": {"type": "evaluator", "index": 0}}',
      ("evaluator 0", False),
    ),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}', None),
    ("{}", None),
    ("no json", None),
    ("[]", None),
    ("", None),
  ],
)
def test_tasks(settings, config, expected):
  settings.setenv("TF_CONFIG", config)
  assert cluster_task.current_task() == expected
