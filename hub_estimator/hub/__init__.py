"""The TF1 Hub API: modules, their definition, use and export.

A drop-in for the TF1 part of tensorflow_hub: `from hub_estimator import hub` in
place of `import tensorflow_hub as hub`.
"""

from hub_estimator.hub.attachments import attach_message
from hub_estimator.hub.definition import create_module_spec
from hub_estimator.hub.eval_function import eval_function_for_module
from hub_estimator.hub.latest_module_exporter import LatestModuleExporter
from hub_estimator.hub.loading import (
  create_module_spec_from_saved_model,
  load_module_spec,
)
from hub_estimator.hub.module import Module
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.hub.registration import register_module_for_export
from hub_estimator.hub.signatures import add_signature

__all__ = [
  "LatestModuleExporter",
  "Module",
  "ModuleSpec",
  "add_signature",
  "attach_message",
  "create_module_spec",
  "create_module_spec_from_saved_model",
  "eval_function_for_module",
  "load_module_spec",
  "register_module_for_export",
]
