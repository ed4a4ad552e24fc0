"""The recipe `auto`: settings from the data, after BiT-HyperRule."""

from __future__ import annotations

import dataclasses

import gin

from hub_estimator.inputs import InputPipeline
from hub_estimator.inputs.pipeline import TRAIN
from hub_estimator.optimization import (
  create_sgd_optimizer_fn,
  create_stair_schedule_fn,
)
from hub_estimator.recipes.plan import FineTuningPlan
from hub_estimator.recipes.recipe import Recipe
from hub_estimator.recipes.run_settings import RunSettings

# Examples below which a data set is small, and medium; steps of each kind.
_SMALL, _MEDIUM = 20_000, 500_000
_SMALL_STEPS, _MEDIUM_STEPS, _LARGE_STEPS = 500, 10_000, 20_000
_BATCH_SIZE = 512
_LEARNING_RATE = 0.003
_MIXUP_ALPHA = 0.1
_MOMENTUM = 0.9
_BOUNDARIES = (0.3, 0.6, 0.9)
# Pixels a side from which the paper calls an image large.
_LARGE_IMAGE = 96
# Of large images a quarter of a batch, for the memory that 512 would take.
_LARGE_IMAGE_FACTOR = 4


@gin.register("auto", module="hub_estimator")
class Auto(Recipe):
  """Steps, schedule, batch size and mixup from what the data is.

  BiT-HyperRule: Kolesnikov et al., "Big Transfer (BiT): General Visual
  Representation Learning", 2020, https://arxiv.org/abs/1912.11370, section 3.3.
  With n training examples:

      steps      500 if n < 20,000; 10,000 if n < 500,000; else 20,000
      schedule   0.003, divided by 10 after 30%, 60% and 90% of the steps
      optimizer  SGD with momentum 0.9, batches of 512
      mixup      0.1 from n = 20,000 on, for inputs that have it

  Different from the paper: images of 96 pixels a side and more have batches of
  128, four times the steps and a quarter of the rate, which is the same number
  of examples and, by the linear scaling rule (Goyal et al., 2017,
  https://arxiv.org/abs/1706.02677), nearly the same training in a quarter of
  the memory; batches are never larger than the data; images keep the size that
  the module expects, and are flipped or cropped only if the input says so.

  TRAIN_STEPS, BATCH_SIZE, LEARNING_RATE and the schedule and optimizer of the
  config have no effect beside this recipe. It prints the bindings that it
  stands for, which give the same run.
  """

  recipe_name = "auto"
  needs_trained_module = False

  def choose_settings(self, settings: RunSettings) -> RunSettings:
    """See `Recipe.choose_settings`."""
    data = settings.input_pipeline
    num_examples = data.num_examples(TRAIN)
    steps, mixup_alpha = _LARGE_STEPS, _MIXUP_ALPHA
    if num_examples < _SMALL:
      steps, mixup_alpha = _SMALL_STEPS, 0.0
    elif num_examples < _MEDIUM:
      steps = _MEDIUM_STEPS
    factor = _LARGE_IMAGE_FACTOR if _has_large_images(data) else 1
    steps *= factor
    learning_rate = _LEARNING_RATE / factor
    batch_size = min(_BATCH_SIZE // factor, num_examples)
    has_mixup = hasattr(data, "mixup_alpha")
    lines = [
      "RECIPE = []  # Or what stands beside auto.",
      f"TRAIN_STEPS = {steps}",
      f"BATCH_SIZE = {batch_size}",
      f"LEARNING_RATE = {learning_rate}",
      "Optimization.schedule_fn = @create_stair_schedule_fn()",
      "create_stair_schedule_fn.learning_rate = %LEARNING_RATE",
      f"create_stair_schedule_fn.boundaries = {_BOUNDARIES}",
      "create_stair_schedule_fn.train_steps = %TRAIN_STEPS",
      "Optimization.optimizer_fn = @create_sgd_optimizer_fn()",
      f"create_sgd_optimizer_fn.momentum = {_MOMENTUM}",
    ]
    name = type(data).__name__
    if has_mixup:
      lines.append(f"{name}.mixup_alpha = {mixup_alpha}")
    elif mixup_alpha:
      lines.append(f"# No mixup: {name} has none.")
    return RunSettings(
      data.with_settings(
        batch_size=batch_size, mixup_alpha=mixup_alpha if has_mixup else None
      ),
      dataclasses.replace(
        settings.optimization,
        schedule_fn=create_stair_schedule_fn(learning_rate, _BOUNDARIES, steps),
        optimizer_fn=create_sgd_optimizer_fn(_MOMENTUM),
      ),
      steps,
      "\n".join(lines),
    )

  def apply(self, plan: FineTuningPlan) -> FineTuningPlan:
    """See `Recipe.apply`."""
    return plan


def _has_large_images(data: InputPipeline) -> bool:
  return any(
    spec.shape.rank == 4
    and None not in spec.shape.as_list()[1:3]
    and min(spec.shape.as_list()[1:3]) >= _LARGE_IMAGE
    for spec in data.feature_spec().values()
  )
