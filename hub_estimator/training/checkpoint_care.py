"""Checkpoints that a crash, a full disk or a bad copy left behind.

A run goes on from its newest whole checkpoint: what is damaged is set aside
before TensorFlow looks.
"""

from __future__ import annotations

import os
from typing import Callable, NamedTuple, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.file_formats import checkpoint_index, damage
from hub_estimator.hub import variable_files
from hub_estimator.training import checkpoint_files

DAMAGED_FOLDER = "damaged"


class _Examined(NamedTuple):
  """The newest whole checkpoint, and the damaged ones after it."""

  whole: Optional[str]
  damaged: dict[str, str]  # Prefix -> what is wrong, the newest first.


def find_damage(prefix: str) -> Optional[str]:
  """Returns what is wrong with a checkpoint; None if it is whole.

  All of it is read: the index with its checksums, and every value with its own.
  Memory holds the largest of them. That takes about 0.2 s a GB, and as long as
  the disk needs.

  Args:
    prefix: the checkpoint's prefix.

  Raises:
    UserOSError: a file cannot be read for a reason that lies outside of it,
      such as its mode.
  """
  name = os.path.basename(prefix)
  if not os.path.exists(f"{prefix}.index"):
    return f"there is no file {name}.index"
  try:
    index = checkpoint_index.CheckpointIndex(prefix)
    for path, end in index.shard_ends(index.entries).items():
      if not os.path.exists(path):
        return f"there is no file {os.path.basename(path)}"
      length = os.path.getsize(path)
      if length < end:
        return f"{os.path.basename(path)} has {length} bytes instead of {end}"
      # What keeps a file closed is no damage; TensorFlow's errors look alike.
      with open(path, "rb") as file:
        file.read(1)
    reader = variable_files.open_checkpoint(prefix)
    for tensor in sorted(index.entries):
      where = f"{os.path.basename(index.shard_path(tensor))} (tensor {tensor})"
      with damage.reading(where):
        reader.get_tensor(tensor)
  except damage.DamagedFileError as error:
    return str(error).rstrip(".")
  except OSError as error:
    raise errors.UserOSError(
      f"Cannot read checkpoint {prefix}: {error}. Make its files readable for "
      "this user."
    ) from error
  return None


def newest_whole(
  model_dir: str, write: Optional[Callable[[str], None]] = None
) -> Optional[str]:
  """Returns the prefix of a run's newest whole checkpoint; None without one.

  Nothing is changed: for commands that only read a run.

  Args:
    model_dir: the run's folder.
    write: takes a line for each damaged checkpoint that is newer.
  """
  examined = _examine(model_dir)
  if write is not None:
    for prefix, problem in examined.damaged.items():
      write(f"warning: checkpoint {prefix} is not used: {problem}.")
  return examined.whole


def set_aside_damaged(
  model_dir: str, write: Callable[[str], None]
) -> Optional[str]:
  """Makes a run's newest whole checkpoint the one that TensorFlow goes on from.

  Newer ones that are damaged are moved to `<model_dir>/damaged`. The file
  `checkpoint` is written anew if it is missing, unreadable, or does not name
  the newest whole checkpoint; one that names an older checkpoint of those that
  it lists was edited to go back there, and is followed. Temporary files of
  writers that were killed are deleted.

  Args:
    model_dir: the run's folder, whose lock this process holds.
    write: takes a line of text for each thing that was changed.

  Returns:
    the prefix of the newest whole checkpoint; None if there is none, and
    training begins at its first step.

  Raises:
    UserOSError: no checkpoint is whole, and there are exports, which training
      from the start would follow with worse ones. Nothing was changed.
  """
  if not os.path.isdir(model_dir):
    return None
  examined = _examine(model_dir)
  if examined.damaged and examined.whole is None:
    _check_no_exports(model_dir, examined.damaged)
  next_step = (
    f"The run goes on from {os.path.basename(examined.whole)}"
    if examined.whole
    else "There is no other: training begins again at its first step"
  )
  for prefix, problem in examined.damaged.items():
    checkpoint_files.move(prefix, os.path.join(model_dir, DAMAGED_FOLDER))
    write(
      f"warning: checkpoint {os.path.basename(prefix)} is damaged, and was "
      f"moved to {os.path.join(model_dir, DAMAGED_FOLDER)}: {problem}. "
      f"{next_step}."
    )
  checkpoint_files.use(model_dir, examined.whole, write)
  checkpoint_files.remove_leftovers(model_dir)
  return examined.whole


def set_aside_not_finite(model_dir: str, write: Callable[[str], None]) -> None:
  """Moves checkpoints that were written when values were NaN or infinite.

  A step moves the variables before the next one sees the loss. Nothing is moved
  unless a checkpoint before them has finite values only: some module may hold
  an infinity on purpose.

  Args:
    model_dir: the run's folder, whose lock this process holds.
    write: takes a line of text for each that was moved.
  """
  found = {}
  for prefix in checkpoint_files.candidates(model_dir):
    if find_damage(prefix) is not None:
      continue
    name = _not_finite_variable(prefix)
    if name is None:
      break
    found[prefix] = name
  else:
    return
  if not found:
    return
  folder = os.path.join(model_dir, DAMAGED_FOLDER)
  for not_finite, name in found.items():
    checkpoint_files.move(not_finite, folder)
    write(
      f"warning: checkpoint {os.path.basename(not_finite)} was moved to "
      f"{folder}: variable {name} is NaN or infinite there."
    )
  checkpoint_files.use(model_dir, prefix, lambda line: None)


def _not_finite_variable(prefix: str) -> Optional[str]:
  """Returns the name of a variable whose values are not all finite."""
  reader = variable_files.open_checkpoint(prefix)
  for name, dtype in sorted(reader.get_variable_to_dtype_map().items()):
    if dtype.is_floating:
      value = reader.get_tensor(name)
      # NumPy knows bfloat16 and the like by their bytes only.
      if value.dtype.kind != "f":
        value = value.astype(np.float32)
      if not np.isfinite(value).all():
        return name
  return None


def _examine(model_dir: str) -> _Examined:
  """Looks at checkpoints from the newest on, until one is whole."""
  damaged = {}
  for prefix in checkpoint_files.candidates(model_dir):
    problem = find_damage(prefix)
    if problem is None:
      return _Examined(prefix, damaged)
    damaged[prefix] = problem
  return _Examined(None, damaged)


def _check_no_exports(model_dir: str, damaged: dict[str, str]) -> None:
  folder = os.path.join(model_dir, "export")
  if not any(files for _, _, files in os.walk(folder)):
    return
  problems = "; ".join(
    f"{os.path.basename(prefix)}: {problem}"
    for prefix, problem in damaged.items()
  )
  raise errors.UserOSError(
    f"No checkpoint in --model_dir={model_dir} is whole ({problems}), and "
    f"there are exports in {folder}, which training from its first step would "
    "follow with worse ones. Put back a copy of a checkpoint, or give another "
    "--model_dir, or --overwrite to delete the run and start again."
  )
