"""evaluations.json: the metrics of a run's evaluations, in their order."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.hub import folders

HISTORY_FILE = "evaluations.json"


class Evaluation(NamedTuple):
  """One evaluation of a run.

  Attributes:
    global_step: that of the checkpoint.
    metrics: name -> value on the eval split; None for what is no finite number.
    other_splits: split -> the same, of further evaluation sets.
  """

  global_step: int
  metrics: dict[str, Optional[float]]
  other_splits: dict[str, dict[str, Optional[float]]] = {}


def create_evaluation(
  metrics: Mapping[str, Any],
  other_splits: Optional[Mapping[str, Mapping[str, Any]]] = None,
) -> Evaluation:
  """Takes what evaluations give.

  Args:
    metrics: of the eval split, with "global_step"; arrays are left out.
    other_splits: split -> the same.
  """
  return Evaluation(
    int(metrics["global_step"]),
    _scalars(metrics),
    {name: _scalars(m) for name, m in (other_splits or {}).items()},
  )


def read_history(model_dir: str) -> list[Evaluation]:
  """Returns a run's evaluations in the order of their steps.

  Raises:
    UserOSError: the file is there and cannot be read.
  """
  path = os.path.join(model_dir, HISTORY_FILE)
  if not os.path.exists(path):
    return []
  try:
    with open(path, encoding="utf-8") as file:
      written = json.load(file)
    return [
      Evaluation(
        int(item["global_step"]),
        dict(item["metrics"]),
        dict(item.get("other_splits", {})),
      )
      for item in written["evaluations"]
    ]
  except (OSError, ValueError, TypeError, KeyError) as error:
    raise errors.UserOSError(
      f"{path}, where a run notes its evaluations, cannot be read: {error!r}. "
      "Remove it to count from here on."
    ) from error


def with_evaluation(
  history: list[Evaluation], evaluation: Evaluation
) -> list[Evaluation]:
  """Returns a history with one more evaluation.

  A run that goes on from an older checkpoint makes later evaluations again:
  those are left out.
  """
  earlier = [e for e in history if e.global_step < evaluation.global_step]
  return [*earlier, evaluation]


def write_history(model_dir: str, history: list[Evaluation]) -> None:
  """Writes a run's evaluations, whole or not at all."""
  content = {"evaluations": [item._asdict() for item in history]}
  text = json.dumps(content, indent=2, allow_nan=False)
  folders.write_file(
    os.path.join(model_dir, HISTORY_FILE), f"{text}\n".encode()
  )


def _scalars(metrics: Mapping[str, Any]) -> dict[str, Optional[float]]:
  return {
    name: float(value) if math.isfinite(value) else None
    for name, value in metrics.items()
    if name != "global_step"
    and getattr(value, "shape", ()) == ()
    and not isinstance(value, (str, bytes))
  }
