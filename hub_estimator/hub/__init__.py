"""The TF1 Hub API: modules, their definition, use and export.

A drop-in for the TF1 part of tensorflow_hub: `from hub_estimator import hub` in
place of `import tensorflow_hub as hub`. `KerasLayer` and
`text_embedding_column_v2`, for TF2 SavedModels, are those of the installed
tensorflow_hub, which is imported when one of them is asked for.
"""

from hub_estimator.handles import (
  ModuleCache,
  Resolver,
  register_resolver,
  resolve,
  unregister_resolver,
)
from hub_estimator.hub import tf2_names as _tf2_names
from hub_estimator.hub.attachments import attach_message
from hub_estimator.hub.common_signatures import (
  add_image_classification_signature,
  add_image_feature_vector_signature,
  add_text_embedding_signature,
  check_common_signature,
  common_signature_problems,
  matching_common_signatures,
)
from hub_estimator.hub.definition import create_module_spec
from hub_estimator.hub.eval_function import eval_function_for_module
from hub_estimator.hub.feature_columns import (
  image_embedding_column,
  sparse_text_embedding_column,
  text_embedding_column,
)
from hub_estimator.hub.hyperparameters import hyperparameter_input
from hub_estimator.hub.image_modules import (
  ImageModuleInfo,
  attach_image_module_info,
  get_expected_image_size,
  get_num_image_channels,
)
from hub_estimator.hub.loading import (
  create_module_spec_from_saved_model,
  load_module_spec,
)
from hub_estimator.hub.module import Module
from hub_estimator.hub.module_checks import ModuleWarning, check_module_spec
from hub_estimator.hub.module_exporters.best_module_exporter import (
  BestModuleExporter,
)
from hub_estimator.hub.module_exporters.final_module_exporter import (
  FinalModuleExporter,
)
from hub_estimator.hub.module_exporters.latest_module_exporter import (
  LatestModuleExporter,
)
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.hub.registration import register_module_for_export
from hub_estimator.hub.security.policy import RefusedModuleError
from hub_estimator.hub.security.reading import scan_module
from hub_estimator.hub.signatures import add_signature
from hub_estimator.hub.tf2_loading import load
from hub_estimator.hub.verification import verify_module

__all__ = [
  "BestModuleExporter",
  "FinalModuleExporter",
  "ImageModuleInfo",
  "LatestModuleExporter",
  "Module",
  "ModuleCache",
  "ModuleSpec",
  "ModuleWarning",
  "RefusedModuleError",
  "Resolver",
  "add_image_classification_signature",
  "add_image_feature_vector_signature",
  "add_signature",
  "add_text_embedding_signature",
  "attach_image_module_info",
  "attach_message",
  "check_common_signature",
  "check_module_spec",
  "common_signature_problems",
  "create_module_spec",
  "create_module_spec_from_saved_model",
  "eval_function_for_module",
  "get_expected_image_size",
  "get_num_image_channels",
  "hyperparameter_input",
  "image_embedding_column",
  "load",
  "load_module_spec",
  "matching_common_signatures",
  "register_module_for_export",
  "register_resolver",
  "resolve",
  "scan_module",
  "sparse_text_embedding_column",
  "text_embedding_column",
  "unregister_resolver",
  "verify_module",
]


def __getattr__(name):
  if name in _tf2_names.NAMES:
    return _tf2_names.delegate(name)
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
