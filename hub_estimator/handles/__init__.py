"""Handles: the strings that name modules, and how their modules are found.

Nothing here imports TensorFlow, except for paths of its file systems.
"""

from hub_estimator.handles.local_modules import exports, module_names
from hub_estimator.handles.resolution import Resolution, find, resolve

__all__ = ["Resolution", "exports", "find", "module_names", "resolve"]
