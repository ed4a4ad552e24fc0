"""What went wrong with a study's storage, and whether waiting helps."""

from __future__ import annotations

import enum
import errno
import os
import re
import sqlite3

import optuna
import sqlalchemy.exc

from hub_estimator.sweeps import journal_file


class Kind(enum.Enum):
  """Of an error.

  Attributes:
    UNREACHABLE: the storage cannot be reached, or cannot work, for now.
    REFUSED: it answered, and will answer the same again: a wrong password, a
      database that does not exist, rights that are missing.
    OTHER: it has nothing to do with that.
  """

  UNREACHABLE = "unreachable"
  REFUSED = "refused"
  OTHER = "other"


class LockLostError(Exception):
  """The connection that held a lock is gone; others may have it by now."""


# Without the driver's own error: Optuna goes on in a session whose connection
# was lost, and a query where all connections of this process are in use waits.
_LOST = (
  LockLostError,
  sqlalchemy.exc.PendingRollbackError,
  sqlalchemy.exc.ResourceClosedError,
  sqlalchemy.exc.TimeoutError,
)
_LONGEST_CAUSE = 300
# What a disk says that may have room, or be there, again.
_PASSING = (
  errno.ENOSPC,
  errno.EDQUOT,
  errno.EIO,
  errno.ESTALE,
  errno.EINTR,
  errno.EAGAIN,
)
_SQLITE_PASSING = re.compile(
  r"database (table )?is locked|database schema is locked|busy|disk I/O error|"
  r"database or disk is full"
)
# An error of connecting has no SQLSTATE, only libpq's text.
_REFUSALS = re.compile(
  r"password authentication failed|no password supplied|"
  r"(?:database|role) \".*\" does not exist|no pg_hba\.conf entry|"
  r"authentication failed|is not permitted to log in|"
  r"permission denied for|certificate verify failed|root certificate|"
  r"does not support SSL|invalid (?:connection option|sslmode|port|integer)|"
  r"is not currently accepting connections"
)
# Invalid authorization, no such database, no rights, a read-only server.
_REFUSAL_STATES = ("28", "3D", "42501", "25006")
# Two who make the same table, type or row at the same moment.
_RACE_STATES = ("42P07", "42710", "23505", "XX000", "40001", "40P01")


def kind_of(error: BaseException) -> Kind:
  """Returns what an error of a storage's operation means."""
  if isinstance(error, journal_file.JournalError):
    return Kind.UNREACHABLE if error.errno in _PASSING else Kind.REFUSED
  if isinstance(error, optuna.exceptions.StorageInternalError):
    # Optuna's wrapping of any error of SQLAlchemy.
    cause = error.__cause__ or error.__context__
    return Kind.UNREACHABLE if cause is None else kind_of(cause)
  if isinstance(error, _LOST):
    return Kind.UNREACHABLE
  cause = driver_error(error)
  if isinstance(cause, sqlite3.Error):
    passes = _SQLITE_PASSING.search(str(cause))
    if isinstance(cause, sqlite3.OperationalError) and passes:
      return Kind.UNREACHABLE
    is_of_file = isinstance(cause, sqlite3.OperationalError) or (
      type(cause) is sqlite3.DatabaseError
    )
    return Kind.REFUSED if is_of_file else Kind.OTHER
  if _is_of_psycopg(cause, "Error"):
    state = getattr(cause, "sqlstate", None) or ""
    if state.startswith(_REFUSAL_STATES):
      return Kind.REFUSED
    if not state and _REFUSALS.search(str(cause)):
      return Kind.REFUSED
    is_lost = getattr(error, "connection_invalidated", False)
    if is_lost or _is_of_psycopg(cause, "OperationalError", "InterfaceError"):
      return Kind.UNREACHABLE
  return Kind.OTHER


def is_race(error: BaseException) -> bool:
  """Returns whether two made the same table, type or row at one moment.

  As happens where several machines use a new database for the first time.
  """
  if isinstance(error, optuna.exceptions.StorageInternalError):
    error = error.__cause__ or error
  cause = driver_error(error)
  return getattr(cause, "sqlstate", None) in _RACE_STATES


def driver_error(error: BaseException) -> BaseException:
  """Returns the database driver's error that SQLAlchemy's stands for."""
  if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
    return error.orig
  return error


def cause_text(error: BaseException) -> str:
  """Returns why something failed, in one line: what the driver says."""
  if isinstance(error, optuna.exceptions.StorageInternalError):
    error = error.__cause__ or error
  if isinstance(error, journal_file.JournalError):
    return os.strerror(error.errno or 0)
  text = " ".join(str(driver_error(error)).split())
  if len(text) > _LONGEST_CAUSE:
    text = text[:_LONGEST_CAUSE] + "…"
  return text or type(error).__name__


def _is_of_psycopg(error: BaseException, *names: str) -> bool:
  """As isinstance, without psycopg, which need not be installed."""
  return any(
    kind.__module__.split(".")[0] == "psycopg" and kind.__name__ in names
    for kind in type(error).__mro__
  )
