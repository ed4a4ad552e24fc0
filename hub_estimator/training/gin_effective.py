"""The configuration that a run has: as a flat map, and as a Gin file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gin

from hub_estimator.training import (
  gin_internals,
  gin_problems,
  gin_reachability,
  gin_resolution,
  gin_values,
)

_LINE_LENGTH = 80
_RULE = "# " + "=" * (_LINE_LENGTH - 2)


def effective_config(
  reachable: gin_reachability.Reachable,
) -> dict[str, str]:
  """Returns the sorted map `scope/selector.parameter` → text of its value.

  Macros are replaced by their values; parameters that are not bound have the
  default of the signature, left out when no Gin text can spell it.
  """
  _raise_for_nonliterals(reachable.used_bindings())
  config = {}
  for node in reachable.nodes.values():
    for parameter, binding in node.bindings.items():
      value = _without_macros(binding.value, reachable.bindings)
      config[node.name_of(parameter)] = _format(value)
    for parameter, default in _defaults(node).items():
      config[node.name_of(parameter)] = _format(default)
  return dict(sorted(config.items()))


def differences(old: dict[str, str], new: dict[str, str]) -> list[str]:
  """Returns a line for each parameter that two effective configs differ in."""
  lines = []
  for name in sorted({*old, *new}):
    there, here = (config.get(name, "not used") for config in (old, new))
    if there != here:
      lines.append(f"{name}: {there} there, {here} here")
  return lines


def operative_config_text(
  reachable: gin_reachability.Reachable,
  modules: Sequence[str],
  header: str,
) -> str:
  """Returns a Gin file that alone gives the same effective configuration.

  Args:
    reachable: What the run uses.
    modules: Names of modules to import first.
    header: Lines for the top of the file, written as comments.
  """
  _raise_for_nonliterals(reachable.used_bindings())
  sections = []
  if header:
    lines = (f"# {line}".rstrip() for line in header.strip().splitlines())
    sections.append("\n".join(lines))
  if modules:
    sections.append("\n".join(f"import {module}" for module in modules))
  macros = [b for b in reachable.used_bindings() if b.is_macro]
  if macros:
    lines = [_format_binding(b.scope, b.value) for b in macros]
    sections.append("\n".join(["# Macros:", _RULE, *lines]))
  for scope, selector in _section_keys(reachable):
    sections.append(_section(reachable, scope, selector))
  return "\n\n".join(sections) + "\n"


def whole_config_text(
  bindings: gin_resolution.Bindings, modules: Sequence[str], header: str
) -> str:
  """Returns a Gin file with all bindings, also those without effect.

  Args:
    bindings: What is bound.
    modules: Names of modules to import first.
    header: Lines for the top of the file, written as comments.
  """
  _raise_for_nonliterals(bindings.values())
  lines = [f"# {line}".rstrip() for line in header.strip().splitlines()]
  lines += ["", *(f"import {module}" for module in modules), ""]
  lines += [
    _format_binding(gin_resolution.binding_name(b), b.value)
    for b in bindings.values()
  ]
  return "\n".join(lines) + "\n"


def bound_texts(bindings: gin_resolution.Bindings) -> dict[str, str]:
  """Returns the left side of each binding → the text of its value."""
  _raise_for_nonliterals(bindings.values())
  return {
    gin_resolution.binding_name(binding): _format(binding.value)
    for binding in bindings.values()
  }


def _section_keys(
  reachable: gin_reachability.Reachable,
) -> list[tuple[str, str]]:
  """Returns (scope, selector), from the root outwards."""
  keys = {}
  for node in reachable.nodes.values():
    for binding in node.bindings.values():
      keys[binding.scope, binding.selector] = None
    keys[node.written_scope, node.selector] = None
  return list(keys)


def _section(
  reachable: gin_reachability.Reachable, scope: str, selector: str
) -> str:
  path = f"{scope}/" if scope else ""
  title = path + gin_internals.minimal_selector(selector)
  bound, defaults = [], {}
  for binding in reachable.used_bindings():
    if (binding.scope, binding.selector) == (scope, selector):
      name = gin_resolution.binding_name(binding)
      bound.append(_format_binding(name, binding.value))
  for node in reachable.nodes.values():
    if (node.written_scope, node.selector) == (scope, selector):
      defaults.update(_defaults(node))
  lines = [f"# Parameters for {title}:", _RULE, *bound]
  if defaults:
    lines.append("# Defaults:")
    lines.extend(
      _format_binding(
        gin_resolution.parameter_name(scope, selector, parameter), value
      )
      for parameter, value in defaults.items()
    )
  if not bound and not defaults:
    lines.append("# None.")
  return "\n".join(lines)


def _defaults(node: gin_reachability.Node) -> dict[str, Any]:
  """Returns the literal defaults of the parameters that are not bound."""
  parameters = gin_internals.signature(node.selector).parameters
  return {
    name: parameter.default
    for name, parameter in parameters.items()
    if name not in node.bindings
    and parameter.default is not parameter.empty
    and parameter.default is not gin.REQUIRED
    and gin_values.is_literal(parameter.default)
  }


def _without_macros(value: Any, bindings: gin_resolution.Bindings) -> Any:
  def replace(leaf):
    if not isinstance(leaf, gin_values.Macro):
      return leaf
    macro = bindings.get(gin_values.macro_key(leaf.name))
    return leaf if macro is None else _without_macros(macro.value, bindings)

  return gin_values.map_value(value, replace)


def _raise_for_nonliterals(bindings: Iterable[gin_values.Binding]) -> None:
  problems = [
    f"{binding.place}: {gin_resolution.binding_name(binding)}:"
    f" a value of type {type(leaf).__name__} cannot be written in a Gin file;"
    " bind a literal, a reference (@name) or a constant (gin.constant)"
    for binding in bindings
    for leaf in gin_values.iterate_leaves(binding.value)
    if not gin_values.is_literal(leaf)
  ]
  if problems:
    raise gin_problems.GinConfigError(problems)


def _format(value: Any) -> str:
  return gin_values.format_value(value, gin_internals.minimal_selector)


def _format_binding(name: str, value: Any) -> str:
  """Returns `name = value`, a container that is too long an item a line."""
  line = f"{name} = {_format(value)}"
  if len(line) <= _LINE_LENGTH or type(value) not in (list, tuple, dict):
    return line
  if type(value) is dict:
    items = [f"{_format(k)}: {_format(v)}" for k, v in value.items()]
  else:
    items = [_format(item) for item in value]
  opening, closing = {list: "[]", tuple: "()", dict: "{}"}[type(value)]
  lines = "".join(f"  {item},\n" for item in items)
  return f"{name} = {opening}\n{lines}{closing}"
