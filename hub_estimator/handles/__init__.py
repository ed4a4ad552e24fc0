"""Handles: the strings that name modules, and how their modules are found.

Nothing here imports TensorFlow, except for paths of its file systems.
"""

from hub_estimator.handles.cache.module_cache import ModuleCache
from hub_estimator.handles.local_modules import exports, module_names
from hub_estimator.handles.resolution import (
  Resolution,
  find,
  pinned,
  resolve,
)
from hub_estimator.handles.resolver import (
  Resolver,
  register_resolver,
  unregister_resolver,
)

__all__ = [
  "ModuleCache",
  "Resolution",
  "Resolver",
  "exports",
  "find",
  "pinned",
  "module_names",
  "register_resolver",
  "resolve",
  "unregister_resolver",
]
