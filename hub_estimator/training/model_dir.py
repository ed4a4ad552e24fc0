"""A run's folder: whose it is, and whether this command may go on in it."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import uuid
from typing import Optional

from hub_estimator import errors
from hub_estimator.file_formats import damage
from hub_estimator.hub import variable_files
from hub_estimator.tf_compat import tf
from hub_estimator.training import checkpoint_files

CONFIG_FILE = "config.gin"

# What a run is for.
_GIVEN = ("export/tf_hub", "results.json")
# All that it leaves in its folder.
_WRITTEN = (
  "best/best.json",
  "best/checkpoint",
  "best/model.ckpt-*",
  "checkpoint",
  CONFIG_FILE,
  "damaged",
  "evaluations.json",
  "eval/events.out.tfevents.*",
  "eval_*/events.out.tfevents.*",
  "events.out.tfevents.*",
  "export/best",
  "export/tf_hub",
  "graph.pbtxt",
  "input.json",
  "model.ckpt-*",
  "removed-????????????",
  "report.html",
  "results.json",
  "selected_features.json",
  "vocabularies/*.txt",
)


def config_path(model_dir: str) -> str:
  """Returns the path of the config that a run's folder keeps."""
  return os.path.join(model_dir, CONFIG_FILE)


def check_path(model_dir: str) -> str:
  """Returns the path of a run's folder, "~" replaced, without a slash behind.

  Raises:
    UserOSError: it cannot be a folder on this machine.
  """
  if "://" in model_dir:
    raise errors.UserOSError(
      f"--model_dir={model_dir} is a URL: a run's folder is on this machine."
    )
  path = os.path.expanduser(model_dir)
  path = path.rstrip(os.sep) or path
  check_no_file(path, f"--model_dir={model_dir}", "a run")
  return path


def check_no_file(path: str, given: str, what: str) -> None:
  """Raises UserOSError if there is a file where a folder is to be.

  Args:
    path: the folder's.
    given: what the user gave for it, for the message.
    what: what needs a folder, for the message.
  """
  if os.path.exists(path) and not os.path.isdir(path):
    raise errors.UserOSError(
      f"{given} is a file, and {what} needs a folder: give another path."
    )


def holds_run(model_dir: str) -> bool:
  """Whether a folder holds what a run gave, or a checkpoint of something else.

  A config alone does not count: that run died before its first checkpoint.
  """
  return os.path.isdir(model_dir) and (
    newest_checkpoint(model_dir) is not None
    # Also those that the file `checkpoint` does not list.
    or any(checkpoint_files.candidates(model_dir))
    or any(os.path.exists(os.path.join(model_dir, name)) for name in _GIVEN)
  )


def newest_checkpoint(model_dir: str) -> Optional[str]:
  """Returns the prefix of the checkpoint that TensorFlow goes on from.

  None if there is none, or if the file `checkpoint` cannot be read; see
  `checkpoint_care.set_aside_damaged`.
  """
  try:
    return tf.train.latest_checkpoint(model_dir)
  except (ValueError, tf.errors.OpError):
    return None


def newest_step(model_dir: str) -> int:
  """Returns the global step of a run's newest checkpoint, 0 without one.

  Raises:
    OSError (which is a ValueError): it is damaged.
  """
  checkpoint = newest_checkpoint(model_dir)
  if checkpoint is None:
    return 0
  reader = variable_files.open_checkpoint(checkpoint)
  with damage.reading(f"Cannot read checkpoint {checkpoint}: it"):
    return int(reader.get_tensor(tf.compat.v1.GraphKeys.GLOBAL_STEP))


def check_same_run(model_dir: str, differences: Optional[list[str]]) -> None:
  """Raises UserValueError if a folder holds another run.

  Args:
    model_dir: the run's folder, which `holds_run`.
    differences: how its config differs from that of this command; None if it
      has none.
  """
  way_out = (
    "Give another --model_dir, or --resume to go on from its newest checkpoint "
    "with this config, or --overwrite to delete it and start again."
  )
  if differences is None:
    raise errors.UserValueError(
      f"--model_dir={model_dir} holds checkpoints or exports and no "
      f"{CONFIG_FILE}: this command did not write them. {way_out}"
    )
  if differences:
    shown = "; ".join(differences[:5])
    if len(differences) > 5:
      shown += f"; and {len(differences) - 5} more"
    raise errors.UserValueError(
      f"--model_dir={model_dir} holds a run with another config: {shown}. "
      f"{way_out}"
    )


def remove_run(model_dir: str) -> None:
  """Deletes what runs write, and leaves other files of the folder alone."""
  found = sorted(
    path
    for pattern in _WRITTEN
    for path in glob.glob(os.path.join(glob.escape(model_dir), pattern))
  )
  # Out of the way at once, deleted after that: what is left of a run whose
  # deletion is interrupted is no run.
  aside = os.path.join(model_dir, f"removed-{uuid.uuid4().hex[:12]}")
  os.mkdir(aside)
  for number, path in enumerate(found):
    os.rename(path, os.path.join(aside, str(number)))
  shutil.rmtree(aside)
  folders = [
    os.path.join(model_dir, name)
    for name in ("best", "eval", "export", "vocabularies")
  ]
  for folder in (
    *folders,
    *glob.glob(os.path.join(glob.escape(model_dir), "eval_*")),
  ):
    with contextlib.suppress(OSError):  # It holds something else, too.
      os.rmdir(folder)


def write_config(model_dir: str, text: str) -> None:
  """Writes `config.gin` into a run's folder, whole or not at all.

  Raises:
    UserOSError: the folder cannot be made, nothing can be written in it, or
      it has a `config.gin` that no run wrote.
  """
  path = config_path(model_dir)
  if _is_foreign(path, text):
    raise errors.UserOSError(
      f"{path} was not written by a run, and a run in --model_dir={model_dir} "
      "would replace it: give another --model_dir, or move that file."
    )
  temporary = f"{path}.temp-{uuid.uuid4().hex[:12]}"
  try:
    os.makedirs(model_dir, exist_ok=True)
    with open(temporary, "w", encoding="utf-8") as file:
      file.write(text)
    os.replace(temporary, path)
  except OSError as error:
    way_out = "Give another path"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
      way_out = "Make room on its disk, or give another path"
    raise errors.UserOSError(
      f"Cannot write to --model_dir={model_dir}: {error}. {way_out}."
    ) from error


def read_config(model_dir: str) -> str:
  """Returns the text of a run's `config.gin`; "" without one."""
  path = config_path(model_dir)
  if not os.path.exists(path):
    return ""
  with open(path, encoding="utf-8") as file:
    return file.read()


def _is_foreign(path: str, text: str) -> bool:
  """Whether a config is there that does not begin as those of runs do."""
  if not os.path.exists(path):
    return False
  with open(path, encoding="utf-8", errors="replace") as file:
    return file.readline().rstrip("\n") != text.partition("\n")[0]


def check_checkpoint_fits(model_dir: str, graph: tf.Graph) -> None:
  """Raises UserValueError if a run's checkpoint is of another model.

  Args:
    model_dir: the run's folder.
    graph: the TRAIN graph that would be restored from its newest checkpoint.
  """
  checkpoint = newest_checkpoint(model_dir)
  if checkpoint is None:
    return
  shapes = variable_files.read_variable_shapes(checkpoint)
  problems = []
  for variable in graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES):
    name = variable.op.name
    if variable._get_save_slice_info() is not None:
      continue
    if name not in shapes:
      problems.append(f"{name} is not in it")
    elif not variable.shape.is_compatible_with(shapes[name].shape):
      problems.append(
        f"{name} has shape {list(shapes[name].shape)} there and "
        f"{variable.shape.as_list()} here"
      )
  if problems:
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    raise errors.UserValueError(
      f"Checkpoint {checkpoint} is of another model: "
      f"{'; '.join(problems[:3])}{more}. A different number of classes, module "
      "or optimizer cannot go on from it: give another --model_dir, or "
      "--overwrite to start again."
    )
