"""A module of three layers and an embedding, as recipes see it."""

from hub_estimator.recipes import PlannedVariable


def variable(name, depth, kind="kernel", num_parameters=4, **arguments):
  return PlannedVariable(
    name=name,
    shape=(num_parameters,),
    num_parameters=num_parameters,
    depth=depth,
    kind=kind,
    is_bias=kind in ("bias", "normalization_offset"),
    is_normalization=kind.startswith("normalization"),
    **arguments,
  )


VARIABLES = [
  variable("embedding", 1, "embedding"),
  variable("layer_1/kernel", 2),
  variable("layer_1/bias", 2, "bias"),
  variable("layer_1/norm/gamma", 2, "normalization_scale"),
  variable("layer_1/norm/beta", 2, "normalization_offset"),
  variable("layer_2/kernel", 3),
  variable("layer_2/bias", 3, "bias"),
]


def multipliers(plan):
  return {v.name: v.learning_rate_multiplier for v in plan.module_variables}


def first_steps(plan):
  return {v.name: v.first_step for v in plan.module_variables}


def trained(plan):
  return [v.name for v in plan.trained_variables]
