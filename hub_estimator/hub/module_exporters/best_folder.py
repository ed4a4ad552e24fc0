"""The folder of the best checkpoint: its files, and what is known of it.

The order of writes is that of `BestModuleExporter`: the checkpoint's files, the
export, `best.json`, `checkpoint`, and only then are the files of the one before
deleted. `best.json` names what counts; whatever else lies there is left over.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.file_formats import files
from hub_estimator.hub import folders
from hub_estimator.tf_compat import tf

STATE_FILE = "best.json"
_CHECKPOINT_FILE = "checkpoint"
# Files of a checkpoint, and what a killed process left of writing one.
_FILES = re.compile(
  r"(?P<name>.+)\.(index|meta|data-\d{5}-of-\d{5})(\.temp-[0-9a-f]{12})?\Z"
)
_LEFT_OVER = re.compile(
  rf"({re.escape(STATE_FILE)}|{_CHECKPOINT_FILE})\.temp-[0-9a-f]{{12}}\Z"
)


class Best(NamedTuple):
  """The best evaluation so far.

  Attributes:
    metric: name of the metric that it is best by.
    mode: which values are good: "max" or "min".
    value: the metric's value.
    global_step: the checkpoint's.
    checkpoint: the checkpoint's name in the folder.
    export: name of its export (unix seconds) in the folder of exports.
    metrics: all scalar metrics of the evaluation.
  """

  metric: str
  mode: str
  value: float
  global_step: Optional[int]
  checkpoint: str
  export: str
  metrics: dict[str, Any]


class BestFolder:
  """Keeps the best checkpoint in a folder."""

  def __init__(self, path: str):
    """Takes a folder, which need not exist.

    Args:
      path: the folder.
    """
    self.path = path

  def check_apart_from(self, checkpoint_path: str) -> None:
    """Raises UserValueError if a checkpoint to evaluate is in the folder."""
    parent = os.path.dirname(checkpoint_path) or "."
    if os.path.realpath(parent) == os.path.realpath(self.path):
      raise errors.UserValueError(
        f"`BestModuleExporter.best_dir` = {self.path!r} is the folder of the "
        "checkpoints that are evaluated. Give a folder of its own: all "
        "checkpoints but the best one are deleted there."
      )

  def read(self) -> Optional[Best]:
    """Returns what `best.json` says; None without one.

    Raises:
      UserOSError: it is there and cannot be read.
    """
    path = os.path.join(self.path, STATE_FILE)
    if not tf.io.gfile.exists(path):
      return None
    try:
      content = json.loads(files.read(path))
      return Best(**{name: content[name] for name in Best._fields})
    except (OSError, ValueError, TypeError, KeyError) as error:
      raise errors.UserOSError(
        f"{path}, which says what the best evaluation was, cannot be read: "
        f"{error!r}. Remove it, and the newest export tells; to begin anew, "
        f"remove all of {self.path}."
      ) from error

  def write(self, best: Best) -> None:
    """Makes an evaluation the best, and deletes other checkpoints.

    Args:
      best: the evaluation, whose checkpoint is in the folder.
    """
    text = json.dumps(best._asdict(), indent=2, allow_nan=False)
    folders.write_file(
      os.path.join(self.path, STATE_FILE), f"{text}\n".encode()
    )
    self.tidy(best)

  def tidy(self, best: Optional[Best]) -> None:
    """Has TensorFlow find the best checkpoint, and deletes all others.

    Args:
      best: what `best.json` says.
    """
    if not tf.io.gfile.isdir(self.path):
      return
    path = os.path.join(self.path, _CHECKPOINT_FILE)
    if best is not None:
      content = f'model_checkpoint_path: "{best.checkpoint}"\n'.encode()
      if not files.exists(path) or files.read(path) != content:
        folders.write_file(path, content)
    for name in files.names(self.path):
      match = _FILES.match(name)
      is_other = match and (
        best is None or match["name"] != best.checkpoint or match[3]
      )
      if is_other or _LEFT_OVER.match(name):
        tf.io.gfile.remove(os.path.join(self.path, name))

  def has_checkpoint(self, name: str) -> bool:
    """Whether the folder holds the files of a checkpoint."""
    return tf.io.gfile.exists(self.prefix(name) + ".index")

  def prefix(self, name: str) -> str:
    """Returns the prefix of a checkpoint in the folder."""
    return os.path.join(self.path, name)

  def add_checkpoint(self, source_prefix: str) -> None:
    """Puts a checkpoint into the folder, beside what is there.

    Data files are links where the file system has them: a Saver writes a new
    file and renames it, and deletes names. It writes the index in place, so
    that is a copy. The index comes last: without it there is no checkpoint.

    Args:
      source_prefix: the checkpoint's prefix.
    """
    parent, name = os.path.split(source_prefix)
    tf.io.gfile.makedirs(self.path)
    for entry in sorted(files.names(parent or "."), key=_index_last):
      match = _FILES.match(entry)
      if match and match["name"] == name and not match[3]:
        _place(
          os.path.join(parent, entry),
          os.path.join(self.path, entry),
          as_link=match[2].startswith("data"),
        )


def _index_last(entry: str) -> tuple[bool, str]:
  return entry.endswith(".index"), entry


def _place(source: str, target: str, as_link: bool) -> None:
  """Links or copies a file beside its place, and renames it."""
  temporary = f"{target}.temp-{os.urandom(6).hex()}"
  if not (as_link and _link(source, temporary)):
    tf.io.gfile.copy(source, temporary)
  tf.io.gfile.rename(temporary, target, overwrite=True)
  # A rename does nothing between two links to one file.
  if tf.io.gfile.exists(temporary):
    tf.io.gfile.remove(temporary)


def _link(source: str, target: str) -> bool:
  """Makes a hard link; returns False where there are none."""
  if not (files.is_local(source) and files.is_local(target)):
    return False
  try:
    os.link(files.local_path(source), files.local_path(target))
  except OSError:
    return False
  return True


def is_better(sign: int, value: float, best: Optional[float]) -> bool:
  """Whether a value is better than the best one so far.

  Args:
    sign: 1 if high values are good, -1 if low ones are.
    value: the value.
    best: the best one; None if there is none.
  """
  return best is None or sign * (value - best) > 0


def from_metadata(
  metadata: Mapping[str, Any], export: str, metric: str, mode: str
) -> Optional[Best]:
  """Returns the evaluation that an export is of; None if it is not told.

  Args:
    metadata: its `export.json`.
    export: its name.
    metric: the metric's name.
    mode: which values are good: "max" or "min".
  """
  value = (metadata.get("metrics") or {}).get(metric)
  checkpoint = metadata.get("checkpoint")
  if not isinstance(value, (int, float)) or not isinstance(checkpoint, str):
    return None
  return Best(
    metric,
    mode,
    value,
    metadata.get("global_step"),
    checkpoint,
    export,
    metadata["metrics"],
  )
