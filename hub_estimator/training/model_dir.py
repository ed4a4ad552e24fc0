"""A run's folder: whose it is, and whether this command may go on in it."""

from __future__ import annotations

import os
import shutil
import uuid
from typing import Optional

from hub_estimator import errors
from hub_estimator.hub import variable_files
from hub_estimator.tf_compat import tf

CONFIG_FILE = "config.gin"


def config_path(model_dir: str) -> str:
  """Returns the path of the config that a run's folder keeps."""
  return os.path.join(model_dir, CONFIG_FILE)


def holds_run(model_dir: str) -> bool:
  """Whether a folder holds a run, or a checkpoint of something else."""
  return os.path.isdir(model_dir) and (
    os.path.exists(config_path(model_dir))
    or tf.train.latest_checkpoint(model_dir) is not None
  )


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
      f"--model_dir={model_dir} holds checkpoints and no {CONFIG_FILE}: they "
      f"were not written by this command. {way_out}"
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
  """Deletes a run's folder; it is out of the way at once."""
  aside = f"{model_dir.rstrip('/')}.removed-{uuid.uuid4().hex[:12]}"
  os.rename(model_dir, aside)
  shutil.rmtree(aside)


def write_config(model_dir: str, text: str) -> None:
  """Writes `config.gin` into a run's folder, whole or not at all."""
  os.makedirs(model_dir, exist_ok=True)
  path = config_path(model_dir)
  temporary = f"{path}.temp-{uuid.uuid4().hex[:12]}"
  with open(temporary, "w", encoding="utf-8") as file:
    file.write(text)
  os.replace(temporary, path)


def check_checkpoint_fits(model_dir: str, graph: tf.Graph) -> None:
  """Raises UserValueError if a run's checkpoint is of another model.

  Args:
    model_dir: the run's folder.
    graph: the TRAIN graph that would be restored from its newest checkpoint.
  """
  checkpoint = tf.train.latest_checkpoint(model_dir)
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
