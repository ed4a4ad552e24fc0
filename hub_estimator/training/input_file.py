"""input.json: what a run's data looks like, to predict without it."""

from __future__ import annotations

import json
import os
from typing import Any

from hub_estimator import errors
from hub_estimator.hub import folders

INPUT_FILE = "input.json"


def write(model_dir: str, description: dict[str, Any]) -> None:
  """Writes `input.json` into a run's folder, whole or not at all.

  Args:
    model_dir: the run's folder.
    description: of `InputPipeline.description`.
  """
  folders.write_file(
    os.path.join(model_dir, INPUT_FILE),
    f"{json.dumps(description, indent=2)}\n".encode(),
  )


def read(model_dir: str) -> dict[str, Any]:
  """Returns what `write` wrote.

  Raises:
    UserOSError: there is no such file, or it is damaged.
  """
  path = os.path.join(model_dir, INPUT_FILE)
  try:
    with open(path, encoding="utf-8") as file:
      return json.load(file)
  except FileNotFoundError as error:
    raise errors.UserOSError(
      f"{path} is missing: runs write it at their start, since 0.5. Run the "
      "training command once more; a run that is at its end trains nothing."
    ) from error
  except (OSError, ValueError) as error:
    raise errors.UserOSError(f"{path} cannot be read: {error}.") from error
