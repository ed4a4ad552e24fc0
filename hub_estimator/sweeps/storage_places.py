"""Where a study is kept: what `--storage` and the study's folder say."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import Optional

import sqlalchemy

from hub_estimator import errors

SQLITE_FILE = "study.db"
JOURNAL_FILE = "journal.log"

SQLITE = "SQLite"
JOURNAL = "journal"
POSTGRESQL = "PostgreSQL"

_KINDS = (
  "postgresql://USER:PASSWORD@HOST:PORT/DATABASE (several machines), "
  "journal:PATH or a path that ends in .log (several workers on one machine), "
  "sqlite:///PATH (one worker), or no --storage: a file in --study_dir"
)
# What PostgreSQL's URLs begin with, here and elsewhere.
_POSTGRESQL_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_DRIVER = "postgresql+psycopg"
_SECRETS = ("password", "sslpassword", "passfile")


@dataclasses.dataclass(frozen=True)
class Place:
  """Where a study is kept.

  Attributes:
    kind: `SQLITE`, `JOURNAL` or `POSTGRESQL`.
    path: of the file, absolute; None for a database server.
    url: of the database server; None for a file.
  """

  kind: str
  path: Optional[str] = None
  url: Optional[sqlalchemy.URL] = None

  @property
  def description(self) -> str:
    """For messages; without passwords."""
    if self.kind == POSTGRESQL:
      return f"the PostgreSQL database {masked(self.url)}"
    name = "SQLite file" if self.kind == SQLITE else "journal"
    return f"the {name} {self.path}"

  @property
  def dashboard_argument(self) -> str:
    """What optuna-dashboard is given; without passwords."""
    if self.kind == POSTGRESQL:
      return masked(self.url, _DRIVER)
    if self.kind == SQLITE:
      return self.sqlalchemy_url.render_as_string()
    return self.path

  @property
  def sqlalchemy_url(self) -> Optional[sqlalchemy.URL]:
    """Of the database; None for a journal."""
    if self.kind == SQLITE:
      return sqlalchemy.URL.create("sqlite", database=self.path)
    return self.url


def find_place(study_dir: str, url: Optional[str], num_workers: int) -> Place:
  """Returns where a study is, or is to be, kept.

  Args:
    study_dir: the study's folder.
    url: `--storage`; None for a file in `study_dir`: the one that is there, or
      else SQLite for one worker and a journal for several.
    num_workers: `--num_workers`.

  Raises:
    UserValueError: `url` is none that can be used; several workers on SQLite;
      `study_dir` has the study in another place.
  """
  kept = _kept_places(study_dir)
  if url is None:
    if len(kept) > 1:
      raise errors.UserValueError(
        f"A study is kept in one file, and --study_dir={study_dir} has "
        f"{SQLITE_FILE} and {JOURNAL_FILE}. Move the one away that is not the "
        "study's, or say which with --storage."
      )
    default = SQLITE if num_workers == 1 else JOURNAL
    place = kept[0] if kept else _file_place(study_dir, default)
  else:
    place = parse_storage(url)
    others = [other for other in kept if not _is_same_file(other, place)]
    if others and len(others) == len(kept):
      raise errors.UserValueError(
        f"A study stays where it was begun, and --study_dir={study_dir} has it "
        f"in {os.path.basename(others[0].path)}; --storage says "
        f"{place.description}. Leave --storage out, or give another "
        "--study_dir."
      )
  if place.kind == SQLITE and num_workers > 1:
    raise errors.UserValueError(
      f"The SQLite file {place.path} cannot serve "
      f"--num_workers={num_workers}: SQLite has one writer at a time, and "
      "under several processes changes fail with 'database is locked'. "
      "Give --num_workers=1, or another --study_dir (several workers on one "
      "machine keep their study in a journal), or "
      "--storage=postgresql://USER:PASSWORD@HOST/DATABASE."
    )
  return place


def parse_storage(text: str) -> Place:
  """Returns the place that `--storage` names.

  Raises:
    UserValueError: it names none that can be used.
  """
  scheme, separator, rest = text.partition("://")
  if separator:
    scheme = scheme.lower()
    if scheme in _POSTGRESQL_SCHEMES:
      return Place(POSTGRESQL, url=_parse_postgresql(f"{_DRIVER}://{rest}"))
    if scheme.split("+")[0] in ("postgresql", "postgres"):
      raise errors.UserValueError(
        f"--storage={mask_text(text)}: PostgreSQL is spoken to with psycopg "
        "alone. Write postgresql://…, without a driver."
      )
    if scheme == "sqlite":
      return _parse_sqlite(text, rest)
  elif text.startswith("journal:") and text != "journal:":
    return Place(JOURNAL, path=os.path.abspath(text[len("journal:") :]))
  elif text.endswith(".log") and os.path.basename(text) != ".log":
    return Place(JOURNAL, path=os.path.abspath(text))
  raise errors.UserValueError(
    f"--storage={mask_text(text)!r} is no place that a study can be kept in. "
    f"There are {_KINDS}."
  )


def masked(url: sqlalchemy.URL, scheme: str = "postgresql") -> str:
  """Returns a URL as people write it, with *** for the password."""
  query = {
    key: "***" if key in _SECRETS else value for key, value in url.query.items()
  }
  text = url.set(query=query, drivername=scheme).render_as_string()
  return text.replace("%2A%2A%2A", "***")


def mask_text(text: str) -> str:
  """Returns what may be a URL, without what may be a password."""
  text = re.sub(r"(//[^:/@]*):.*@", r"\1:***@", text)
  return re.sub(r"(password=)[^&\s]*", r"\1***", text)


def _parse_postgresql(text: str) -> sqlalchemy.URL:
  try:
    return sqlalchemy.make_url(text)
  except (sqlalchemy.exc.ArgumentError, ValueError) as error:
    raise errors.UserValueError(
      f"--storage={mask_text(text.replace('+psycopg', ''))} is no URL of a "
      "PostgreSQL database: postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
      "where characters such as @ / : # % in the password are written as %40 "
      "%2F %3A %23 %25."
    ) from error


def _parse_sqlite(text: str, rest: str) -> Place:
  path = sqlalchemy.make_url(text).database if rest.startswith("/") else None
  if path in (None, "", ":memory:"):
    raise errors.UserValueError(
      f"--storage={text}: a study is kept in a file, sqlite:///PATH "
      "(sqlite:////PATH, with four slashes, from the root of the file system)."
    )
  return Place(SQLITE, path=os.path.abspath(path))


def _file_place(study_dir: str, kind: str) -> Place:
  name = SQLITE_FILE if kind == SQLITE else JOURNAL_FILE
  return Place(kind, path=os.path.join(os.path.abspath(study_dir), name))


def _kept_places(study_dir: str) -> list[Place]:
  """Returns the files of a folder that a study was begun in."""
  places = (_file_place(study_dir, kind) for kind in (SQLITE, JOURNAL))
  # An empty one was made by a start that was killed.
  return [
    place
    for place in places
    if os.path.exists(place.path) and os.path.getsize(place.path) > 0
  ]


def _is_same_file(left: Place, right: Place) -> bool:
  if right.path is None or left.kind != right.kind:
    return False
  return os.path.realpath(left.path) == os.path.realpath(right.path)
