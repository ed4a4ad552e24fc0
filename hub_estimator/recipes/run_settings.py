"""What of a run a recipe may choose."""

from __future__ import annotations

import dataclasses
from typing import Optional

from hub_estimator.inputs import InputPipeline
from hub_estimator.optimization import Optimization


@dataclasses.dataclass(frozen=True)
class RunSettings:
  """Settings of a run, before anything is built.

  Attributes:
    input_pipeline: the data.
    optimization: schedule, optimizer and so on.
    train_steps: the global step to train to.
    gin_text: the bindings that stand for what recipes chose; None if none did.
  """

  input_pipeline: InputPipeline
  optimization: Optimization
  train_steps: int
  gin_text: Optional[str] = None
