"""Values of Gin bindings as plain data, and their canonical text.

Gin's own reference objects look themselves up in the registry when made, and
evaluate themselves when copied. These stand for what was written, so that a
file can be read, compared and written without touching Gin's state.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, Callable

MACRO_SELECTOR = "gin.macro"
MACRO_PARAMETER = "value"
REQUIRED_NAME = "gin.REQUIRED"


@dataclasses.dataclass(frozen=True)
class Reference:
  """`@scope/selector` or, evaluated, `@scope/selector()`."""

  scopes: tuple[str, ...]
  selector: str
  evaluate: bool


@dataclasses.dataclass(frozen=True)
class Macro:
  """`%NAME`, a value that the configuration binds to a name."""

  name: str


@dataclasses.dataclass(frozen=True)
class Constant:
  """`%name` of a value that Python code registered with `gin.constant`."""

  name: str


@dataclasses.dataclass(frozen=True)
class Binding:
  """One `scope/selector.parameter = value` (or `MACRO = value`).

  Attributes:
    scope: Scopes joined by "/"; for a macro, its name.
    selector: Complete selector; `gin.macro` for a macro.
    parameter: Parameter name.
    value: Literals, lists, tuples and dicts of them, and the node types here.
    place: Where it was written: `file:line` or `--gin_param "…"`.
    comment: The comment behind it on its line, without the `#`.
  """

  scope: str
  selector: str
  parameter: str
  value: Any
  place: str
  comment: str = ""

  @property
  def key(self) -> tuple[str, str, str]:
    """What a later binding of the same parameter replaces."""
    return (self.scope, self.selector, self.parameter)

  @property
  def is_macro(self) -> bool:
    """Whether the binding defines a macro."""
    return self.selector == MACRO_SELECTOR


def macro_key(name: str) -> tuple[str, str, str]:
  """Returns the key of the binding that defines macro `name`."""
  return (name, MACRO_SELECTOR, MACRO_PARAMETER)


def map_value(value: Any, leaf_fn: Callable[[Any], Any]) -> Any:
  """Returns `value` with `leaf_fn` applied to all but lists, tuples, dicts."""
  if type(value) in (list, tuple):
    return type(value)(map_value(item, leaf_fn) for item in value)
  if type(value) is dict:
    return {
      map_value(key, leaf_fn): map_value(item, leaf_fn)
      for key, item in value.items()
    }
  return leaf_fn(value)


def iterate_leaves(value: Any) -> Iterator[Any]:
  """Yields everything in `value` that is not a list, tuple or dict."""
  if type(value) in (list, tuple):
    for item in value:
      yield from iterate_leaves(item)
  elif type(value) is dict:
    for key, item in value.items():
      yield from iterate_leaves(key)
      yield from iterate_leaves(item)
  else:
    yield value


def is_literal(value: Any) -> bool:
  """Whether a Gin file can spell `value`."""
  return all(_is_literal_leaf(leaf) for leaf in iterate_leaves(value))


def _is_literal_leaf(leaf: Any) -> bool:
  if type(leaf) is float:
    return not math.isnan(leaf)
  return leaf is None or type(leaf) in (
    bool,
    int,
    str,
    bytes,
    Reference,
    Macro,
    Constant,
  )


def format_value(value: Any, selector_fn: Callable[[str], str]) -> str:
  """Returns the text that Gin reads as `value`, on one line.

  Args:
    value: A value for which `is_literal` holds.
    selector_fn: Complete selector → the selector to write in a reference.
  """
  if type(value) is dict:
    items = ", ".join(
      f"{format_value(key, selector_fn)}: {format_value(item, selector_fn)}"
      for key, item in value.items()
    )
    return f"{{{items}}}"
  if type(value) in (list, tuple):
    items = ", ".join(format_value(item, selector_fn) for item in value)
    if type(value) is list:
      return f"[{items}]"
    return f"({items},)" if len(value) == 1 else f"({items})"
  return _format_leaf(value, selector_fn)


def _format_leaf(leaf: Any, selector_fn: Callable[[str], str]) -> str:
  if isinstance(leaf, (Macro, Constant)):
    return f"%{leaf.name}"
  if isinstance(leaf, Reference):
    path = "/".join([*leaf.scopes, selector_fn(leaf.selector)])
    return f"@{path}()" if leaf.evaluate else f"@{path}"
  if isinstance(leaf, float) and math.isinf(leaf):
    # repr says inf, which is a name and not a literal.
    return "1e999" if leaf > 0 else "-1e999"
  if isinstance(leaf, str) and '"' not in leaf:
    # With a single quote inside, repr puts double quotes around.
    return '"' + repr("'" + leaf)[2:]
  return repr(leaf)
