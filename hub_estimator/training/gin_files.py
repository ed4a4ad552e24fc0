"""Where Gin files are looked for, and how their places are written."""

from __future__ import annotations

import os
import pathlib
from typing import Optional

from hub_estimator.training import gin_problems

# The configurations that come with the package's source.
SHIPPED_CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"


def display_path(path: os.PathLike) -> str:
  """Returns `path` relative to the working directory when it lies inside."""
  relative = os.path.relpath(path)
  return str(path) if relative.startswith("..") else relative


def find_gin_file(
  name: str, including_file: Optional[str] = None
) -> Optional[str]:
  """Returns the path of the Gin file called `name`, or None.

  Looked for in the folder of the file that includes it (so that a folder of
  configurations means the same from everywhere), in the working directory,
  and in the `configs` folder that comes with the package, with or without
  `configs/` in front.

  Args:
    name: A path as the user or an `include` wrote it.
    including_file: Path of the file with the `include`; None for a file of
      the command line.
  """
  for candidate in _candidates(name, including_file):
    if candidate.is_file():
      return display_path(candidate)
  return None


def _candidates(name: str, including_file: Optional[str]) -> list[pathlib.Path]:
  path = pathlib.Path(name).expanduser()
  if path.is_absolute():
    return [path]
  folders = [pathlib.Path.cwd(), SHIPPED_CONFIGS]
  if including_file is not None:
    folders.insert(0, pathlib.Path(including_file).resolve().parent)
  candidates = [folder / path for folder in folders]
  if path.parts[:1] == ("configs",):
    candidates.append(SHIPPED_CONFIGS.joinpath(*path.parts[1:]))
  return candidates


def missing_file_problem(name: str, including_file: Optional[str]) -> str:
  """Returns the sentence for a file that `find_gin_file` did not find."""
  neighbours = set()
  for candidate in _candidates(name, including_file):
    for folder in (candidate, candidate.parent):
      neighbours.update(
        display_path(path) for path in _gin_files(folder, "*.gin")
      )
  neighbours.update(
    f"configs/{path.relative_to(SHIPPED_CONFIGS).as_posix()}"
    for path in _gin_files(SHIPPED_CONFIGS, "**/*.gin")
  )
  match = gin_problems.nearest(name, neighbours)
  hint = f"; did you mean {match}?" if match else ""
  searched = "" if os.path.isabs(name) else f" ({_searched(including_file)})"
  return f"there is no Gin file {name}{searched}{hint}"


def _gin_files(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
  return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _searched(including_file: Optional[str]) -> str:
  places = ["the working directory", "the shipped configs folder"]
  if including_file is not None:
    places.insert(0, f"the folder of {including_file}")
  return f"looked in {', '.join(places)}"
