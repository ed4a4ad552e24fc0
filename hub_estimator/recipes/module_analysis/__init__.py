"""What the variables of a module are to its graph: how deep, and of what kind.

The graph is read as it is stored; nothing is imported into TensorFlow.
"""

from hub_estimator.recipes.module_analysis.analysis import (
  ModuleAnalysis,
  ModuleVariable,
  analyze_module,
)
from hub_estimator.recipes.module_analysis.update_ops import update_op_depths
from hub_estimator.recipes.module_analysis.variable_kinds import (
  BIAS,
  EMBEDDING,
  KERNEL,
  NORMALIZATION_OFFSET,
  NORMALIZATION_SCALE,
  OTHER,
)

__all__ = [
  "BIAS",
  "EMBEDDING",
  "KERNEL",
  "NORMALIZATION_OFFSET",
  "NORMALIZATION_SCALE",
  "OTHER",
  "ModuleAnalysis",
  "ModuleVariable",
  "analyze_module",
  "update_op_depths",
]
