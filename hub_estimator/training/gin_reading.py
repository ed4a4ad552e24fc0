"""Reads Gin files and `--gin_param` texts into statements with their places.

The grammar is Gin's own parser; what follows it (imports, includes, places,
comments) is done here, so that every problem is collected and a binding keeps
the file and line it came from.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import pkgutil
import re
import tokenize
from collections.abc import Iterator
from typing import Any, Optional

from gin import config_parser

from hub_estimator.training import gin_files, gin_problems, gin_values


@dataclasses.dataclass(frozen=True)
class Statement:
  """A binding as written: nothing is looked up yet.

  Attributes:
    scope: Scopes joined by "/", or "".
    selector: The selector as written; the name of a macro where `parameter`
      is "".
    parameter: Parameter name, or "" for a macro.
    value: Literals and `gin_values` nodes with selectors as written.
    place: `file:line` or `--gin_param "…"`.
    comment: The comment behind it.
  """

  scope: str
  selector: str
  parameter: str
  value: Any
  place: str
  comment: str

  @property
  def name(self) -> str:
    """The left side as written."""
    path = f"{self.scope}/{self.selector}" if self.scope else self.selector
    return f"{path}.{self.parameter}" if self.parameter else path


class ConfigReader:
  """Collects statements, imported modules and problems over several sources.

  Attributes:
    statements: List of `Statement` in the order in which they bind.
    modules: Names of imported modules, in order.
    problems: Sentences.
  """

  def __init__(self, import_modules: bool = True):
    """Starts empty.

    Args:
      import_modules: Whether `import` lines are followed.
    """
    self._import_modules = import_modules
    self.statements: list[Statement] = []
    self.modules: list[str] = []
    self.problems: list[str] = []
    self._open_files: list[str] = []

  def read_file(self, name: str, include_place: str = "") -> None:
    """Reads the Gin file `name`, included at `include_place` if that is set."""
    including_file = self._open_files[-1] if self._open_files else None
    prefix = f"{include_place}: " if include_place else ""
    path = gin_files.find_gin_file(name, including_file)
    if path is None:
      problem = gin_files.missing_file_problem(name, including_file)
      self.problems.append(prefix + problem)
      return
    if path in self._open_files:
      chain = " → ".join([*self._open_files, path])
      self.problems.append(f"{prefix}{path} includes itself: {chain}")
      return
    try:
      with open(path, encoding="utf-8") as file:
        text = file.read()
    except (OSError, UnicodeDecodeError) as e:
      self.problems.append(f"{prefix}cannot read {path} as UTF-8 text: {e}")
      return
    self._open_files.append(path)
    self._read(text, path)
    self._open_files.pop()

  def read_param(self, text: str) -> None:
    """Reads the value of a `--gin_param`."""
    num_before = len(self.statements) + len(self.problems)
    num_modules = len(self.modules)
    self._read(text, None)
    if (
      len(self.statements) + len(self.problems) == num_before
      and len(self.modules) == num_modules
    ):
      place = _place(None, text, 1)
      self.problems.append(f"{place}: no binding in it; write NAME = value")

  def _read(self, text: str, path: Optional[str]) -> None:
    comments = _trailing_comments(text)
    statements = _parse(text)
    while True:
      try:
        statement = next(statements, None)
      except (SyntaxError, tokenize.TokenError, TypeError, ValueError) as e:
        # TypeError: a dict key that cannot be hashed; ValueError: a null byte.
        self.problems.append(_syntax_problem(e, path, text))
        return
      if statement is None:
        return
      line = statement.location.line_num
      self._add(statement, _place(path, text, line), comments.get(line, ""))

  def _add(self, statement: Any, place: str, comment: str) -> None:
    if isinstance(statement, config_parser.BindingStatement):
      scope, selector, parameter, value, _ = statement
      self.statements.append(
        Statement(scope, selector, parameter, value, place, comment)
      )
    elif isinstance(statement, config_parser.IncludeStatement):
      self.read_file(statement.filename, place)
    elif isinstance(statement, config_parser.ImportStatement):
      self._import(statement.module, place)

  def _import(self, module: str, place: str) -> None:
    if module.startswith("__gin__."):
      self.problems.append(
        f"{place}: Gin's {module[8:]} is not supported; register objects with"
        " gin.register and import the module that does"
      )
      return
    try:
      if self._import_modules:
        importlib.import_module(module)
    except ImportError as e:
      self.problems.append(f"{place}: {_import_problem(module, e)}")
      return
    if module not in self.modules:
      self.modules.append(module)


def _parse(text: str) -> Iterator[Any]:
  # A generator, as making Gin's parser reads the first token and can fail.
  yield from config_parser.ConfigParser(text, _Delegate())


class _Delegate(config_parser.ParserDelegate):
  """Keeps references and macros as what was written."""

  def configurable_reference(self, scoped_configurable_name, evaluate):
    *scopes, selector = scoped_configurable_name.split("/")
    return gin_values.Reference(tuple(scopes), selector, evaluate)

  def macro(self, macro_name):
    return gin_values.Macro(macro_name)


def _place(path: Optional[str], text: str, line: int) -> str:
  return f'--gin_param "{text}"' if path is None else f"{path}:{line}"


def _import_problem(module: str, error: ImportError) -> str:
  missing = error.name or ""
  if not f"{module}.".startswith(f"{missing}.") or not missing:
    return f"importing {module} fails: {error}"
  parent, _, _ = missing.rpartition(".")
  folders = importlib.import_module(parent).__path__ if parent else None
  prefix = f"{parent}." if parent else ""
  siblings = [prefix + found.name for found in pkgutil.iter_modules(folders)]
  match = gin_problems.nearest(missing, siblings)
  hint = f"; did you mean {match}?" if match else ""
  return f"cannot import {module}: there is no module {missing}{hint}"


def _syntax_problem(error: Exception, path: Optional[str], text: str) -> str:
  if isinstance(error, SyntaxError):
    message, line = error.msg, error.lineno or 1
  elif isinstance(error, tokenize.TokenError):
    message, line = error.args[0], error.args[1][0]
  else:
    message, line = str(error), 1
  lines = text.splitlines()
  content = lines[line - 1].strip() if 0 < line <= len(lines) else ""
  token = re.search(r"Failed to parse token '(.*)'", message, re.DOTALL)
  if token:
    # Gin quotes Python's message, which shows an address in memory.
    word = token.group(1)
    match = gin_problems.nearest(word, ("True", "False", "None"))
    hint = f"did you mean {match}? " if match else ""
    reason = f'{word} is not a value; {hint}strings need quotes: "{word}"'
  elif message == "Unable to parse value.":
    reason = f"no value can be read in {content}; strings need quotes"
  elif message.startswith("Couldn't parse statement"):
    reason = f"{content} is not a binding; write NAME = value"
  else:
    reason = f"{message.rstrip('.')}, in {content}"
  return f"{_place(path, text, line)}: syntax error: {reason}"


def _trailing_comments(text: str) -> dict[int, str]:
  """Returns line → the comment behind that line's code.

  Lines that hold only a comment, in the same column, continue it.
  """
  comments: dict[int, str] = {}
  last: tuple[int, int, int] = (0, 0, -1)  # First line, last line, column.
  try:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
      if token.type != tokenize.COMMENT:
        continue
      line, column = token.start
      words = token.string.lstrip("#").strip()
      if token.line[:column].strip():
        comments[line] = words
        last = (line, line, column)
      elif (last[1] + 1, last[2]) == (line, column):
        comments[last[0]] = f"{comments[last[0]]} {words}"
        last = (last[0], line, column)
  except (SyntaxError, tokenize.TokenError):
    pass  # Reading the statements reports it.
  return comments
