"""Bindings that lost their use when a reference to their object was replaced.

`fine_tuning.gin` says `Optimization.schedule_fn = @create_cosine_schedule_fn()`
and binds its arguments. A config that includes it and takes another schedule
leaves those bindings without effect, and is not to blame for them.
"""

from __future__ import annotations

from hub_estimator.training import gin_values

_Key = tuple[str, str, str]


class Orphans:
  """Collects what was bound when a reference to it was replaced."""

  def __init__(self):
    self._candidates: dict[_Key, gin_values.Binding] = {}

  def note_replaced(
    self,
    replaced: gin_values.Binding,
    bindings: dict[_Key, gin_values.Binding],
  ) -> None:
    """Notes that a binding is about to be replaced.

    Args:
      replaced: the binding.
      bindings: all that are made until then, by key.
    """
    # A macro that the value itself was is no argument of a lost object: it is
    # left to the check of unused macros.
    lost = [key for key in _used_by(replaced, bindings) if not _is_macro(key)]
    while lost:
      key = lost.pop()
      if key not in self._candidates:
        self._candidates[key] = bindings[key]
        lost += _used_by(bindings[key], bindings)

  def removed_from(
    self, bindings: dict[_Key, gin_values.Binding]
  ) -> dict[_Key, gin_values.Binding]:
    """Returns bindings without those that nothing refers to any more.

    One that was bound again after the replacement stays: whoever wrote it
    wanted it to have an effect.
    """
    candidates = {
      key
      for key, binding in self._candidates.items()
      if bindings.get(key) is binding
    }
    kept = {k: b for k, b in bindings.items() if k not in candidates}
    found = list(kept.values())
    while found:
      for key in _used_by(found.pop(), bindings):
        if key not in kept:
          kept[key] = bindings[key]
          found.append(bindings[key])
    return {k: b for k, b in bindings.items() if k in kept}


def _is_macro(key: _Key) -> bool:
  return key[1] == gin_values.MACRO_SELECTOR


def _used_by(binding, bindings) -> list[_Key]:
  """Returns the keys of what a binding's value refers to directly."""
  selectors, macros = set(), set()
  for leaf in gin_values.iterate_leaves(binding.value):
    if isinstance(leaf, gin_values.Reference):
      selectors.add(leaf.selector)
    elif isinstance(leaf, gin_values.Macro):
      macros.add(gin_values.macro_key(leaf.name))
  return [
    key
    for key, other in bindings.items()
    if key in macros or (other.selector in selectors and not other.is_macro)
  ]
