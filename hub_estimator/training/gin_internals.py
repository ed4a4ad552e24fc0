"""The only place that touches Gin's registry and bindings.

Gin tells neither which configurables exist, nor their parameters, nor what is
bound where; the names with an underscore below have been the same since
gin-config 0.3 (checked with 0.5.0).
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

import gin
from gin import config as gin_lib

from hub_estimator.training import gin_values

_CONSTANT_SELECTOR = "gin.constant"


@dataclasses.dataclass(frozen=True)
class Signature:
  """What a configuration may set of a configurable.

  Attributes:
    parameters: Name → `inspect.Parameter`, in the order of the signature.
    unbindable: Names that the registration reserves for the program.
    accepts_any: Whether any other name is taken too (`**kwargs`).
  """

  parameters: dict[str, inspect.Parameter]
  unbindable: frozenset[str]
  accepts_any: bool


def find_configurables(selector: str) -> list[str]:
  """Returns the complete selectors that a selector as written can mean."""
  found = gin_lib._REGISTRY.matching_selectors(selector)
  # Gin wants methods written as Class.method.
  return sorted(
    name
    for name in found
    if "." in selector or not gin_lib._REGISTRY[name].is_method
  )


def minimal_selector(selector: str) -> str:
  """Returns the shortest text that means the complete selector."""
  shortest = gin_lib._REGISTRY.minimal_selector(selector)
  if gin_lib._REGISTRY[selector].is_method and "." not in shortest:
    return ".".join(selector.split(".")[-2:])
  return shortest


def configurable_names() -> list[str]:
  """Returns the minimal selectors of all configurables but Gin's own."""
  return sorted(
    minimal_selector(selector)
    for selector, _ in gin_lib._REGISTRY.items()
    if not selector.startswith("gin.")
  )


def signature(selector: str) -> Signature:
  """Returns the parameters of the configurable with a complete selector."""
  configurable = gin_lib._REGISTRY[selector]
  parameters, accepts_any = {}, False
  for parameter in _parameters(configurable.wrapped):
    if parameter.kind is parameter.VAR_KEYWORD:
      accepts_any = True
    elif parameter.kind in (
      parameter.POSITIONAL_OR_KEYWORD,
      parameter.KEYWORD_ONLY,
    ):
      parameters[parameter.name] = parameter
  allowed = configurable.allowlist or parameters
  denied = configurable.denylist or ()
  unbindable = frozenset(
    name for name in parameters if name not in allowed or name in denied
  )
  return Signature(
    {k: v for k, v in parameters.items() if k not in unbindable},
    unbindable,
    accepts_any and not configurable.allowlist,
  )


def _parameters(fn_or_class: Any) -> list[inspect.Parameter]:
  if not inspect.isclass(fn_or_class):
    return list(inspect.signature(fn_or_class).parameters.values())
  if fn_or_class.__init__ is not object.__init__:
    constructor = fn_or_class.__init__
  elif fn_or_class.__new__ is not object.__new__:
    constructor = fn_or_class.__new__
  else:
    return []
  # Without `self` or `cls`.
  return list(inspect.signature(constructor).parameters.values())[1:]


def find_constants(name: str) -> list[str]:
  """Returns the complete names of constants that `%name` can mean."""
  return sorted(gin_lib._CONSTANTS.matching_selectors(name))


def clear() -> None:
  """Removes all bindings; registered configurables and constants stay."""
  gin.clear_config()


@contextlib.contextmanager
def kept() -> Iterator[None]:
  """Restores the bindings that there were when its body ends."""
  containers = (
    gin_lib._CONFIG,
    gin_lib._OPERATIVE_CONFIG,
    gin_lib._SINGLETONS,
  )
  before = [dict(container) for container in containers]
  imports = set(gin_lib._IMPORTS)
  is_locked = gin_lib.config_is_locked()
  try:
    yield
  finally:
    gin_lib._set_config_is_locked(False)
    for container, content in zip(containers, before):
      container.clear()
      container.update(content)
    gin_lib._IMPORTS.clear()
    gin_lib._IMPORTS.update(imports)
    gin_lib._set_config_is_locked(is_locked)


def bound_values() -> Iterator[tuple[tuple[str, str, str], Any]]:
  """Yields (scope, complete selector, parameter) and Gin's value of each."""
  for (scope, selector), parameters in gin_lib._CONFIG.items():
    for parameter, value in parameters.items():
      yield (scope, selector, parameter), value


def bind(binding: gin_values.Binding) -> Any:
  """Binds in Gin, and returns the object that Gin now holds as the value."""
  value = gin_values.map_value(binding.value, _to_gin)
  gin.bind_parameter(binding.key, value)
  return value


def _to_gin(leaf: Any) -> Any:
  if isinstance(leaf, gin_values.Macro):
    name = f"{leaf.name}/{gin_values.MACRO_SELECTOR}"
    return gin_lib.ConfigurableReference(name, True)
  if isinstance(leaf, gin_values.Constant):
    name = f"{leaf.name}/{_CONSTANT_SELECTOR}"
    return gin_lib.ConfigurableReference(name, True)
  if isinstance(leaf, gin_values.Reference):
    name = "/".join([*leaf.scopes, leaf.selector])
    return gin_lib.ConfigurableReference(name, leaf.evaluate)
  return leaf


def from_gin(value: Any) -> Any:
  """Returns Gin's value with its references as `gin_values` nodes."""
  return gin_values.map_value(value, _leaf_from_gin)


def _leaf_from_gin(leaf: Any) -> Any:
  if leaf is gin.REQUIRED:
    return gin_values.Constant(gin_values.REQUIRED_NAME)
  if not isinstance(leaf, gin_lib.ConfigurableReference):
    return leaf
  selector = leaf.configurable.selector
  if leaf.evaluate and selector == gin_values.MACRO_SELECTOR:
    return gin_values.Macro("/".join(leaf.scopes))
  if leaf.evaluate and selector == _CONSTANT_SELECTOR:
    return gin_values.Constant("/".join(leaf.scopes))
  return gin_values.Reference(tuple(leaf.scopes), selector, leaf.evaluate)
