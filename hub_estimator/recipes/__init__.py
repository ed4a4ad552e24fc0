"""Fine-tuning recipes: values that say how a module is trained."""

from hub_estimator.recipes.bit_hyper_rule import Auto
from hub_estimator.recipes.feature_selection import FeatureSelection, Head2Toe
from hub_estimator.recipes.learning_rate_recipes import (
  DiscriminativeLearningRates,
  FullFineTuning,
)
from hub_estimator.recipes.penalties import L2SP, Penalty
from hub_estimator.recipes.plan import (
  FineTuningPlan,
  PlannedGroup,
  PlannedVariable,
  Stage,
)
from hub_estimator.recipes.recipe import Recipe, as_recipes, create_plan
from hub_estimator.recipes.run_settings import RunSettings
from hub_estimator.recipes.staged_recipes import (
  GradualUnfreezing,
  LinearProbeThenFineTune,
)
from hub_estimator.recipes.subset_recipes import (
  BiasOnly,
  FeatureExtraction,
  NormalizationOnly,
  VariableSelection,
)

__all__ = [
  "Auto",
  "BiasOnly",
  "DiscriminativeLearningRates",
  "FeatureExtraction",
  "FeatureSelection",
  "FineTuningPlan",
  "FullFineTuning",
  "GradualUnfreezing",
  "Head2Toe",
  "L2SP",
  "LinearProbeThenFineTune",
  "NormalizationOnly",
  "Penalty",
  "PlannedGroup",
  "PlannedVariable",
  "Recipe",
  "RunSettings",
  "Stage",
  "VariableSelection",
  "as_recipes",
  "create_plan",
]
