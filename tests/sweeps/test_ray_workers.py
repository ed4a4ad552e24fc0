"""Sweeps on a Ray cluster of several nodes; one of them is killed."""

import importlib.util
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import types

import misbehaving
import optuna
import pytest
import tiny_runs

from hub_estimator import errors
from hub_estimator.sweeps import (
  ray_connection,
  ray_workers,
  storage_places,
  study_identity,
)
from hub_estimator.sweeps.ray_connection import RayConnection
from hub_estimator.sweeps.ray_shares import Node

TESTS = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = "hub_estimator.sweeps.worker_program"
# Worker's id, node, core.
WORKER = re.compile(r"^worker (\S+): node (\w+) on .*, cores (\d+)$", re.M)
SWEEP = """
sweep.search_space = {'LEARNING_RATE': [0.01, 0.03, 0.1, 0.3]}
sweep.objective = 'accuracy'
sweep.sampler = 'grid'
"""


def wait_for(condition, seconds=60):
  """Waits until a condition holds; returns what it gives."""
  end = time.monotonic() + seconds
  while time.monotonic() < end:
    found = condition()
    if found:
      return found
    time.sleep(0.05)
  raise AssertionError("It never came to be.")


def environment_of(pid):
  """Returns the variables that a process was started with."""
  content = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode()
  return dict(part.split("=", 1) for part in content.split("\0") if part)


def programs_of(working_folder):
  """Returns the workers that work in a folder, and their trials."""
  found = []
  for path in pathlib.Path("/proc").glob("[0-9]*"):
    try:
      command = (path / "cmdline").read_bytes().decode().split("\0")
      folder = os.readlink(path / "cwd")
    except OSError:
      continue
    if PROGRAM in command and folder == str(working_folder):
      found.append(int(path.name))
  return found


@pytest.fixture(scope="module")
def cluster():
  """The address of a cluster; the test is skipped where Ray is not."""
  pytest.importorskip("ray")
  program = pathlib.Path(__file__).with_name("ray_cluster.py")
  process = subprocess.Popen(
    [sys.executable, str(program)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    start_new_session=True,
  )
  try:
    for line in process.stdout:
      if line.startswith("FOUND"):
        yield json.loads(line[len("FOUND") :])
        break
    else:
      pytest.fail(f"no cluster: {process.stderr.read()[-4000:]}")
  finally:
    process.communicate(timeout=60)


class Command:
  """A sweep of four trials with two workers on a cluster."""

  def __init__(self, folder, address):
    self.folder = folder
    self.study_dir = folder / "study"
    self.place = folder / "place"
    tiny_runs.write_config(folder)
    (folder / "behavior.gin").write_text(
      f"{misbehaving.TEXT}\nHOW = 'hang'\nPLACE = '{self.place}'\n"
    )
    (folder / "sweep.gin").write_text(SWEEP)
    paths = [TESTS / "sweeps", TESTS, os.environ.get("PYTHONPATH", "")]
    self._process = subprocess.Popen(
      [
        *(sys.executable, "-m", "hub_estimator.sweep"),
        *("--gin_file=run.gin", "--gin_file=behavior.gin"),
        *("--sweep_file=sweep.gin", f"--study_dir={self.study_dir}"),
        *("--executor=ray", "--num_workers=2"),
      ],
      env={
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "RAY_ADDRESS": address,
      },
      cwd=folder,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )
    self.send_signal = self._process.send_signal
    self.output = ""

  def hanging(self):
    """Waits for the trial that hangs; returns its process."""

    def find():
      if self._process.poll() is not None:
        raise AssertionError(self.wait())
      return self.place.exists() and self.place.read_text()

    return int(wait_for(find))

  def wait(self):
    """Returns the exit status."""
    self.output += self._process.communicate(timeout=90)[0]
    return self._process.returncode

  def kill(self):
    if self._process.returncode is None:
      self._process.kill()
      self.wait()

  def trials(self):
    backend = optuna.storages.journal.JournalFileBackend(
      str(self.study_dir / "journal.log")
    )
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name="study", storage=storage).trials


@pytest.fixture(scope="module")
def killed_node(cluster, tmp_path_factory):
  """A sweep in which the node dies that has the first trial; it has ended."""
  command = Command(tmp_path_factory.mktemp("sweep"), cluster)
  try:
    command.trial_pid = command.hanging()
    raylet = int(environment_of(command.trial_pid)["RAY_RAYLET_PID"])
    command.cores = len(os.sched_getaffinity(command.trial_pid))
    os.kill(raylet, signal.SIGKILL)
    command.status = command.wait()
  finally:
    command.kill()
  return command


@pytest.mark.slow
def test_the_end_of_a_node_loses_no_trial(killed_node):
  assert killed_node.status == 0, killed_node.output
  trials = killed_node.trials()
  assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
  assert sorted(trial.params["LEARNING_RATE"] for trial in trials) == [
    *(0.01, 0.03, 0.1, 0.3)
  ]
  attempts = [trial.user_attrs["attempts"] for trial in trials]
  assert sorted(attempts) == [1, 1, 1, 2]
  assert "\nTraceback" not in killed_node.output
  # Ray's own words are nobody's.
  assert not re.search("raylet|ray::", killed_node.output)


@pytest.mark.slow
def test_both_nodes_work_each_worker_on_one_core(killed_node):
  log = (killed_node.study_dir / "workers.log").read_text()
  found = WORKER.findall(log)
  nodes = {worker: node for worker, node, _ in found}
  assert len(set(nodes.values())) == 2
  ids = {trial.user_attrs["worker"]["id"] for trial in killed_node.trials()}
  assert ids < set(nodes)
  # Which one it is, `test_node_cores` sees: a worker may come when another's
  # core is free again.
  assert all(core.isdigit() for _, _, core in found)
  assert killed_node.cores == 1


@pytest.mark.slow
def test_the_end_of_a_node_is_told(killed_node):
  assert "another one takes its place" in killed_node.output
  log = (killed_node.study_dir / "workers.log").read_text()
  assert re.search(r"^worker \S+: .*node", log, re.M)


@pytest.mark.slow
def test_nothing_is_left_behind(killed_node):
  wait_for(lambda: not programs_of(killed_node.folder))
  assert not os.path.exists(f"/proc/{killed_node.trial_pid}")


@pytest.fixture
def command(cluster, killed_node, tmp_path):
  """A sweep of two workers on one node; a trial of it hangs."""
  started = Command(tmp_path, cluster)
  try:
    started.trial_pid = started.hanging()
    yield started
  finally:
    started.kill()


def states_of(command):
  return [trial.state.name for trial in command.trials()]


@pytest.mark.slow
def test_workers_stop_with_the_command(command):
  command.send_signal(signal.SIGTERM)
  assert command.wait() == 75
  assert "RUNNING" not in states_of(command)
  assert "WAITING" in states_of(command)
  wait_for(lambda: not programs_of(command.folder))


@pytest.mark.slow
def test_workers_are_killed_with_the_command(command):
  log = command.study_dir / "workers.log"
  workers = wait_for(
    lambda: len(found := WORKER.findall(log.read_text())) == 2 and found
  )
  # One node is left, and they share its core.
  assert len({node for _, node, _ in workers}) == 1
  assert command.trial_pid in programs_of(command.folder)
  command.kill()
  wait_for(lambda: not programs_of(command.folder))
  assert "RUNNING" in states_of(command)


@pytest.mark.slow
def test_a_node_without_the_studys_folder(
  cluster, killed_node, tmp_path, monkeypatch
):
  monkeypatch.setenv("RAY_ADDRESS", cluster)
  study_identity.write_key(str(tmp_path), "mine", "1" * 32, "a journal")
  settings = types.SimpleNamespace(
    plan=types.SimpleNamespace(study_dir=str(tmp_path)), has_heartbeats=True
  )
  connection = RayConnection()
  try:
    workers = ray_workers.RayWorkers(
      connection, lambda *_: settings, 2, "a journal", print
    )
    workers.start(0)
    workers.start(1)
    (tmp_path / study_identity.IDENTITY_FILE).unlink()
    found = []
    while workers.num_running():
      found += workers.ended()
  finally:
    connection.close()
  first, second = found
  assert first.status == 2
  assert second.status in (0, 2)
  assert re.fullmatch(
    rf"--study_dir={tmp_path} has no study on the node \S+ of the Ray cluster: "
    "each node has to reach the study's folder under the same path. Give one "
    "on a file system that all nodes share.",
    first.error,
  )


def test_without_a_cluster_at_the_address(monkeypatch):
  pytest.importorskip("ray")
  monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
  with pytest.raises(
    errors.UserRuntimeError,
    match="The Ray cluster at RAY_ADDRESS=127.0.0.1:1 cannot be reached: .*Set "
    "RAY_ADDRESS to the HOST:PORT",
  ):
    RayConnection()


def test_a_cluster_of_this_machine_is_started_and_lost(monkeypatch):
  pytest.importorskip("ray")
  monkeypatch.setenv("RAY_ADDRESS", "local")
  connection = RayConnection()
  try:
    (node,) = connection.nodes
    assert node.num_cpus == len(os.sched_getaffinity(0))
    ray_connection.check_storage(
      storage_places.Place(storage_places.JOURNAL, "/d/journal.log"),
      connection.nodes,
    )
    os.kill(connection.pid, signal.SIGKILL)
    with pytest.raises(
      errors.UserRuntimeError,
      match="The connection with the Ray cluster has ended: .*same command",
    ):
      connection.receive(60)
  finally:
    connection.close()


def test_without_ray(monkeypatch):
  find = importlib.util.find_spec
  monkeypatch.setattr(
    importlib.util,
    "find_spec",
    lambda name: None if name == "ray" else find(name),
  )
  with pytest.raises(
    errors.UserImportError, match=r"pip install 'hub_estimator\[ray\]'"
  ):
    ray_connection.check_package()


@pytest.mark.parametrize("kind", ["journal", "SQLite"])
def test_a_file_serves_no_other_machines(kind):
  place = storage_places.Place(kind, "/d/study")
  with pytest.raises(
    errors.UserValueError,
    match=f"kept in the {kind}.* /d/study, which serves one machine.* nodes on "
    "elsewhere. Give --storage=postgresql://",
  ):
    ray_connection.check_storage(place, [Node("elsewhere", 4)])


def test_a_database_serves_all_machines():
  place = storage_places.parse_storage("postgresql://u:p@h/d")
  ray_connection.check_storage(place, [Node("elsewhere", 4)])
