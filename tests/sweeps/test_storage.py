"""A study's storage: where it is, how it is locked, and waiting for it."""

import builtins
import errno
import os
import sqlite3

import optuna
import pytest
import sqlalchemy
from children import Child, FakeClock

from hub_estimator import errors
from hub_estimator.sweeps import journal_file, storage, storage_errors
from hub_estimator.sweeps import storage_places as places

TrialState = optuna.trial.TrialState


@pytest.fixture
def study_dir(tmp_path):
  return str(tmp_path)


@pytest.fixture
def clock():
  return FakeClock()


@pytest.fixture
def opened(study_dir, clock):
  """A journal's storage that waits by a clock of the test's."""
  return storage.open_storage(
    study_dir, None, 2, retry_secs=60, clock=clock, sleep=clock.sleep
  )


def with_study(opened):
  return optuna.create_study(
    storage=opened.storage, study_name="study", load_if_exists=True
  )


# Where it is.


@pytest.mark.parametrize(
  "num_workers, kind, name",
  [(1, places.SQLITE, "study.db"), (2, places.JOURNAL, "journal.log")],
)
def test_the_default_is_a_file_in_the_folder(
  study_dir, num_workers, kind, name
):
  opened = storage.open_storage(study_dir, None, num_workers)
  with_study(opened)
  assert opened.place.kind == kind
  assert not opened.is_shared
  assert os.path.join(study_dir, name) in opened.description
  assert os.path.getsize(os.path.join(study_dir, name)) > 0


def test_a_journal_goes_on_with_one_worker(study_dir):
  with_study(storage.open_storage(study_dir, None, 2))
  again = storage.open_storage(study_dir, None, 1)
  assert again.place.kind == places.JOURNAL
  assert [s.study_name for s in again.storage.get_all_studies()] == ["study"]


def test_sqlite_does_not_serve_several_workers(study_dir):
  with_study(storage.open_storage(study_dir, None, 1)).enqueue_trial({"x": 1})
  for url in (None, f"sqlite:///{study_dir}/study.db"):
    with pytest.raises(errors.UserValueError) as raised:
      storage.open_storage(study_dir, url, 2)
    message = str(raised.value)
    assert "study.db cannot serve --num_workers=2" in message
    assert "one writer at a time" in message
    assert "--num_workers=1" in message
    assert "another --study_dir" in message
    assert "--storage=postgresql://" in message


def test_an_empty_file_of_a_killed_start_does_not_count(study_dir):
  open(os.path.join(study_dir, "study.db"), "w").close()
  opened = storage.open_storage(study_dir, None, 2)
  assert opened.place.kind == places.JOURNAL


def test_two_files_are_one_too_many(study_dir):
  for name in ("study.db", "journal.log"):
    with open(os.path.join(study_dir, name), "w") as file:
      file.write("x")
  with pytest.raises(errors.UserValueError, match="study.db and journal.log"):
    storage.open_storage(study_dir)
  # Saying which of them helps.
  place = places.find_place(study_dir, f"{study_dir}/journal.log", 2)
  assert place.path == os.path.join(study_dir, "journal.log")


def test_another_storage_than_the_study_has(study_dir):
  with_study(storage.open_storage(study_dir, None, 2))
  with pytest.raises(errors.UserValueError) as raised:
    storage.open_storage(study_dir, "postgresql://me:secret@host/db")
  message = str(raised.value)
  assert "has it in journal.log" in message
  assert "postgresql://me:***@host/db" in message
  assert "secret" not in message


@pytest.mark.parametrize(
  "text, kind, path",
  [
    ("sqlite:////data/a.db", places.SQLITE, "/data/a.db"),
    ("sqlite:////data/a%20b.db", places.SQLITE, "/data/a b.db"),
    ("journal:/data/a", places.JOURNAL, "/data/a"),
    ("/data/a.log", places.JOURNAL, "/data/a.log"),
  ],
)
def test_files_by_name(text, kind, path):
  place = places.parse_storage(text)
  assert (place.kind, place.path) == (kind, path)


@pytest.mark.parametrize(
  "text",
  ["postgresql://u:p@h:5/d", "postgres://u:p@h:5/d", "PostgreSQL://u:p@h:5/d"]
  + ["postgresql+psycopg://u:p@h:5/d"],
)
def test_postgresql_by_url(text):
  place = places.parse_storage(text)
  assert place.kind == places.POSTGRESQL
  assert place.url.drivername == "postgresql+psycopg"
  assert place.url.password == "p"
  assert place.description == (
    "the PostgreSQL database postgresql://u:***@h:5/d"
  )
  assert place.dashboard_argument == "postgresql+psycopg://u:***@h:5/d"


@pytest.mark.parametrize(
  "text",
  ["mysql://u:hidden@h/d", "redis://h", "postgresq://u:hidden@h/d", "study"]
  + ["journal:", ".log", "sqlite3:///a.db", "http://u:hidden@h", ""],
)
def test_what_is_no_storage(text):
  with pytest.raises(errors.UserValueError) as raised:
    places.parse_storage(text)
  message = str(raised.value)
  assert "hidden" not in message
  for what in ("postgresql://", "journal:PATH", "sqlite:///PATH"):
    assert what in message


def test_another_driver():
  with pytest.raises(errors.UserValueError, match="psycopg alone"):
    places.parse_storage("postgresql+psycopg2://u:hidden@h/d")


def test_a_url_that_cannot_be_read():
  with pytest.raises(errors.UserValueError, match="%40") as raised:
    places.parse_storage("postgresql://u:hidden#word@h:port/d")
  assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///:memory:"])
def test_sqlite_without_a_file(text):
  with pytest.raises(errors.UserValueError, match="kept in a file"):
    places.parse_storage(text)


def test_passwords_in_the_query_are_masked():
  place = places.parse_storage("postgresql://h/d?user=u&password=hidden")
  assert "hidden" not in place.description
  assert "password=***" in place.description
  assert places.mask_text("postgresq://h/d?password=hidden&a=b") == (
    "postgresq://h/d?password=***&a=b"
  )


def test_psycopg_is_an_extra(study_dir, monkeypatch):
  real = builtins.__import__

  def without(name, *args, **kwargs):
    if name == "psycopg":
      raise ImportError("No module named 'psycopg'")
    return real(name, *args, **kwargs)

  monkeypatch.setattr(builtins, "__import__", without)
  with pytest.raises(
    errors.UserImportError, match=r"pip install 'hub_estimator\[postgresql\]'"
  ):
    storage.open_storage(study_dir, "postgresql://h/d")


def test_a_folder_that_is_missing(study_dir):
  with pytest.raises(errors.UserOSError, match="folder that does not exist"):
    storage.open_storage(study_dir, f"sqlite:///{study_dir}/none/a.db")


def test_a_file_that_is_no_database(study_dir, clock):
  with open(os.path.join(study_dir, "study.db"), "w") as file:
    file.write("no database" * 100)
  with pytest.raises(errors.UserRuntimeError, match="file is not a database"):
    storage.open_storage(study_dir, clock=clock, sleep=clock.sleep)
  assert clock.pauses == []


@pytest.mark.parametrize("name", ["a b", "100%", "{x}", "what?#", "ä@:"])
def test_paths_of_any_characters(tmp_path, name):
  folder = tmp_path / name
  folder.mkdir()
  with_study(storage.open_storage(str(folder), None, 1))
  assert sorted(os.listdir(folder)) == ["study.db"]
  opened = storage.open_storage(str(folder), None, 1)
  url = opened.place.dashboard_argument
  study = optuna.load_study(
    study_name="study", storage=optuna.storages.RDBStorage(_escaped(url))
  )
  assert len(study.trials) == 0


def _escaped(url):
  return url.replace("{", "{{").replace("}", "}}")


# Waiting for it.


def failing(times, error, result="done"):
  """Returns an operation that fails some times, and the list of its calls."""
  calls = []

  def operation():
    calls.append(None)
    if len(calls) <= times:
      raise error
    return result

  return operation, calls


def wrapped(cause):
  """An error of SQLite as Optuna's storage raises it."""
  error = optuna.exceptions.StorageInternalError("during the commit")
  error.__cause__ = sqlalchemy.exc.OperationalError("SELECT", {}, cause)
  return error


LOCKED = wrapped(sqlite3.OperationalError("database is locked"))
PASSING = [
  LOCKED,
  optuna.exceptions.StorageInternalError("of something"),
  sqlalchemy.exc.TimeoutError("QueuePool limit"),
  journal_file.JournalError(errno.ENOSPC, "No space left on device"),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda e: type(e).__name__)
def test_an_operation_is_tried_until_it_works(opened, clock, error):
  operation, calls = failing(4, error)
  assert opened.call(operation) == "done"
  assert len(calls) == 5
  assert clock.pauses == [0.1, 0.2, 0.4, 0.8]


def test_an_operation_gets_its_arguments(opened):
  assert opened.call(lambda a, b: (a, b), 1, b=2) == (1, 2)


def test_it_is_given_up_after_a_while(opened, clock):
  operation, calls = failing(1000, LOCKED)
  with pytest.raises(errors.UserRuntimeError) as raised:
    opened.call(operation)
  message = str(raised.value)
  assert opened.description in message
  assert "tried for 60 s: database is locked" in message
  assert "Start the same command again when it is back" in message
  # 0.1 s, doubled up to 15 s, and no longer than 60 s in all.
  assert max(clock.pauses) == 15
  assert clock.now == 60
  assert len(calls) == len(clock.pauses) + 1


@pytest.mark.parametrize(
  "error",
  [
    ValueError("x"),
    KeyError("x"),
    OSError(errno.ENOSPC, "a file of somebody else's"),
    optuna.exceptions.DuplicatedStudyError("x"),
    sqlalchemy.exc.IntegrityError("x", {}, sqlite3.IntegrityError("x")),
  ],
  ids=lambda e: type(e).__name__,
)
def test_other_errors_are_raised_at_once(opened, clock, error):
  operation, calls = failing(1, error)
  with pytest.raises(type(error)) as raised:
    opened.call(operation)
  assert raised.value is error
  assert len(calls) == 1
  assert clock.pauses == []


@pytest.mark.parametrize("method", ["call", "try_once"])
@pytest.mark.parametrize(
  "error, text",
  [
    (
      journal_file.JournalError(errno.EACCES, "x"),
      "cannot be used: Permission denied",
    ),
    (
      wrapped(sqlite3.OperationalError("attempt to write a readonly database")),
      "cannot be used: attempt to write a readonly database",
    ),
  ],
)
def test_a_refusal_is_told_at_once(opened, clock, method, error, text):
  operation, calls = failing(1, error)
  with pytest.raises(errors.UserRuntimeError, match=text) as raised:
    getattr(opened, method)(operation)
  assert "give another --storage" in str(raised.value)
  assert len(calls) == 1
  assert clock.pauses == []


def test_a_heartbeat_does_not_wait(opened, clock):
  operation, calls = failing(1, LOCKED)
  assert opened.try_once(operation) is None
  assert opened.try_once(failing(1, LOCKED)[0], default=False) is False
  assert opened.try_once(operation) == "done"
  with pytest.raises(ValueError, match="a bug"):
    opened.try_once(failing(1, ValueError("a bug"))[0])
  assert clock.pauses == []


def test_a_long_cause_is_cut():
  text = storage_errors.cause_text(sqlite3.OperationalError("x" * 1000))
  assert len(text) == 301
  assert text.endswith("…")


# Its lock.


@pytest.mark.parametrize("num_workers", [1, 2])
def test_the_lock_keeps_other_processes_out(study_dir, clock, num_workers):
  opened = storage.open_storage(
    study_dir, None, num_workers, clock=clock, sleep=clock.sleep
  )

  def hold(channel):
    with storage.open_storage(study_dir, None, num_workers).lock():
      channel.send("held")
      channel.receive()
    channel.send("given back")
    channel.receive()

  child = Child(hold)
  assert child.receive() == "held"
  with pytest.raises(errors.UserRuntimeError) as raised:
    opened.lock(timeout_secs=5).__enter__()
  assert "study.lock for 5 s" in str(raised.value)
  assert clock.now == pytest.approx(5, abs=0.2)

  def give_back():
    child.send()
    assert child.receive() == "given back"

  clock.at(clock.now + 1, give_back)
  with opened.lock(timeout_secs=5):
    pass
  assert not clock.when
  child.send()
  child.join()


def test_the_lock_of_a_killed_process_is_free(opened, study_dir, clock):
  def hold(channel):
    with storage.open_storage(study_dir, None, 2).lock():
      channel.send("held")
      channel.receive()

  child = Child(hold)
  child.receive()
  child.kill()
  with opened.lock():
    pass
  assert clock.pauses == []


def test_a_thread_may_take_the_lock_again(opened, study_dir):
  with opened.lock(), opened.lock():
    assert opened.exclusively(lambda: opened.call(lambda: 3)) == 3
  other = storage.open_storage(study_dir, None, 2)
  with other.lock(timeout_secs=0):
    pass


def test_an_exclusive_operation_starts_from_the_top(opened, clock, study_dir):
  other = storage.open_storage(study_dir, None, 2)
  inner, calls = failing(1, LOCKED)
  begun = []

  def operation():
    begun.append(None)
    # Nobody else has the lock.
    with pytest.raises(errors.UserRuntimeError, match="Another process"):
      other.lock(timeout_secs=0).__enter__()
    return opened.call(inner)

  assert opened.exclusively(operation) == "done"
  assert len(begun) == len(calls) == 2
  # Between the two others had their turn.
  assert clock.pauses == [0.1]
  with other.lock(timeout_secs=0):
    pass


def test_a_lock_that_cannot_be_made(opened, study_dir):
  os.mkdir(os.path.join(study_dir, "study.lock"))
  with pytest.raises(errors.UserOSError, match="Cannot lock .*study.lock"):
    opened.lock().__enter__()


# Processes.


def test_a_forked_process_opens_its_own(opened, study_dir):
  with_study(opened).enqueue_trial({"x": 1})

  def work(channel):
    for use in (
      lambda: opened.storage,
      lambda: opened.call(int),
      lambda: opened.try_once(int),
      lambda: opened.exclusively(int),
      lambda: opened.lock().__enter__(),
    ):
      with pytest.raises(RuntimeError, match="opens its own"):
        use()
    opened.close()
    own = storage.open_storage(study_dir, None, 2)
    channel.send(len(with_study(own).trials))

  child = Child(work)
  assert child.receive() == 1
  child.join()


def claim_all(study_dir, url, num_workers, channel):
  """Claims trials until none waits; sends their numbers."""
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  opened = storage.open_storage(study_dir, url, num_workers, lock_name="study")
  study = with_study(opened)
  channel.send("ready")
  channel.receive()
  numbers = []

  def claim():
    if not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
      return None
    return study.ask().number

  while (number := opened.exclusively(claim)) is not None:
    numbers.append(number)
  channel.send(numbers)
  opened.close()


def test_several_processes_claim_each_trial_once(opened, study_dir):
  study = with_study(opened)
  for number in range(24):
    study.enqueue_trial({"x": number})
  children = [
    Child(lambda channel: claim_all(study_dir, None, 3, channel))
    for _ in range(3)
  ]
  for child in children:
    assert child.receive() == "ready"
  for child in children:
    child.send()
  claimed = [number for child in children for number in child.receive()]
  for child in children:
    child.join()
  assert sorted(claimed) == list(range(24))
