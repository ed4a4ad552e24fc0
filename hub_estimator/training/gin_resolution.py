"""Looks up what statements name: configurables, parameters, macros."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from hub_estimator.training import (
  gin_internals,
  gin_orphans,
  gin_problems,
  gin_reading,
  gin_values,
)

Bindings = dict[tuple[str, str, str], gin_values.Binding]


def resolve(
  statements: Iterable[gin_reading.Statement],
  import_place: str = "",
  keep_orphans: bool = False,
) -> tuple[Bindings, list[str]]:
  """Returns the bindings that statements make, and what is wrong in them.

  The last statement for a parameter wins. What was bound, before it, for a
  configurable that only the earlier value referred to is left out: a config
  that replaces `@X()` of a file that it includes need not know what that file
  binds for X.

  Args:
    statements: In the order in which they bind; the modules that register what
      they name must have been imported.
    import_place: Where an import line would stand, for messages: " of …".
    keep_orphans: Whether what would be left out stays.
  """
  resolver = _Resolver(import_place)
  bindings: Bindings = {}
  orphans = gin_orphans.Orphans()
  for statement in statements:
    binding = resolver.binding(statement)
    if binding is not None:
      if binding.key in bindings:
        orphans.note_replaced(bindings[binding.key], bindings)
      # A parameter that is bound again keeps its place in the order.
      bindings[binding.key] = binding
  if not keep_orphans:
    bindings = orphans.removed_from(bindings)
  return bindings, [*resolver.problems, *_macro_problems(bindings)]


class _Resolver:
  """Makes bindings of statements, and collects what is wrong.

  Attributes:
    problems: Sentences.
  """

  def __init__(self, import_place: str):
    self.problems: list[str] = []
    self._import_place = import_place
    # One missing import makes many statements wrong: it is said once.
    self._unknown: set[str] = set()

  def binding(
    self, statement: gin_reading.Statement
  ) -> Optional[gin_values.Binding]:
    """Returns what the statement binds; None if it names what is not there."""
    prefix = f"{statement.place}: {statement.name}"
    if statement.parameter:
      scope, parameter = statement.scope, statement.parameter
      selector = self._selector(statement, prefix)
    else:
      scope, selector, parameter = gin_values.macro_key(statement.name)
    value = gin_values.map_value(
      statement.value, lambda leaf: self._leaf(leaf, prefix)
    )
    if selector is None:
      return None
    return gin_values.Binding(
      scope, selector, parameter, value, statement.place, statement.comment
    )

  def _selector(
    self, statement: gin_reading.Statement, prefix: str
  ) -> Optional[str]:
    selector = self._configurable(statement.selector, "", prefix)
    if selector is None:
      return None
    signature = gin_internals.signature(selector)
    name, parameter = statement.selector, statement.parameter
    if parameter in signature.unbindable:
      self.problems.append(
        f"{prefix}: {parameter} of {name} is set by the program, not by a"
        " configuration"
      )
    elif parameter not in signature.parameters and not signature.accepts_any:
      hint = gin_problems.did_you_mean(parameter, signature.parameters)
      self.problems.append(
        f"{prefix}: {name} has no parameter {parameter}{hint}"
      )
    elif selector == gin_values.MACRO_SELECTOR and not statement.scope:
      self.problems.append(f"{prefix} names no macro")
    return selector

  def _leaf(self, leaf: Any, prefix: str) -> Any:
    if isinstance(leaf, gin_values.Macro):
      constants = gin_internals.find_constants(leaf.name)
      if len(constants) > 1:
        self.problems.append(
          f"{prefix}: %{leaf.name} is ambiguous: {', '.join(constants)}"
        )
      return gin_values.Constant(constants[0]) if constants else leaf
    if isinstance(leaf, gin_values.Reference):
      selector = self._configurable(leaf.selector, "@", prefix)
      return gin_values.Reference(
        leaf.scopes, selector or leaf.selector, leaf.evaluate
      )
    return leaf

  def _configurable(
    self, selector: str, mark: str, prefix: str
  ) -> Optional[str]:
    """Returns the complete selector; None, with a problem, if not just one."""
    found = gin_internals.find_configurables(selector)
    if len(found) == 1:
      return found[0]
    if found:
      self.problems.append(
        f"{prefix}: {mark}{selector} is ambiguous: {', '.join(found)}"
      )
    elif selector not in self._unknown:
      self._unknown.add(selector)
      names = [mark + name for name in gin_internals.configurable_names()]
      hint = gin_problems.did_you_mean(mark + selector, names)
      self.problems.append(
        f"{prefix}: there is no configurable {mark}{selector}{hint}"
        " (a configurable of your own needs an import line"
        f"{self._import_place} for its module)"
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


def value_text(value: Any) -> str:
  """Returns the text that Gin reads as `value`, with minimal selectors.

  Args:
    value: A value for which `gin_values.is_literal` holds. A reference that
      names no configurable, or several, keeps its selector.
  """
  return gin_values.format_value(value, _shortest_selector)


def _shortest_selector(selector: str) -> str:
  found = gin_internals.find_configurables(selector)
  if len(found) != 1:
    return selector
  return gin_internals.minimal_selector(found[0])
