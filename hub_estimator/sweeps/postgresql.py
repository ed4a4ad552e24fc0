"""Connections to a PostgreSQL database that serves several machines."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import sqlalchemy

from hub_estimator import errors

# Seconds until a server that does not answer counts as unreachable, unless the
# URL says otherwise (`?connect_timeout=…`). Keepalives find connections whose
# other end has gone without a word, as a machine without power does.
_CONNECT_ARGUMENTS = {
  "connect_timeout": 10,
  "keepalives": 1,
  "keepalives_idle": 30,
  "keepalives_interval": 10,
  "keepalives_count": 3,
  "tcp_user_timeout": 30_000,
  "application_name": "hub_estimator",
}


def check_driver() -> None:
  """Raises UserImportError if psycopg is not installed."""
  try:
    import psycopg  # noqa: F401
  except ImportError as error:
    raise errors.UserImportError(
      "A study in a PostgreSQL database needs psycopg, which cannot be "
      f"imported ({error}). Install it: "
      "pip install 'hub_estimator[postgresql]'."
    ) from error


def engine_options(url: sqlalchemy.URL) -> dict[str, Any]:
  """Returns arguments of `sqlalchemy.create_engine` for a study's storage."""
  return {
    # Tried before each use: after a restart of the server the old connections
    # of the pool are dead.
    "pool_pre_ping": True,
    # Kept open while idle: one for each process. Servers have few.
    "pool_size": 1,
    "max_overflow": 9,
    "connect_args": {
      key: value
      for key, value in _CONNECT_ARGUMENTS.items()
      if key not in url.query
    },
  }


class AdvisoryLock:
  """A lock of a PostgreSQL database, on a connection of its own.

  It excludes all that use the database, on any machine, and ends with its
  connection: with the holder, or with the server. It needs the server's own
  sessions: behind a pooler that lends them out for single transactions it
  locks nothing.

  The connection is psycopg's, not SQLAlchemy's, for a forked child to let go
  of: SQLAlchemy says goodbye to the server for what nobody refers to any more,
  and that would be in the parent's name.
  """

  def __init__(self, url: sqlalchemy.URL, name: str):
    """Makes a lock that is not held.

    Args:
      url: of the database.
      name: of what is locked; the lock's key is made of it.
    """
    self._url = url
    self._key = lock_key(name)
    self._connection = None
    self._pid = None

  def acquire(self, timeout_secs: float) -> bool:
    """Connects and waits for the lock.

    Args:
      timeout_secs: how long, at most.

    Returns:
      whether it is held now.

    Raises:
      psycopg.Error: the server cannot be reached, or refuses.
    """
    import psycopg

    arguments, options = self._url.get_dialect()().create_connect_args(
      self._url
    )
    options = {**engine_options(self._url)["connect_args"], **options}
    connection = psycopg.connect(*arguments, **options, autocommit=True)
    try:
      connection.execute(
        "SELECT set_config('lock_timeout', %s, false)",
        [f"{max(1, round(timeout_secs * 1000))}ms"],
      )
      connection.execute("SELECT pg_advisory_lock(%s)", [self._key])
    except psycopg.errors.LockNotAvailable:
      connection.close()
      return False
    except BaseException:
      connection.close()
      raise
    self._connection = connection
    self._pid = os.getpid()
    return True

  def is_held(self) -> bool:
    """Returns whether the lock's connection still stands."""
    import psycopg

    try:
      self._connection.execute("SELECT 1")
    except psycopg.Error:
      return False
    return True

  def release(self) -> None:
    """Gives the lock back, if it did not end before.

    In a forked child of the holder it does nothing.
    """
    if self._pid != os.getpid():
      return
    import psycopg

    connection, self._connection = self._connection, None
    self._pid = None
    try:
      # Sooner than the server notices that the connection is closed.
      connection.execute("SELECT pg_advisory_unlock(%s)", [self._key])
    except psycopg.Error:
      # It ended with its connection.
      pass
    finally:
      connection.close()


def lock_key(name: str) -> int:
  """Returns a lock's key: 64 bits with a sign, of its name's SHA-256."""
  digest = hashlib.sha256(f"hub_estimator {name}".encode()).digest()
  return int.from_bytes(digest[:8], "big", signed=True)
