"""The files of checkpoints in a run's folder, and the list of them.

TensorFlow notes in the file `checkpoint` which checkpoints there are, and goes
on from the one that it names. A process that was killed leaves it behind what
is there, and a copy of a folder may lack it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from typing import Callable, Optional

from hub_estimator.hub import folders
from hub_estimator.tf_compat import tf

STATE_FILE = "checkpoint"

_INDEX = re.compile(r"(model\.ckpt-(\d+))\.index")
_PART = re.compile(r"(model\.ckpt-\d+)\.(index|meta|data-\d{5}-of-\d{5})")
# What writers leave that were killed: TensorFlow's, and this package's.
_TEMPORARY = re.compile(
  r"model\.ckpt-\d+_temp(_[0-9a-f]+)?"
  r"|model\.ckpt-\d+\.[\w.-]+\.tempstate\d+"
  r"|model\.ckpt-\d+\.meta\.tmp[0-9a-f]{32}"
  r"|(checkpoint|graph\.pbtxt)\.tmp[0-9a-f]{32}"
  r"|[a-z_]+\.(gin|json)\.temp-[0-9a-f]{12}"
  r"|removed-[0-9a-f]{12}"
)


def candidates(model_dir: str) -> Iterator[str]:
  """Yields prefixes of checkpoints to go on from, the newest first."""
  steps = _steps(model_dir)
  listed = _listed(model_dir)
  # One whose index is gone, but that was there.
  for prefix in listed:
    name = os.path.basename(prefix)
    if prefix not in steps and any(_parts(model_dir, name)):
      steps[prefix] = int(name.rpartition("-")[2])
  if listed and listed[0] in steps:
    # Listed after the one that is to be used: somebody went back.
    later = set(listed[1:])
    chosen = steps[listed[0]]
    steps = {
      prefix: step
      for prefix, step in steps.items()
      if step <= chosen or prefix not in later
    }
  return iter(sorted(steps, key=steps.get, reverse=True))


def _steps(model_dir: str) -> dict[str, int]:
  """Returns prefix -> step of the checkpoints that have an index."""
  return {
    os.path.join(model_dir, match[1]): int(match[2])
    for match in map(_INDEX.fullmatch, _names(model_dir))
    if match
  }


def _listed(model_dir: str) -> list[str]:
  """Returns the prefixes in the file `checkpoint`, the one to use first.

  Paths of a folder that was moved or copied are those of the files here.
  """
  try:
    state = tf.train.get_checkpoint_state(model_dir)
  except (ValueError, tf.errors.OpError):
    return []  # Empty, or no such file at all.
  if state is None:
    return []
  paths = [state.model_checkpoint_path, *state.all_model_checkpoint_paths]
  return [
    os.path.join(model_dir, name)
    for name in map(os.path.basename, dict.fromkeys(paths))
    if _INDEX.fullmatch(f"{name}.index")
  ]


def move(prefix: str, folder: str) -> None:
  """Moves the files of a checkpoint to a folder."""
  os.makedirs(folder, exist_ok=True)
  model_dir, name = os.path.split(prefix)
  # The index first: without it there is no checkpoint, whatever happens next.
  for part in sorted(_parts(model_dir, name), key=_is_no_index):
    os.replace(os.path.join(model_dir, part), os.path.join(folder, part))


def _is_no_index(part: str) -> bool:
  return not part.endswith(".index")


def _parts(model_dir: str, name: str) -> list[str]:
  """Returns the names of the files of a checkpoint."""
  return [
    part
    for part in _names(model_dir)
    if (match := _PART.fullmatch(part)) and match[1] == name
  ]


def use(
  model_dir: str, whole: Optional[str], write: Callable[[str], None]
) -> None:
  """Has the file `checkpoint` name the checkpoint to go on from.

  Args:
    model_dir: the run's folder.
    whole: the checkpoint's prefix; None if there is none.
    write: takes a line of text if the file was written.
  """
  path = os.path.join(model_dir, STATE_FILE)
  if whole is None:
    if os.path.exists(path):
      os.remove(path)
    return
  if _is_used(model_dir, whole):
    return
  steps = _steps(model_dir)
  # Others than those listed are kept for good, or those of somebody else.
  kept = {p for p in _listed(model_dir) if p in steps} or set(steps)
  names = map(os.path.basename, sorted(kept | {whole}, key=steps.get))
  lines = [f'model_checkpoint_path: "{os.path.basename(whole)}"']
  lines += [f'all_model_checkpoint_paths: "{name}"' for name in names]
  folders.write_file(path, "".join(f"{line}\n" for line in lines).encode())
  write(
    f"The file {path} did not name the newest whole checkpoint, "
    f"{os.path.basename(whole)}, and was written anew."
  )


def _is_used(model_dir: str, prefix: str) -> bool:
  """Whether TensorFlow would go on from this checkpoint."""
  try:
    found = tf.train.latest_checkpoint(model_dir)
  except (ValueError, tf.errors.OpError):
    return False
  return found is not None and os.path.abspath(found) == os.path.abspath(prefix)


def remove_leftovers(model_dir: str) -> None:
  """Deletes what writers that were killed left in a run's folder."""
  names = _names(model_dir)
  whole = {match[1] for match in map(_INDEX.fullmatch, names) if match}
  for name in names:
    part = _PART.fullmatch(name)
    path = os.path.join(model_dir, name)
    if _TEMPORARY.fullmatch(name) or (part and part[1] not in whole):
      if os.path.isdir(path):
        shutil.rmtree(path)
      else:
        os.remove(path)


def _names(folder: str) -> list[str]:
  return os.listdir(folder) if os.path.isdir(folder) else []
