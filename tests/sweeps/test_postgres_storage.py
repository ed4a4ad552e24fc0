"""A study in a PostgreSQL database that is killed and comes back."""

import gc
import threading

import optuna
import psycopg
import pytest
import sqlalchemy
from children import Child, FakeClock
from test_storage import claim_all, with_study

from hub_estimator import errors
from hub_estimator.sweeps import postgresql, storage, storage_errors

TrialState = optuna.trial.TrialState


@pytest.fixture
def clock():
  return FakeClock()


@pytest.fixture
def open_it(postgres, database, tmp_path, clock):
  """Opens the storage of an empty database; closed when the test ends."""
  opened = []

  def open_one(database=database, **arguments):
    options = {
      "retry_secs": 60,
      "clock": clock,
      "sleep": clock.sleep,
      "lock_name": "study",
    }
    url = arguments.pop("url", postgres.url(database))
    one = storage.open_storage(
      str(tmp_path), url, 2, **{**options, **arguments}
    )
    opened.append(one)
    return one

  yield open_one
  for one in opened:
    one.close()


def test_a_study_of_several_machines(open_it):
  one, other = open_it(), open_it()
  assert one.is_shared
  with_study(one).enqueue_trial({"x": 1})
  assert len(with_study(other).trials) == 1
  assert "***" in one.description
  assert "sesame" not in one.description


def test_several_processes_claim_each_trial_once(
  open_it, postgres, database, tmp_path
):
  study = with_study(open_it())
  for number in range(24):
    study.enqueue_trial({"x": number})
  url = postgres.url(database)
  children = [
    Child(lambda channel: claim_all(str(tmp_path), url, 3, channel))
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


def test_several_processes_ask_optuna_alone(
  open_it, postgres, database, tmp_path
):
  """Without the lock: the database itself gives a trial to one process."""
  study = with_study(open_it())
  for number in range(24):
    study.enqueue_trial({"x": number})
  url = postgres.url(database)

  def ask(channel):
    with storage.open_storage(str(tmp_path), url, 3) as opened:
      own = with_study(opened)
      channel.send()
      channel.receive()
      numbers = []
      # The first one past the end is new.
      while (number := opened.call(own.ask).number) < 24:
        numbers.append(number)
      channel.send(numbers)

  children = [Child(ask) for _ in range(3)]
  for child in children:
    child.receive()
  for child in children:
    child.send()
  claimed = [number for child in children for number in child.receive()]
  for child in children:
    child.join()
  assert sorted(claimed) == list(range(24))


def test_machines_that_come_to_a_new_database_at_once(
  postgres, database, tmp_path
):
  url = postgres.url(database)

  def come(channel):
    channel.send()
    channel.receive()
    with storage.open_storage(str(tmp_path), url, 2) as opened:
      channel.send(with_study(opened).study_name)

  children = [Child(come) for _ in range(5)]
  for child in children:
    child.receive()
  for child in children:
    child.send()
  assert [child.receive() for child in children] == ["study"] * 5
  for child in children:
    child.join()


def test_tables_made_by_another_program_at_the_same_moment(
  open_it, clock, monkeypatch
):
  """Optuna's own commands know nothing of the lock."""
  real = optuna.storages.RDBStorage.__init__
  races = [2]

  def racing(*args, **kwargs):
    if races[0]:
      races[0] -= 1
      raise sqlalchemy.exc.ProgrammingError(
        "CREATE TABLE", {}, psycopg.errors.DuplicateTable("it exists")
      )
    real(*args, **kwargs)

  monkeypatch.setattr(optuna.storages.RDBStorage, "__init__", racing)
  assert len(with_study(open_it()).trials) == 0
  assert races == [0]
  # When it goes on for ever, it is something else.
  races[0] = 1000
  with pytest.raises(errors.UserRuntimeError, match="it exists"):
    open_it()


# The server goes away.


def test_calls_go_on_after_a_kill_and_a_restart(open_it, postgres, clock):
  opened = open_it()
  study = with_study(opened)
  study.enqueue_trial({"x": 1})
  postgres.kill()
  clock.at(5, postgres.start)
  trial = opened.call(study.ask)
  assert trial.number == 0
  assert clock.now >= 5
  # The pool's connections died, too, where nobody waits for the server.
  postgres.restart()
  before = clock.now
  opened.call(study.tell, trial, 0.5)
  assert clock.now - before < 1
  assert [t.value for t in study.trials] == [0.5]


def test_killed_in_the_middle_of_a_transaction(open_it, postgres, clock):
  opened = open_it()
  study = with_study(opened)
  study.enqueue_trial({"x": 1})
  kills = []

  def kill_once(connection, cursor, statement, *args):
    if "UPDATE trials SET state" in statement and not kills:
      kills.append(statement)
      postgres.kill()
      clock.at(clock.now + 1, postgres.start)

  sqlalchemy.event.listen(
    opened.storage.engine, "before_cursor_execute", kill_once
  )
  assert opened.exclusively(study.ask).number == 0
  assert kills
  assert [trial.state for trial in study.trials] == [TrialState.RUNNING]


def test_an_unreachable_server_is_given_up(open_it, postgres, clock):
  opened = open_it()
  study = with_study(opened)
  postgres.kill()
  with pytest.raises(errors.UserRuntimeError) as raised:
    opened.call(study.ask)
  message = str(raised.value)
  assert f"postgresql://postgres:***@127.0.0.1:{postgres.port}/" in message
  assert "tried for 60 s" in message
  assert "refused" in message
  assert "Start the same command again when it is back" in message
  assert "sesame" not in message
  assert clock.now == 60


def test_opening_waits_for_the_server(open_it, postgres, clock):
  postgres.kill()
  with pytest.raises(errors.UserRuntimeError, match="tried for 60 s"):
    open_it()
  clock.at(clock.now + 3, postgres.start)
  assert len(with_study(open_it()).trials) == 0


def test_a_heartbeat_is_left_out(open_it, postgres, clock):
  opened = open_it()
  study = with_study(opened)

  def beat():
    study.set_user_attr("alive", 1)
    return True

  assert opened.try_once(beat)
  postgres.kill()
  assert opened.try_once(beat, default=False) is False
  assert clock.pauses == []
  postgres.start()
  assert opened.try_once(beat)


@pytest.mark.parametrize(
  "url, text",
  [
    (
      "postgresql://postgres:wrong@127.0.0.1:{port}/{database}",
      'password authentication failed for user "postgres"',
    ),
    (
      "postgresql://postgres@127.0.0.1:{port}/{database}",
      "no password supplied",
    ),
    (
      "postgresql://nobody_here:wrong@127.0.0.1:{port}/{database}",
      "password authentication failed",
    ),
    (
      "postgresql://postgres:sesame@127.0.0.1:{port}/no_database",
      'database "no_database" does not exist',
    ),
    (
      "postgresql://postgres:sesame@127.0.0.1:{port}/{database}?sslmode=often",
      "invalid sslmode",
    ),
    (
      "postgresql://postgres:sesame@127.0.0.1:{port}/{database}"
      "?sslmode=require",
      "does not support SSL",
    ),
    (
      "postgresql://postgres:sesame@127.0.0.1:{port}/{database}?what=ever",
      "invalid connection option",
    ),
    (
      "postgresql://postgres:sesame@127.0.0.1:{port}/{database}"
      "?options=-cdefault_transaction_read_only%3Don",
      "read-only transaction",
    ),
  ],
)
def test_a_refusal_is_told_at_once(
  open_it, postgres, database, clock, url, text, monkeypatch
):
  monkeypatch.delenv("PGPASSWORD", raising=False)
  monkeypatch.setenv("PGPASSFILE", "/nonexistent")
  url = url.format(port=postgres.port, database=database)
  with pytest.raises(errors.UserRuntimeError) as raised:
    open_it(url=url)
  message = str(raised.value)
  assert text in message
  assert "cannot be used" in message
  assert "sesame" not in message and "wrong" not in message
  assert clock.pauses == []


def test_a_user_without_rights_is_told_at_once(
  open_it, postgres, database, clock
):
  with psycopg.connect(postgres.dsn(database), autocommit=True) as connection:
    connection.execute(f"CREATE USER {database}_guest PASSWORD 'guest'")
    connection.execute("REVOKE ALL ON SCHEMA public FROM public")
  url = postgres.url(database).replace(
    "postgres:sesame", f"{database}_guest:guest"
  )
  with pytest.raises(
    errors.UserRuntimeError, match=r"permission denied|schema"
  ):
    open_it(url=url)
  assert clock.pauses == []


def test_a_study_of_another_optuna_is_told(open_it, postgres, database, clock):
  open_it()
  with psycopg.connect(postgres.dsn(database), autocommit=True) as connection:
    connection.execute("UPDATE alembic_version SET version_num = 'v99'")
  with pytest.raises(
    errors.UserRuntimeError, match="compatible with the table"
  ):
    open_it()
  assert clock.pauses == []


# Forks.


def test_a_forked_child_leaves_the_connections_alone(open_it):
  opened = open_it()
  study = with_study(opened)

  def backends():
    with opened.storage.engine.connect() as connection:
      return connection.scalar(sqlalchemy.text("SELECT pg_backend_pid()"))

  before = backends()
  lock = opened.lock()
  lock.__enter__()

  def work(channel):
    nonlocal opened, study, lock
    lock.__exit__(None, None, None)
    opened.close()
    del opened, study, lock
    gc.collect()

  Child(work).join()
  assert backends() == before
  with pytest.raises(errors.UserRuntimeError, match="Another process"):
    open_it().lock(timeout_secs=0.01).__enter__()
  lock.__exit__(None, None, None)
  assert len(study.trials) == 0


# The lock.


def test_the_lock_keeps_others_out(open_it, postgres, database, tmp_path):
  opened = open_it()

  def hold(channel):
    with (
      storage.open_storage(
        str(tmp_path / "of another machine"),
        postgres.url(database),
        2,
        lock_name="study",
      ) as other,
      other.lock(),
    ):
      channel.send("held")
      channel.receive()

  child = Child(hold)
  assert child.receive() == "held"
  with pytest.raises(errors.UserRuntimeError, match="the lock of the study"):
    opened.lock(timeout_secs=0.01).__enter__()
  # Another study of the same database is not kept out.
  open_it(lock_name="another").lock(timeout_secs=0.01).__enter__()
  child.kill()
  with opened.lock(), opened.lock():
    pass
  with open_it().lock(timeout_secs=1):
    pass


def test_a_waiting_thread_gets_the_lock_when_it_is_given_back(open_it):
  one, other = open_it(), open_it()
  order = []
  begun = threading.Event()

  def wait():
    begun.set()
    with other.lock():
      order.append("other")

  with one.lock():
    thread = threading.Thread(target=wait)
    thread.start()
    begun.wait()
    order.append("one")
  thread.join()
  assert order == ["one", "other"]


def test_the_lock_waits_for_the_server(open_it, postgres, clock):
  opened = open_it()
  postgres.kill()
  clock.at(2, postgres.start)
  with opened.lock():
    pass
  assert clock.now >= 2


def test_a_lock_that_is_lost_is_taken_again(open_it, postgres):
  opened = open_it()
  study = with_study(opened)
  with opened.lock():
    postgres.restart()
    other = open_it()
    # The restart freed it, and the storage reconnects without a word.
    with other.lock(timeout_secs=1):
      pass
    opened.call(study.enqueue_trial, {"x": 1})
    with pytest.raises(errors.UserRuntimeError, match="Another process"):
      other.lock(timeout_secs=0.01).__enter__()
  with other.lock(timeout_secs=1):
    pass


def test_an_exclusive_operation_starts_anew_when_the_lock_is_lost(
  open_it, postgres
):
  opened = open_it()
  study = with_study(opened)
  seen = []

  def operation():
    seen.append(opened.call(lambda: len(study.get_trials(deepcopy=False))))
    if len(seen) == 1:
      postgres.restart()
      # Another machine's doing, while nobody has the lock.
      with_study(open_it()).enqueue_trial({"x": 1})
    opened.call(study.set_user_attr, "seen", seen[-1])

  opened.exclusively(operation)
  assert seen == [0, 1]
  assert study.user_attrs["seen"] == 1
  # The same inside a lock that was taken before.
  seen.clear()
  with opened.lock():
    opened.exclusively(operation)
  assert seen == [1, 2]


def test_the_keys_of_locks_fit_the_database():
  keys = [postgresql.lock_key(f"study {n}") for n in range(100)]
  assert len(set(keys)) == 100
  assert all(-(2**63) <= key < 2**63 for key in keys)
  # All machines have to come to the same.
  assert postgresql.lock_key("study s") == postgresql.lock_key("study s")


def test_what_a_url_says_comes_first():
  url = sqlalchemy.make_url("postgresql+psycopg://h/d?connect_timeout=3")
  arguments = postgresql.engine_options(url)["connect_args"]
  assert "connect_timeout" not in arguments
  assert arguments["keepalives"] == 1


def test_a_server_that_is_starting_is_waited_for():
  error = sqlalchemy.exc.OperationalError(
    "SELECT", {}, psycopg.OperationalError("the database system is starting up")
  )
  assert storage_errors.kind_of(error) is storage_errors.Kind.UNREACHABLE
  error = sqlalchemy.exc.OperationalError(
    "SELECT", {}, psycopg.errors.TooManyConnections("too many clients")
  )
  assert storage_errors.kind_of(error) is storage_errors.Kind.UNREACHABLE
  error = sqlalchemy.exc.ProgrammingError(
    "SELECT", {}, psycopg.errors.SyntaxError("syntax error")
  )
  assert storage_errors.kind_of(error) is storage_errors.Kind.OTHER


def test_a_session_that_goes_on_after_its_connection_was_lost():
  # Optuna tries another query then, which SQLAlchemy refuses.
  error = optuna.exceptions.StorageInternalError("An exception is raised.")
  error.__cause__ = sqlalchemy.exc.PendingRollbackError("Can't reconnect.")
  assert storage_errors.kind_of(error) is storage_errors.Kind.UNREACHABLE
