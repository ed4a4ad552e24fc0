"""Paths of the machine that writes a module, which its graph must not have.

Assets and checkpoints are taken out elsewhere (`assets`, `exporting`). What is
left are names of resources, which are rewritten here, and strings that the
graph computes with, which are found here.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hub_estimator.handles import settings
from hub_estimator.tf_compat import graph_symbols, tf


class FoundPath(NamedTuple):
  """A string of a graph that holds a path of the machine.

  Attributes:
    place: node, its op, and the attribute.
    text: the string.
    folder: what the path leads to, "the folder … (…)".
  """

  place: str
  text: bytes
  folder: str


def common_folders() -> dict[str, str]:
  """Returns the folders that every export looks for: path -> what it is."""
  folders = {
    os.path.expanduser("~"): "home",
    tempfile.gettempdir(): "temporary files",
  }
  cache = settings.cache_dir()
  if cache:
    folders[cache] = "cache of modules"
  return with_real_paths(folders)


def with_real_paths(folders: Mapping[str, str]) -> dict[str, str]:
  """Returns folders as absolute paths, with and without links followed.

  The root is left out, and paths of other file systems are as they are.
  """
  found = {}
  for folder, what in folders.items():
    if "://" in folder:
      found[folder.rstrip("/")] = what
      continue
    for path in (os.path.abspath(folder), os.path.realpath(folder)):
      if path.strip("/"):
        found[path] = what
  return found


def rename_shared(meta_graphs: Iterable, folders: Mapping[str, str]) -> None:
  """Takes paths out of the names that resources are shared by, in place.

  A table that is initialized from a file has the file's path in its name. Such
  a name says only which nodes mean the same resource, so another will do that
  is as distinct.

  Args:
    meta_graphs: the graphs.
    folders: path -> what it is.
  """
  pattern = _pattern(folders)
  for meta_graph in meta_graphs:
    attributes = [
      node.attr["shared_name"]
      for _, node in _nodes(meta_graph)
      if "shared_name" in node.attr
    ]
    taken = {attribute.s for attribute in attributes}
    renamed: dict[bytes, bytes] = {}
    for attribute in attributes:
      old = attribute.s
      match = pattern.search(old)
      if match is None:
        continue
      if old not in renamed:
        new = old[: match.start()] + old[old.rindex(b"/") + 1 :]
        while new in taken:
          new += b"_"
        taken.add(new)
        renamed[old] = new
      attribute.s = renamed[old]


def mentions(content: bytes, folders: Iterable[str]) -> bool:
  """Whether a serialized graph may hold a path; quick, for most do not."""
  return any(_encoded(folder) in content for folder in folders)


def find_paths(module_path: str, folders: Mapping[str, str]) -> list[FoundPath]:
  """Returns the strings of a module's graphs that hold a path.

  Args:
    module_path: the module's folder.
    folders: path -> what it is.
  """
  content = read_graphs(module_path)
  if not mentions(content, folders):
    return []
  saved_model = graph_symbols.SavedModel.FromString(content)
  pattern = _pattern(folders)
  found = []
  for meta_graph in saved_model.meta_graphs:
    for where, node in _nodes(meta_graph):
      for name, text in _strings(node):
        match = pattern.search(text)
        if match:
          folder = match[0].rstrip(b"/").decode(errors="replace")
          found.append(
            FoundPath(
              f"{where} ({node.op}), attribute {name!r}",
              text,
              f"{folder} ({folders[folder]})" if folder in folders else folder,
            )
          )
  return found


def read_graphs(module_path: str) -> bytes:
  """Returns the content of the file of a module's graphs."""
  path = os.path.join(module_path, "saved_model.pb")
  with tf.io.gfile.GFile(path, "rb") as file:
    return file.read()


def _encoded(folder: str) -> bytes:
  return folder.encode("utf-8", "surrogateescape")


def _pattern(folders: Iterable[str]) -> re.Pattern[bytes]:
  # The longest first: it tells the most. What goes on from a name, as in the
  # scope "my/tmp/table", is no path.
  paths = sorted(map(_encoded, folders), key=len, reverse=True)
  return re.compile(
    rb"(?<![A-Za-z0-9.\-])(?:"
    + b"|".join(map(re.escape, paths))
    + rb")(?:/|\Z)"
  )


def _nodes(meta_graph) -> Iterator[tuple]:
  for node in meta_graph.graph_def.node:
    yield f"node {node.name}", node
  for function in meta_graph.graph_def.library.function:
    for node in function.node_def:
      yield f"node {node.name} of function {function.signature.name}", node


def _strings(node) -> Iterator[tuple[str, bytes]]:
  for name, attribute in node.attr.items():
    if name == "_class":  # Names of nodes.
      continue
    kind = attribute.WhichOneof("value")
    if kind == "s":
      yield name, attribute.s
    elif kind == "list":
      for text in attribute.list.s:
        yield name, text
    elif kind == "tensor":
      for text in attribute.tensor.string_val:
        yield name, text
