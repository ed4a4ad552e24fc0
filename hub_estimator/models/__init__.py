"""Models: a module as encoder, a head, and the model_fn that joins them."""

from hub_estimator.models.heads import (
  create_binary_head_fn,
  create_multi_class_head_fn,
  create_multi_label_head_fn,
  create_regression_head_fn,
)
from hub_estimator.models.module_encoder import ModuleEncoder
from hub_estimator.models.module_model import ModuleModel
from hub_estimator.models.pair_encoder import PairEncoder

__all__ = [
  "ModuleEncoder",
  "ModuleModel",
  "PairEncoder",
  "create_binary_head_fn",
  "create_multi_class_head_fn",
  "create_multi_label_head_fn",
  "create_regression_head_fn",
]
