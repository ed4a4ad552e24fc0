"""Imports that resolve to other modules, or are completed afterwards.

Two things that `hub_estimator.aliases` is made of, and neither knows what is
aliased: `LazyModule`, which looks up its names in a module that is imported
when one is asked for, and `ImportHooks`, a finder that stands before the others
on `sys.meta_path`.
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from typing import Any, Callable, Optional, Union

# Import-related and introspective code asks any module for names like
# `__file__` and `__wrapped__`; of those, only these mean the module's content.
_CONTENT_DUNDERS = ("__all__", "__version__")


class LazyModule(types.ModuleType):
  """A module whose names are those of another one, imported when needed."""

  def __init__(self, name: str, load: Union[str, Callable[[], Any]]):
    """Creates it.

    Args:
      name: its `__name__`.
      load: the name of the module that it stands for, or a function that
        returns the module.
    """
    super().__init__(name, f"Stands for {load}.")
    self.__dict__["__path__"] = []
    self.__dict__["_load"] = load

  def __getattr__(self, name: str) -> Any:
    if name.startswith("__") and name not in _CONTENT_DUNDERS:
      raise AttributeError(
        f"module {self.__name__!r} has no attribute {name!r}"
      )
    return getattr(self._target(), name)

  def __dir__(self) -> list[str]:
    return dir(self._target())

  def _target(self):
    load = self.__dict__["_load"]
    return importlib.import_module(load) if isinstance(load, str) else load()


class ImportHooks(importlib.abc.MetaPathFinder):
  """A finder that stands before the others.

  Attributes:
    aliases: name → name of the module that an import of it gives, if nothing
      else finds one; then the modules below it are aliases too.
    before: name → function that is called before a module that is found is
      created; returns a context manager to be entered while it is executed.
    after: name → function that is called with a module that was executed.
    instead: name → function that returns the module to import where nothing
      else finds one, or where executing it raises an Exception.
    hidden: names of modules that are not looked for: `instead` is taken.
  """

  def __init__(self):
    self.aliases: dict[str, str] = {}
    self._used_aliases: set[str] = set()
    self.before: dict[str, Callable] = {}
    self.after: dict[str, Callable] = {}
    self.instead: dict[str, Callable] = {}
    self.hidden: set[str] = set()

  def find_spec(
    self, fullname: str, path=None, target=None
  ) -> Optional[importlib.machinery.ModuleSpec]:
    """See `importlib.abc.MetaPathFinder`."""
    alias = self._alias_above(fullname)
    if alias is not None:
      # Nothing else is asked: it would find the file of the module that the
      # alias stands for, and execute it once more.
      original = self.aliases[alias] + fullname[len(alias) :]
      return _spec_of_alias(fullname, original)
    hooks = (self.aliases, self.before, self.after, self.instead)
    if not any(fullname in names for names in hooks):
      return None
    spec = None
    if fullname not in self.hidden:
      spec = self._find_with_the_others(fullname, path, target)
    if spec is None:
      if fullname in self.instead:
        return _replacing_spec(fullname, self.instead[fullname])
      if fullname in self.aliases:
        self._used_aliases.add(fullname)
        return _spec_of_alias(fullname, self.aliases[fullname])
    elif spec.loader is not None and fullname not in self.aliases:
      before = self.before.get(fullname, contextlib.nullcontext)()
      spec.loader = _HookedLoader(spec.loader, self, before)
    return spec

  def _alias_above(self, fullname: str) -> Optional[str]:
    """Returns the alias in use that a module is below of, or None."""
    name = fullname.rpartition(".")[0]
    while name and name not in self._used_aliases:
      name = name.rpartition(".")[0]
    return name or None

  def _find_with_the_others(self, fullname, path, target):
    for finder in sys.meta_path:
      if finder is not self and hasattr(finder, "find_spec"):
        spec = finder.find_spec(fullname, path, target)
        if spec is not None:
          return spec
    return None


def _spec_of_alias(fullname: str, original: str):
  module = _import_if_it_exists(original)
  return None if module is None else _replacing_spec(fullname, lambda: module)


def _import_if_it_exists(name: str) -> Optional[types.ModuleType]:
  """Returns the module of a name, or that its parent has under this name."""
  try:
    if importlib.util.find_spec(name) is not None:
      return importlib.import_module(name)
  except ModuleNotFoundError:  # Its parent is no package.
    return None
  parent, _, child = name.rpartition(".")
  found = getattr(importlib.import_module(parent), child, None)
  return found if isinstance(found, types.ModuleType) else None


def _replacing_spec(fullname: str, load: Callable[[], types.ModuleType]):
  return importlib.machinery.ModuleSpec(fullname, _ReplacingLoader(load))


class _ReplacingLoader(importlib.abc.Loader):
  """Puts a module that has another name in the place of the imported one."""

  def __init__(self, load):
    self._load = load

  def create_module(self, spec):
    return None

  def exec_module(self, module):
    # The import system returns what it finds here afterwards.
    sys.modules[module.__spec__.name] = self._load()


class _HookedLoader(importlib.abc.Loader):
  """Executes a module with its own loader, and what the hooks say around it."""

  def __init__(self, loader, hooks: ImportHooks, before):
    self._loader = loader
    self._hooks = hooks
    self._before = before

  def create_module(self, spec):
    return self._loader.create_module(spec)

  def exec_module(self, module):
    name = module.__spec__.name
    # Resources and source are asked of the module's own loader.
    module.__spec__.loader = module.__loader__ = self._loader
    try:
      with self._before:
        self._loader.exec_module(module)
    except Exception:
      if name not in self._hooks.instead:
        raise
      _forget_submodules(name)
      sys.modules[name] = self._hooks.instead[name]()
      return
    if name in self._hooks.after:
      self._hooks.after[name](module)


def _forget_submodules(name: str) -> None:
  """Drops what a failed import left behind."""
  for other in list(sys.modules):
    if other.startswith(f"{name}."):
      del sys.modules[other]
