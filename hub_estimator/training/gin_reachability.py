"""What a run can use: a walk along references from the injection root.

Gin's scopes are followed as Gin applies them: an evaluated `@a/X()` runs in
scope `a` whatever called it, an unscoped `@X()` in the scope of its consumer,
and the value of a macro `M` in scope `M`. An unevaluated `@X` without scope is
taken to be called by the configurable that receives it.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Optional

from hub_estimator.training import gin_internals, gin_resolution, gin_values

NodeKey = tuple[tuple[str, ...], str]


@dataclasses.dataclass
class Node:
  """A configurable as it is used in one scope.

  Attributes:
    scopes: The active scopes when it is called.
    selector: Complete selector.
    evaluated: Whether Gin calls it (the root, `@x()`), so that nobody else can
      supply its parameters.
    bindings: Parameter → the binding that holds in this scope.
    written_scope: The innermost of `scopes`, joined by "/", in which anything
      is bound for the configurable: uses with the same one are alike.
    reached_by: The binding whose value refers to it; None for the root.
  """

  scopes: tuple[str, ...]
  selector: str
  evaluated: bool
  bindings: dict[str, gin_values.Binding]
  written_scope: str
  reached_by: Optional[gin_values.Binding]

  def name_of(self, parameter: str) -> str:
    """Returns `scope/selector.parameter`, which compares between runs."""
    return gin_resolution.parameter_name(
      self.written_scope, self.selector, parameter
    )


# What the package asks for by itself, whatever the root uses.
_ALWAYS_USED = ("handle_mirrors",)


class Reachable:
  """All nodes used from a root, and the bindings that count.

  Attributes:
    bindings: All bindings, used or not.
    nodes: (scopes, selector) → Node, in the order of discovery.
    used: Keys of the bindings that have an effect.
    cycles: Sentences on objects that need themselves.
  """

  def __init__(self, bindings: gin_resolution.Bindings, root: str):
    self.bindings = bindings
    self.nodes: dict[NodeKey, Node] = {}
    self.used: set[tuple[str, str, str]] = set()
    self.cycles: list[str] = []
    self._bound: dict[tuple[str, str], list[gin_values.Binding]] = {}
    for binding in bindings.values():
      key = (binding.scope, binding.selector)
      self._bound.setdefault(key, []).append(binding)
    (selector,) = gin_internals.find_configurables(root)
    self._visit((), selector, True, None, ())
    for name in _ALWAYS_USED:
      for selector in gin_internals.find_configurables(name):
        if ("", selector) in self._bound:
          self._visit((), selector, True, None, ())

  def used_bindings(self) -> list[gin_values.Binding]:
    """Returns the bindings that have an effect, in the order of writing."""
    return [b for key, b in self.bindings.items() if key in self.used]

  def _visit(
    self,
    scopes: tuple[str, ...],
    selector: str,
    evaluated: bool,
    reached_by: Optional[gin_values.Binding],
    callers: tuple[NodeKey, ...],
  ) -> None:
    """Adds a use of `selector`; Gin evaluates it while `callers` wait."""
    key = (scopes, selector)
    if evaluated and key in callers and reached_by is not None:
      name = gin_resolution.binding_name(reached_by)
      self.cycles.append(
        f"{reached_by.place}: {name}: building"
        f" {gin_internals.minimal_selector(selector)} needs itself"
      )
    if key in self.nodes:
      self.nodes[key].evaluated |= evaluated
      return
    bindings, written_scope = self._bindings_in(scopes, selector)
    self.nodes[key] = Node(
      scopes, selector, evaluated, bindings, written_scope, reached_by
    )
    callers = (*callers, key) if evaluated else (key,)
    for binding in bindings.values():
      self.used.add(binding.key)
      self._walk(binding.value, scopes, scopes, binding, callers)

  def _bindings_in(
    self, scopes: tuple[str, ...], selector: str
  ) -> tuple[dict[str, gin_values.Binding], str]:
    bindings: dict[str, gin_values.Binding] = {}
    written_scope = ""
    for length in range(len(scopes) + 1):
      scope = "/".join(scopes[:length])
      for binding in self._bound.get((scope, selector), ()):
        bindings[binding.parameter] = binding
        written_scope = scope
    return bindings, written_scope

  def _walk(
    self,
    value: Any,
    scopes: tuple[str, ...],
    caller_scopes: tuple[str, ...],
    binding: gin_values.Binding,
    callers: tuple[NodeKey, ...],
  ) -> None:
    """Follows a value that is evaluated in `scopes` for `caller_scopes`."""
    for leaf in gin_values.iterate_leaves(value):
      if isinstance(leaf, gin_values.Reference):
        inherited = scopes if leaf.evaluate else caller_scopes
        self._visit(
          leaf.scopes or inherited,
          leaf.selector,
          leaf.evaluate,
          binding,
          callers,
        )
      elif isinstance(leaf, gin_values.Macro):
        macro = self.bindings.get(gin_values.macro_key(leaf.name))
        if macro is not None:
          self.used.add(macro.key)
          macro_scopes = tuple(leaf.name.split("/"))
          self._walk(macro.value, macro_scopes, caller_scopes, macro, callers)
