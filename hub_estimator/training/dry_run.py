"""The dry run: all three graphs are built and described, nothing written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from hub_estimator import estimator
from hub_estimator.hub.module_spec import format_tag_sets
from hub_estimator.inputs import InputPipeline
from hub_estimator.models import ModuleModel
from hub_estimator.models.model_summary import ModelSummary, graph_summary
from hub_estimator.recipes import FineTuningPlan, Recipe
from hub_estimator.tf_compat import tf
from hub_estimator.training import plan_report
from hub_estimator.training.results_table import format_table

_MODES = (
  estimator.ModeKeys.TRAIN,
  estimator.ModeKeys.EVAL,
  estimator.ModeKeys.PREDICT,
)


def describe(
  model: ModuleModel,
  input_pipeline: InputPipeline,
  plan: FineTuningPlan,
  recipes: Sequence[Recipe],
  config: estimator.RunConfig,
  gin_text: Optional[str] = None,
) -> str:
  """Builds the graphs of the last stage and returns the text of a dry run.

  Args:
    model: the model.
    input_pipeline: its data.
    plan: the run's plan.
    recipes: what wrote it.
    config: the run's RunConfig.
    gin_text: the bindings that recipes stand for, if they chose settings.
  """
  summaries = build_graphs(
    model.create_model_fn(input_pipeline, plan, plan.stages[-1]),
    input_pipeline,
    config,
  )
  report = format_report(
    summaries,
    model.optimization.regularization_scale * plan.regularization_scale,
    plan_report.peak_rates(model.optimization, plan),
    [recipe.describe() for recipe in recipes],
    plan_report.stage_lines(plan),
  )
  examples = ", ".join(
    f"{input_pipeline.num_examples(mode):,} to {verb}"
    for mode, verb in (
      (estimator.ModeKeys.TRAIN, "train"),
      (estimator.ModeKeys.EVAL, "evaluate"),
    )
  )
  accumulated = model.optimization.accumulate_steps
  batches = f"{accumulated} × " if accumulated > 1 else ""
  chosen = f"\n\nThe recipe stands for:\n{gin_text}" if gin_text else ""
  return (
    f"{report}{chosen}\n\n{examples}; {plan.train_steps:,} steps of "
    f"{batches}{input_pipeline.batch_size}. Nothing was written."
  )


def build_graphs(model_fn, input_pipeline, config) -> dict[str, ModelSummary]:
  """Builds the graph of each mode and returns what it holds.

  Args:
    model_fn: of `ModuleModel.create_model_fn`.
    input_pipeline: the run's data.
    config: the run's RunConfig.

  Returns:
    mode -> ModelSummary.
  """
  return {
    mode: build_graph(model_fn, input_pipeline, config, mode)[1]
    for mode in _MODES
  }


def build_graph(model_fn, input_pipeline, config, mode):
  """Builds the graph of one mode, as an Estimator would.

  Returns:
    (graph, ModelSummary).
  """
  with tf.Graph().as_default() as graph:
    tf.compat.v1.random.set_random_seed(config.tf_random_seed)
    tf.compat.v1.train.create_global_step(graph)
    if mode == estimator.ModeKeys.PREDICT:
      features = input_pipeline.serving_input_receiver_fn()().features
      labels = None
    else:
      dataset = input_pipeline.input_fn(mode)()
      features, labels = tf.compat.v1.data.make_one_shot_iterator(
        dataset
      ).get_next()
    model_fn(features=features, labels=labels, mode=mode, config=config)
  return graph, graph_summary(graph)


def format_report(
  summaries: dict[str, ModelSummary],
  regularization_scale: float,
  peak_rates: Mapping[str, float],
  recipes: Sequence[str] = (),
  stages: Sequence[str] = (),
) -> str:
  """Returns what the graphs hold, and what is to be done with it.

  Args:
    summaries: of `build_graphs`.
    regularization_scale: the factor of regularization losses in the loss.
    peak_rates: of `plan_report.peak_rates`.
    recipes: each with its settings.
    stages: of `plan_report.stage_lines`.
  """
  training = summaries[estimator.ModeKeys.TRAIN]
  module = training.module
  inference_tags = summaries[estimator.ModeKeys.PREDICT].module.tags
  of_module = [v for v in training.variables if v.is_in_module]
  inputs = module.get_input_info_dict(training.signature)
  output = module.get_output_info_dict(training.signature)[training.output]
  lines = [
    ("Module", module.spec.source),
    (
      "Tags",
      f"{format_tag_sets([module.tags])} in training, "
      f"{format_tag_sets([inference_tags])} in evaluation and prediction",
    ),
    ("Signature", training.signature),
    *(
      ("Input", f"{name}: {info.describe()}")
      for name, info in sorted(inputs.items())
    ),
    ("Output", f"{training.output}: {output.describe()}"),
    (
      "Variables",
      f"{len(of_module)} in the module, "
      f"{len(training.variables) - len(of_module)} in the head; "
      f"{sum(v.is_trained for v in training.variables)} trained",
    ),
    (
      "Parameters",
      f"{training.num_parameters:,}, {training.num_trainable_parameters:,} "
      f"trained, {training.module_trainable_parameters:,} of these in the "
      "module",
    ),
    (
      "Regularization losses",
      f"{len(training.regularization_losses)}, scaled by "
      f"{regularization_scale:g}"
      + "".join(f"\n  {name}" for name in training.regularization_losses),
    ),
    ("Update ops", str(len(training.update_ops))),
    ("Recipe", "\n".join(recipes) or "none: all trains at one rate"),
    ("Stages", "\n".join(stages)),
  ]
  width = max(len(title) for title, _ in lines) + 2
  text = "\n".join(
    f"{title:<{width}}{value}".replace("\n", "\n" + " " * width)
    if title in ("Recipe", "Stages")
    else f"{title:<{width}}{value}"
    for title, value in lines
  )
  table = format_table(
    [
      (
        v.name,
        "×".join(str(size) for size in v.shape) or "scalar",
        f"{v.num_parameters:,}",
        v.group or "frozen",
        "" if v.first_step is None else str(v.first_step),
        "" if v.group is None else f"{peak_rates[v.group]:.3g}",
        ", ".join(v.penalties) or "",
      )
      for v in training.variables
    ],
    headers=(
      "variable",
      "shape",
      "parameters",
      "group",
      "from step",
      "peak rate",
      "penalty",
    ),
  )
  return f"{text}\n\n{table}"
