"""The journal survives what kills its writers."""

import errno
import fcntl
import json
import os
import pathlib

import optuna
import pytest
from children import Child

from hub_estimator import errors
from hub_estimator.sweeps import journal_file, kernel_lock

TrialState = optuna.trial.TrialState


@pytest.fixture
def path(tmp_path):
  return tmp_path / "journal.log"


def open_study(path):
  storage = optuna.storages.JournalStorage(journal_file.JournalFile(str(path)))
  return optuna.create_study(
    storage=storage, study_name="study", load_if_exists=True
  )


def optuna_values(path):
  """Returns the values of the trials, as Optuna's own classes read them."""
  storage = optuna.storages.JournalStorage(
    optuna.storages.journal.JournalFileBackend(str(path))
  )
  study = optuna.load_study(storage=storage, study_name="study")
  return [trial.value for trial in study.trials]


def add(study, value):
  study.add_trial(optuna.create_trial(value=value))


def test_optuna_reads_what_is_written(path):
  study = open_study(path)
  for value in (1.0, 2.0):
    add(study, value)
  assert optuna_values(path) == [1.0, 2.0]
  assert sorted(os.listdir(path.parent)) == ["journal.log"]


def test_it_reads_what_optuna_wrote(path):
  storage = optuna.storages.JournalStorage(
    optuna.storages.journal.JournalFileBackend(str(path))
  )
  add(optuna.create_study(storage=storage, study_name="study"), 3.0)
  assert [trial.value for trial in open_study(path).trials] == [3.0]


@pytest.mark.parametrize(
  "torn", [b"{", b'{"op_code":4,"study', b"\x00" * 70_000, b"x" * 200_000]
)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_torn_last_line_is_cut_off(path, torn, is_open):
  study = open_study(path)
  add(study, 1.0)
  whole = path.read_bytes()
  path.write_bytes(whole + torn)
  if not is_open:
    study = open_study(path)
  # Read over it, and then write.
  assert [trial.value for trial in study.trials] == [1.0]
  add(study, 2.0)
  assert path.read_bytes().startswith(whole)
  assert all(json.loads(line) for line in path.read_bytes().splitlines())
  assert optuna_values(path) == [1.0, 2.0]


def test_optuna_alone_could_not_read_it_again(path):
  """What this is all for: without the cut the study is lost."""
  open_study(path)
  with path.open("ab") as file:
    file.write(b'{"op_code":4,')
  backend = optuna.storages.journal.JournalFileBackend(str(path))
  study = optuna.load_study(
    storage=optuna.storages.JournalStorage(backend), study_name="study"
  )
  study.set_user_attr("lost", 1)
  with pytest.raises(json.JSONDecodeError):
    study.set_user_attr("after it", 2)
  with pytest.raises(json.JSONDecodeError):
    optuna_values(path)


def test_a_journal_of_nothing_but_a_torn_line(path):
  path.write_bytes(b'{"op_code":0,"wor')
  add(open_study(path), 1.0)
  assert optuna_values(path) == [1.0]


def test_a_full_disk_leaves_the_journal_as_it_was(path, monkeypatch):
  study = open_study(path)
  add(study, 1.0)
  whole = path.read_bytes()
  write = os.pwrite

  def write_some(descriptor, content, offset):
    if offset > len(whole):
      raise OSError(errno.ENOSPC, "No space left on device")
    return write(descriptor, content[:10], offset)

  monkeypatch.setattr(os, "pwrite", write_some)
  with pytest.raises(journal_file.JournalError, match="No space left"):
    add(study, 2.0)
  monkeypatch.undo()
  assert path.read_bytes() == whole
  add(study, 3.0)
  assert [trial.value for trial in study.trials] == [1.0, 3.0]
  assert optuna_values(path) == [1.0, 3.0]


def test_a_changed_line_is_named(path):
  study = open_study(path)
  add(study, 1.0)
  lines = path.read_bytes().splitlines(keepends=True)
  path.write_bytes(b"".join([lines[0], b"{torn" + lines[1], *lines[1:]]))
  with pytest.raises(errors.UserOSError, match=r"journal.log, line 2: .*JSON"):
    open_study(path)


def test_a_journal_that_cannot_be_opened(tmp_path):
  with pytest.raises(errors.UserOSError, match="Cannot open the study's jour"):
    journal_file.JournalFile(str(tmp_path / "missing" / "journal.log"))


def test_a_file_system_without_locks(path, monkeypatch):
  def flock(descriptor, operation):
    raise OSError(errno.ENOLCK, "No locks available")

  monkeypatch.setattr(fcntl, "flock", flock)
  with pytest.raises(
    errors.UserOSError, match=r"no locks \(flock\).*--storage"
  ):
    journal_file.JournalFile(str(path))


def test_a_killed_holder_of_the_lock_keeps_nobody_waiting(path):
  study = open_study(path)
  add(study, 1.0)

  def hold(channel):
    lock = kernel_lock.KernelLock(str(path))
    lock.acquire()
    # In the middle of a line.
    os.pwrite(lock.descriptor, b'{"op_code', path.stat().st_size)
    channel.send("held")
    channel.receive()

  child = Child(hold)
  assert child.receive() == "held"
  assert not kernel_lock.KernelLock(str(path)).acquire(wait=False)
  child.kill()
  # Were the lock still held, this would wait for ever.
  add(study, 2.0)
  assert optuna_values(path) == [1.0, 2.0]


def test_a_child_forked_while_the_lock_is_held_does_not_hold_it(path):
  def hold(channel):
    lock = kernel_lock.KernelLock(str(path))
    lock.acquire()
    grandchild = Child(lambda inner: [inner.send(), inner.receive()])
    # Not before it is past what a fork does.
    grandchild.receive()
    channel.send(grandchild.pid)
    channel.receive()

  child = Child(hold)
  grandchild = child.receive()
  lock = kernel_lock.KernelLock(str(path))
  assert not lock.acquire(wait=False)
  # The grandchild ends later, when it finds its parent gone.
  os.kill(grandchild, 19)
  try:
    child.kill()
    assert lock.acquire(wait=False)
    lock.release()
  finally:
    os.kill(grandchild, 9)


def test_a_child_that_leaves_the_holders_block_gives_nothing_back(path):
  """As happens when a child is forked, and raises, inside of it."""
  lock = kernel_lock.KernelLock(str(path))
  lock.acquire()

  def leave(channel):
    # It gets the number of the lock's file.
    descriptor = os.open(os.devnull, os.O_RDONLY)
    lock.release()
    os.close(descriptor)

  Child(leave).join()
  assert not kernel_lock.KernelLock(str(path)).acquire(wait=False)
  lock.release()


def test_a_journal_that_is_taken_away_is_not_begun_anew(path):
  study = open_study(path)
  path.unlink()
  with pytest.raises(journal_file.JournalError, match="No such file"):
    add(study, 1.0)
  with pytest.raises(journal_file.JournalError, match="No such file"):
    study.get_trials()
  assert not path.exists()


def test_processes_write_side_by_side(path):
  open_study(path)

  def write(channel):
    study = open_study(path)
    channel.receive()
    for value in range(20):
      add(study, float(value))

  children = [Child(write) for _ in range(4)]
  for child in children:
    child.send()
  for child in children:
    child.join()
  assert sorted(optuna_values(path)) == sorted(
    4 * [float(n) for n in range(20)]
  )


def test_writers_killed_at_any_byte_lose_their_line_alone(path):
  """A process is killed after n bytes of a line, for each n of it."""
  add(open_study(path), 0.0)
  done = [0.0]
  for n in range(0, 200, 23):

    def write(channel, n=n):
      study = open_study(path)
      real = os.pwrite

      def die(descriptor, content, offset):
        real(descriptor, content[:n], offset)
        os.kill(os.getpid(), 9)

      add(study, 1.0 + n)
      channel.send("wrote one")
      os.pwrite = die
      add(study, -1.0)

    child = Child(write)
    assert child.receive() == "wrote one"
    os.waitpid(child.pid, 0)
    done.append(1.0 + n)
    assert [trial.value for trial in open_study(path).trials] == done
  add(open_study(path), 1000.0)
  assert optuna_values(path) == [*done, 1000.0]


def test_each_change_is_read_once(path, monkeypatch):
  """The file is not read from its beginning again and again."""
  study = open_study(path)
  for value in range(50):
    add(study, float(value))
  read = []
  real = os.pread
  monkeypatch.setattr(
    os,
    "pread",
    lambda d, size, offset: (
      read.append(len(part := real(d, size, offset))) or part
    ),
  )
  assert len(study.trials) == 50
  assert sum(read) == 0
  other = open_study(path)
  assert sum(read) >= pathlib.Path(path).stat().st_size - 200
  assert len(other.trials) == 50
