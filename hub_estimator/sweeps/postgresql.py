"""Connections to a PostgreSQL database that serves several machines."""

from __future__ import annotations

import hashlib
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
  connection: with the holder, or with the server.
  """

  def __init__(self, url: sqlalchemy.URL, name: str):
    """Makes a lock that is not held.

    Args:
      url: of the database.
      name: of what is locked; the lock's key is made of it.
    """
    self._engine = sqlalchemy.create_engine(
      url,
      poolclass=sqlalchemy.NullPool,
      isolation_level="AUTOCOMMIT",
      connect_args=engine_options(url)["connect_args"],
    )
    self._key = lock_key(name)
    self._connection = None

  def acquire(self, timeout_secs: float) -> bool:
    """Connects and waits for the lock.

    Args:
      timeout_secs: how long, at most.

    Returns:
      whether it is held now.

    Raises:
      Exception: SQLAlchemy's, if the server cannot be reached.
    """
    connection = self._engine.connect()
    try:
      connection.execute(
        sqlalchemy.text("SELECT set_config('lock_timeout', :value, false)"),
        {"value": f"{max(1, round(timeout_secs * 1000))}ms"},
      )
      connection.execute(
        sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": self._key}
      )
    except BaseException as error:
      connection.close()
      if getattr(getattr(error, "orig", None), "sqlstate", None) == "55P03":
        return False
      raise
    self._connection = connection
    return True

  def is_held(self) -> bool:
    """Returns whether the lock's connection still stands."""
    try:
      self._connection.execute(sqlalchemy.text("SELECT 1"))
    except sqlalchemy.exc.SQLAlchemyError:
      return False
    return True

  def release(self) -> None:
    """Gives the lock back, if it did not end before."""
    connection, self._connection = self._connection, None
    if connection is None:
      return
    try:
      connection.execute(
        sqlalchemy.text("SELECT pg_advisory_unlock(:key)"), {"key": self._key}
      )
    except sqlalchemy.exc.SQLAlchemyError:
      # It ended with its connection.
      pass
    finally:
      connection.close()


def lock_key(name: str) -> int:
  """Returns a lock's key: 64 bits with a sign, of its name's SHA-256."""
  digest = hashlib.sha256(f"hub_estimator {name}".encode()).digest()
  return int.from_bytes(digest[:8], "big", signed=True)
