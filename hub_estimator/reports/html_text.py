"""Pieces of HTML; whatever comes from a run is escaped here."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any


class Html(str):
  """Text that is HTML already; all other text is escaped."""

  __slots__ = ()


def escape(value: Any) -> Html:
  """Returns text as HTML, without characters that HTML does not have."""
  if isinstance(value, Html):
    return value
  text = "".join(
    c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}"
    for c in str(value)
  )
  return Html(html.escape(text, quote=True))


def element(name: str, *content: Any, **attributes: Any) -> Html:
  """Returns an element.

  Args:
    name: of the element.
    *content: text, escaped, or `Html`.
    **attributes: by name; `_` stands for `-`, one at the end is left out
      (`class_`). None leaves an attribute out, True gives it no value.
  """
  written = "".join(
    f" {_attribute_name(key)}"
    if value is True
    else f' {_attribute_name(key)}="{escape(value)}"'
    for key, value in attributes.items()
    if value is not None
  )
  return Html(f"<{name}{written}>{join(content)}</{name}>")


def _attribute_name(key: str) -> str:
  return key.rstrip("_").replace("_", "-")


def join(parts, separator: str = "") -> Html:
  """Returns pieces one after the other."""
  return Html(separator.join(escape(part) for part in parts))


def format_number(value: Any) -> str:
  """Returns a number as a reader wants it; "–" for None."""
  if value is None:
    return "–"
  if isinstance(value, bool) or not isinstance(value, (int, float)):
    return str(value)
  if not math.isfinite(value):
    return str(value)
  if isinstance(value, int):
    return f"{value:,}"
  if value == 0 or 1e-3 <= abs(value) < 1e4:
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
  return f"{value:.3g}"


def table(
  headers: Sequence[Any],
  rows: Sequence[Sequence[Any]],
  label: str,
  tall: bool = False,
) -> Html:
  """Returns a table that scrolls within itself, also by keyboard.

  Args:
    headers: of the columns.
    rows: cells; the first is the row's header. Numbers stand on the right.
    label: what the table is, for who does not see it.
    tall: whether it may have many rows, and scrolls downwards.
  """
  head = element(
    "tr",
    *(
      element("th", h, scope="col", class_=_align(rows, i))
      for i, h in enumerate(headers)
    ),
  )
  body = (
    element(
      "tr",
      element("th", _cell(row[0]), scope="row"),
      *(
        element("td", _cell(cell), class_=_align(rows, i + 1))
        for i, cell in enumerate(row[1:])
      ),
    )
    for row in rows
  )
  content = element("table", element("thead", head), element("tbody", *body))
  return scrolling(content, label, "tall" if tall else None)


def scrolling(content: Any, label: str, kind: Any = None) -> Html:
  """Returns a part of the page that scrolls within itself."""
  return element(
    "div",
    content,
    class_=f"scroll {kind}" if kind else "scroll",
    tabindex="0",
    role="region",
    aria_label=label,
  )


def _cell(cell: Any) -> Any:
  if cell is None or isinstance(cell, (int, float)):
    return format_number(cell)
  return cell


def _align(rows, column: int) -> Any:
  if column and all(
    row[column] is None or isinstance(row[column], (int, float)) for row in rows
  ):
    return "n"
  return None
