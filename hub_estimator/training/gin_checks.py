"""Checks of a whole configuration that need no object to be built."""

from __future__ import annotations

import gin

from hub_estimator.training import (
  gin_internals,
  gin_problems,
  gin_reachability,
  gin_resolution,
  gin_values,
)

_REQUIRED = gin_values.Constant(gin_values.REQUIRED_NAME)


def find_problems(
  reachable: gin_reachability.Reachable, root: str, allow_unused: bool = False
) -> list[str]:
  """Returns a sentence for each thing that is missing or has no effect.

  Args:
    reachable: What is used from the root.
    root: Selector of the configurable that the command calls.
    allow_unused: Whether bindings may have no effect.
  """
  missing = {**_required_problems(reachable), **_unbound_problems(reachable)}
  unused = {} if allow_unused else unused_problems(reachable, root, [*missing])
  return [*reachable.cycles, *missing.values(), *unused.values()]


def _required_problems(
  reachable: gin_reachability.Reachable,
) -> dict[str, str]:
  """Returns name → sentence, for what is still `%gin.REQUIRED`."""
  problems = {}
  for binding in reachable.used_bindings():
    if _REQUIRED not in gin_values.iterate_leaves(binding.value):
      continue
    name = gin_resolution.binding_name(binding)
    comment = f', "{binding.comment}"' if binding.comment else ""
    value = '"…"' if _takes_text(binding, reachable) else "…"
    problems[name] = (
      f"{name} is required ({binding.place}{comment}): set it with"
      f" --gin_param='{name} = {value}'"
    )
  return problems


def _takes_text(
  binding: gin_values.Binding, reachable: gin_reachability.Reachable
) -> bool:
  """Whether a parameter that gets the binding's value may be a string."""
  consumers = [binding]
  if binding.is_macro:
    macro = gin_values.Macro(binding.scope)
    consumers = [b for b in reachable.used_bindings() if b.value == macro]
  return any(
    parameter.annotation is parameter.empty
    or "str" in str(parameter.annotation)
    for b in consumers
    for name, parameter in gin_internals.signature(
      b.selector
    ).parameters.items()
    if name == b.parameter
  )


def _unbound_problems(
  reachable: gin_reachability.Reachable,
) -> dict[str, str]:
  """Returns name → sentence, for parameters with no value and no default."""
  problems = {}
  for node in reachable.nodes.values():
    selector = gin_internals.minimal_selector(node.selector)
    signature = gin_internals.signature(node.selector)
    for parameter in signature.parameters.values():
      # Whoever calls an unevaluated reference passes its other arguments.
      missing = parameter.default is gin.REQUIRED or (
        node.evaluated and parameter.default is parameter.empty
      )
      if not missing or parameter.name in node.bindings:
        continue
      name = node.name_of(parameter.name)
      value = '"…"' if "str" in str(parameter.annotation) else "…"
      origin = ""
      if node.reached_by is not None:
        user = gin_resolution.binding_name(node.reached_by)
        origin = f" ({user} uses {selector}, {node.reached_by.place})"
      problems[name] = (
        f"{name} has no value and no default{origin}: bind it in a"
        f" configuration or with --gin_param='{name} = {value}'"
      )
  return problems


def unused_problems(
  reachable: gin_reachability.Reachable, root: str, missing: list[str]
) -> dict[str, str]:
  """Returns name → sentence, for bindings that have no effect.

  Args:
    reachable: What is used from the root.
    root: Selector of the configurable that the command calls.
    missing: Names of bindings that there have to be and are not.
  """
  # The value of what is missing may use the rest: while something is, only
  # what looks like it misspelt is a problem.
  names = missing or _usable_names(reachable)
  scopes: dict[str, list[str]] = {}
  for node in reachable.nodes.values():
    scopes.setdefault(node.selector, []).append("/".join(node.scopes))
  problems = {}
  for key, binding in reachable.bindings.items():
    if key in reachable.used:
      continue
    name = gin_resolution.binding_name(binding)
    if missing and gin_problems.nearest(name, missing) is None:
      continue
    if binding.is_macro:
      reason = f"nothing uses the macro {name}"
      hint = _hint(name, names)
    elif binding.selector not in scopes:
      selector = gin_internals.minimal_selector(binding.selector)
      reason = f"{name} has no effect: nothing that {root} uses is {selector}"
      hint = _hint(name, names)
    else:
      selector = gin_internals.minimal_selector(binding.selector)
      places = sorted(set(scopes[binding.selector]))
      shown = ", ".join(f"{p}/{selector}" if p else selector for p in places)
      reason = f"{name} has no effect on what is used: {shown}"
      hint = ""
    problems[name] = f"{binding.place}: {reason}{hint}"
  return problems


def _hint(name: str, names: list[str]) -> str:
  match = gin_problems.nearest(name, names)
  return f"; did you mean {match}?" if match else ""


def _usable_names(reachable: gin_reachability.Reachable) -> list[str]:
  """Returns the names whose binding would have an effect."""
  names = [b.scope for b in reachable.used_bindings() if b.is_macro]
  for node in reachable.nodes.values():
    parameters = gin_internals.signature(node.selector).parameters
    names.extend(node.name_of(parameter) for parameter in parameters)
  return names
