"""Short names of module handles, for tables and pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Parts of paths that say how a module was written or what it gives, not which
# one it is: the folders of exports, their times, kinds of signatures.
_COMMON_WORDS = re.compile(
  r"export|tf_hub|best|module|saved_model|\d{10}"
  r"|feature_vector|feature-vector|classification|embedding"
)
_VERSION = re.compile(r"v?\d{1,4}")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


class _Handle(NamedTuple):
  """A handle in parts.

  Attributes:
    parts: of its path, the host of a URL first.
    version: of a URL; "" without one.
    is_url: whether it is one.
  """

  parts: tuple[str, ...]
  version: str
  is_url: bool

  def telling(self, extra: Sequence[str] = ()) -> list[int]:
    """Returns where the parts are that tell which module it is.

    Args:
      extra: further parts that do here.
    """
    return [
      index
      for index, part in enumerate(self.parts)
      if part in extra or not _COMMON_WORDS.fullmatch(part)
    ] or list(range(len(self.parts)))

  def name(self, num_telling: int, extra: Sequence[str] = ()) -> str:
    """Returns the last parts that tell, and the version.

    Args:
      num_telling: how many, without the extra ones.
      extra: see `telling`.
    """
    start = self.telling()[-num_telling:][0]
    shown = [self.parts[i] for i in self.telling(extra) if i >= start]
    return "/".join([*shown, *filter(None, [self.version])])


def shorten_handles(handles: Iterable[str]) -> dict[str, str]:
  """Returns handle -> a short name of it; different handles have other names.

  A name is the end of a path or URL, without the folders of exports, and no
  longer than it takes to tell the handles apart. What all paths end with is
  left out. Versions of URLs stay.

  `runs/a/export/tf_hub` and `runs/b/export/tf_hub` become `a` and `b`;
  `https://tfhub.dev/google/nnlm-en-dim50/2` becomes `nnlm-en-dim50/2`.

  Args:
    handles: paths, URLs or Gin references, which stay as they are.
  """
  handles = list(dict.fromkeys(handles))
  parsed = {handle: _parse(handle) for handle in handles}
  parsed = _without_common_end(parsed)
  num_telling = dict.fromkeys(handles, 1)
  names = {handle: parsed[handle].name(1) for handle in handles}
  while True:
    longer = [
      handle
      for group in _equal_names(names)
      for handle in group
      if num_telling[handle] < len(parsed[handle].telling())
      and _differ_in_telling(parsed[other] for other in group)
    ]
    if not longer:
      break
    for handle in longer:
      num_telling[handle] += 1
      names[handle] = parsed[handle].name(num_telling[handle])
  for group in _equal_names(names):
    common = set.intersection(*(set(parsed[handle].parts) for handle in group))
    for handle in group:
      extra = [part for part in parsed[handle].parts if part not in common]
      names[handle] = parsed[handle].name(num_telling[handle], extra)
  for group in _equal_names(names):
    for handle in group:
      names[handle] = handle
  # A whole handle may be another one's name.
  return names if not _equal_names(names) else {h: h for h in handles}


def _parse(handle: str) -> _Handle:
  if handle.startswith(("@", "%")):
    return _Handle((handle,), "", False)
  match = _SCHEME.match(handle)
  path = handle
  if match:
    path = re.split(r"[?#]", handle[match.end() :])[0]
  parts = [part for part in path.split("/") if part not in ("", ".")]
  version = ""
  if match and len(parts) > 2 and _VERSION.fullmatch(parts[-1]):
    version = parts.pop()
  return _Handle(tuple(parts) or (handle,), version, bool(match))


def _telling_parts(handle: _Handle) -> tuple[str, ...]:
  return tuple(handle.parts[index] for index in handle.telling())


def _differ_in_telling(handles: Iterable[_Handle]) -> bool:
  return len(set(map(_telling_parts, handles))) > 1


def _equal_names(names: dict[str, str]) -> list[list[str]]:
  """Returns the groups of handles that have one name."""
  counts = Counter(names.values())
  groups: dict[str, list[str]] = {}
  for handle, name in names.items():
    if counts[name] > 1:
      groups.setdefault(name, []).append(handle)
  return list(groups.values())


def _without_common_end(parsed: dict[str, _Handle]) -> dict[str, _Handle]:
  """Leaves out the parts with which all of several handles end."""
  telling = {h: _telling_parts(value) for h, value in parsed.items()}
  # The same end of a path and of a URL is the name of a module.
  if len(parsed) < 2 or len({value.is_url for value in parsed.values()}) > 1:
    return parsed
  length = 0
  while all(len(parts) > length + 1 for parts in telling.values()) and (
    len({parts[-1 - length] for parts in telling.values()}) == 1
  ):
    length += 1
  short = {h: parts[: len(parts) - length] for h, parts in telling.items()}
  # Otherwise versions or the folders of exports tell them apart.
  if not length or len(set(short.values())) < len(parsed):
    return parsed
  return {
    handle: value._replace(parts=short[handle])
    for handle, value in parsed.items()
  }
