"""The ways of the image experiments: all recipes, and no module."""

from __future__ import annotations

from experiments.ways import Way, rates

_RATES = (0.01, 0.03, 0.1, 0.3)


def create_ways(handle: str) -> list[Way]:
  """Returns a way for each recipe; those for one rate, and two composed.

  Args:
    handle: the pre-trained module.
  """

  def way(name, recipe, choices, *gin_params):
    return Way(
      name,
      "fine_tune.gin",
      [f"MODULE_HANDLE = '{handle}'", f"RECIPE = {recipe}", *gin_params],
      choices,
    )

  return [
    way("feature_extraction", "@feature_extraction()", rates(*_RATES)),
    way(
      "feature_extraction, cached",
      "@feature_extraction()",
      rates(*_RATES),
      "feature_extraction.cache_features = True",
    ),
    way(
      "head2toe",
      "@head2toe()",
      rates(0.3, 1.0, 3.0, head2toe__keep_fraction=(0.1, 0.5)),
    ),
    way("bias_only", "@bias_only()", rates(*_RATES)),
    way("normalization_only", "@normalization_only()", rates(*_RATES)),
    way("all at one rate", "[]", rates(*_RATES)),
    way("full_fine_tuning", "@full_fine_tuning()", rates(*_RATES)),
    way(
      "linear_probe_then_fine_tune",
      "@linear_probe_then_fine_tune()",
      rates(*_RATES),
    ),
    way(
      "discriminative_learning_rates",
      "@discriminative_learning_rates()",
      rates(*_RATES),
    ),
    way("gradual_unfreezing", "@gradual_unfreezing()", rates(*_RATES)),
    way(
      "both of these",
      "[@discriminative_learning_rates(), @gradual_unfreezing()]",
      rates(*_RATES),
    ),
    way("l2_sp", "@l2_sp()", rates(0.03, 0.1, l2_sp__alpha=(0.01, 0.1))),
  ]


def create_auto_way(handle: str) -> Way:
  """Returns the way that chooses its own steps and rate."""
  return Way(
    "auto", "fine_tune.gin", [f"MODULE_HANDLE = '{handle}'", "RECIPE = @auto()"]
  )


def create_way_from_scratch() -> Way:
  """Returns the way without a module."""
  return Way("from scratch", "from_scratch.gin", choices=rates(*_RATES))
