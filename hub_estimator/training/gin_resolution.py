"""Looks up what statements name: configurables, parameters, macros."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from hub_estimator.training import (
  gin_internals,
  gin_problems,
  gin_reading,
  gin_values,
)

Bindings = dict[tuple[str, str, str], gin_values.Binding]


def resolve(
  statements: Iterable[gin_reading.Statement],
) -> tuple[Bindings, list[str]]:
  """Returns the bindings that statements make, and what is wrong in them.

  The last statement for a parameter wins.

  Args:
    statements: In the order in which they bind; what they name must have been
      imported.
  """
  bindings: Bindings = {}
  problems: list[str] = []
  for statement in statements:
    try:
      binding = _resolve_statement(statement)
    except gin_problems.GinConfigError as e:
      problems.extend(e.problems)
      continue
    # A parameter that is bound again keeps its place in the order.
    bindings[binding.key] = binding
  problems.extend(_macro_problems(bindings))
  return bindings, problems


def _resolve_statement(statement: gin_reading.Statement) -> gin_values.Binding:
  problems: list[str] = []
  value = gin_values.map_value(
    statement.value, lambda leaf: _resolve_leaf(leaf, statement, problems)
  )
  if statement.parameter:
    scope, parameter = statement.scope, statement.parameter
    selector = _resolve_selector(statement, problems)
    if selector == gin_values.MACRO_SELECTOR and not scope:
      problems.append(f"{statement.place}: {statement.name} names no macro")
  else:
    scope, selector, parameter = gin_values.macro_key(statement.name)
  if problems or selector is None:
    raise gin_problems.GinConfigError(problems)
  return gin_values.Binding(
    scope, selector, parameter, value, statement.place, statement.comment
  )


def _resolve_selector(
  statement: gin_reading.Statement, problems: list[str]
) -> Optional[str]:
  prefix = f"{statement.place}: {statement.name}"
  selector = _find_configurable(statement.selector, "", prefix, problems)
  if selector is None:
    return None
  signature = gin_internals.signature(selector)
  name, parameter = statement.selector, statement.parameter
  if parameter in signature.unbindable:
    problems.append(
      f"{prefix}: {parameter} of {name} is set by the program, not by a"
      " configuration"
    )
  elif parameter not in signature.parameters and not signature.accepts_any:
    hint = gin_problems.did_you_mean(parameter, signature.parameters)
    problems.append(f"{prefix}: {name} has no parameter {parameter}{hint}")
  return selector


def _resolve_leaf(
  leaf: Any, statement: gin_reading.Statement, problems: list[str]
) -> Any:
  prefix = f"{statement.place}: {statement.name}"
  if isinstance(leaf, gin_values.Macro):
    constants = gin_internals.find_constants(leaf.name)
    if len(constants) > 1:
      problems.append(
        f"{prefix}: %{leaf.name} is ambiguous: {', '.join(constants)}"
      )
    return gin_values.Constant(constants[0]) if constants else leaf
  if isinstance(leaf, gin_values.Reference):
    selector = _find_configurable(leaf.selector, "@", prefix, problems)
    return gin_values.Reference(
      leaf.scopes, selector or leaf.selector, leaf.evaluate
    )
  return leaf


def _find_configurable(
  selector: str, mark: str, prefix: str, problems: list[str]
) -> Optional[str]:
  found = gin_internals.find_configurables(selector)
  if len(found) == 1:
    return found[0]
  if found:
    problems.append(
      f"{prefix}: {mark}{selector} is ambiguous: {', '.join(found)}"
    )
  else:
    names = [mark + name for name in gin_internals.configurable_names()]
    hint = gin_problems.did_you_mean(mark + selector, names)
    problems.append(
      f"{prefix}: there is no configurable {mark}{selector}{hint}"
    )
  return None


def _macro_problems(bindings: Bindings) -> list[str]:
  macros = [binding.scope for binding in bindings.values() if binding.is_macro]
  problems = []
  for binding in bindings.values():
    prefix = f"{binding.place}: {binding_name(binding)}"
    for leaf in gin_values.iterate_leaves(binding.value):
      if isinstance(leaf, gin_values.Macro) and leaf.name not in macros:
        hint = gin_problems.did_you_mean(
          f"%{leaf.name}", [f"%{macro}" for macro in macros]
        )
        problems.append(f"{prefix}: no macro %{leaf.name} is defined{hint}")
    cycle = _macro_cycle(binding, bindings) if binding.is_macro else None
    if cycle:
      problems.append(f"{prefix}: the macro is defined by itself: {cycle}")
  return problems


def _macro_cycle(
  start: gin_values.Binding, bindings: Bindings
) -> Optional[str]:
  """Returns "%A → %B → %A" when macro A's value leads back to it, or None."""
  paths = [(start, [start.scope])]
  seen = set()
  while paths:
    binding, path = paths.pop()
    for leaf in gin_values.iterate_leaves(binding.value):
      if not isinstance(leaf, gin_values.Macro):
        continue
      if leaf.name == start.scope:
        return " → ".join(f"%{name}" for name in [*path, leaf.name])
      target = bindings.get(gin_values.macro_key(leaf.name))
      if target is not None and target.key not in seen:
        seen.add(target.key)
        paths.append((target, [*path, leaf.name]))
  return None


def binding_name(binding: gin_values.Binding) -> str:
  """Returns the left side of a binding: a macro's name, or scope/X.y."""
  if binding.is_macro:
    return binding.scope
  return parameter_name(binding.scope, binding.selector, binding.parameter)


def parameter_name(scope: str, selector: str, parameter: str) -> str:
  """Returns `scope/selector.parameter` with the minimal selector."""
  path = f"{scope}/" if scope else ""
  return f"{path}{gin_internals.minimal_selector(selector)}.{parameter}"
