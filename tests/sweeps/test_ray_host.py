"""How a node tells of its worker's program; Ray is not there."""

import os
import sys
import threading

import pytest

import hub_estimator
from hub_estimator import errors
from hub_estimator.sweeps import liveness, study_identity, worker_program
from hub_estimator.sweeps.ray_host import WorkerHost


class Host(WorkerHost):
  def where(self):
    return {"node": "abc", "host": "here"}


@pytest.fixture(autouse=True)
def packages_as_before():
  """A node's process does without pyarrow; other tests have it as it is."""
  before = {"pyarrow": sys.modules.get("pyarrow", "absent")}
  yield
  if before["pyarrow"] == "absent":
    sys.modules.pop("pyarrow", None)
  else:
    sys.modules.update(before)


@pytest.fixture
def run(tmp_path, monkeypatch):
  """Runs a shell script in the stead of the worker's program."""

  def run_script(script, host=None, folder=tmp_path):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    job = {"folder": str(folder), "environment": {"SAID": "hello"}}
    return (host or Host()).run(job)

  return run_script


def test_a_worker_that_ends_well(run):
  found = run("""echo '{"began": true}'; exit 0""")
  assert found == {"began": True, "error": None, "status": 0}


def test_a_worker_that_says_why_it_ends(run):
  found = run("""echo "{\\"error\\": \\"$SAID\\"}"; exit 2""")
  assert found == {"began": False, "error": "hello", "status": 2}


def test_a_worker_that_dies(run):
  script = """echo '{"began": true}'; """
  assert run(script + "exit 1")["status"] == 1
  assert run(script + "kill -9 $$")["status"] == -9
  # Too little memory may be another time's.
  assert run("kill -9 $$")["status"] == -9


def test_a_program_that_cannot_start(run, tmp_path):
  found = run("echo first >&2; echo No module named x >&2; exit 1")
  assert found["status"] == 2
  assert found["error"].startswith("a worker could not start on the node ")
  assert found["error"].endswith(f"{tmp_path}/program: No module named x")


def test_a_node_without_the_folder_of_the_command(run, tmp_path):
  found = run("exit 0", folder=tmp_path / "none")
  assert found["status"] == 2
  assert f"no folder {tmp_path}/none, in which the command" in found["error"]


def test_stop(run, tmp_path):
  host = Host()
  os.mkfifo(tmp_path / "started")

  def stop():
    (tmp_path / "started").read_text()
    host.stop()

  thread = threading.Thread(target=stop)
  thread.start()
  found = run("echo > started; exec sleep 600", host)
  thread.join()
  assert found["status"] == 75


def test_stop_before_the_start(run):
  host = Host()
  host.stop()
  assert run("exit 0", host)["status"] == 75


@pytest.fixture
def job(tmp_path):
  study_identity.write_key(str(tmp_path), "mine", "1" * 32, "a journal")
  return {
    "host": "there",
    "study_dir": str(tmp_path),
    "key": "1" * 32,
    "machine": liveness.machine_of(str(tmp_path)),
    "storage": "the journal /d/journal.log",
    "version": hub_estimator.__version__,
  }


def test_a_node_that_fits(job):
  worker_program.check_version(job)
  worker_program.check_folder(job)
  # A database serves all.
  worker_program.check_folder({**job, "machine": None})


def test_another_version(job):
  with pytest.raises(
    errors.UserRuntimeError,
    match="node there of the Ray cluster has hub_estimator .*, and the command "
    "is of 0.0.1: all nodes need the same",
  ):
    worker_program.check_version({**job, "version": "0.0.1"})


def test_the_folder_of_another_study(job):
  with pytest.raises(
    errors.UserOSError, match="is of the study 'mine' on the node there"
  ):
    worker_program.check_folder({**job, "key": "2" * 32})


def test_another_machine_with_a_study_in_a_file(job):
  with pytest.raises(
    errors.UserValueError, match="kept in the journal .* nodes on there"
  ):
    worker_program.check_folder({**job, "machine": "elsewhere:/d"})
