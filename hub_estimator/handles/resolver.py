"""Resolvers: each knows how the modules of some handles are found."""

from __future__ import annotations

import abc


class Resolver(abc.ABC):
  """Finds the folder of a handle's module.

  A subclass that is registered with `register_resolver` adds a scheme:

    class BucketResolver(hub.Resolver):
      def is_supported(self, handle):
        return handle.startswith("bucket://")

      def resolve(self, handle):
        return hub.ModuleCache().get(
          handle, lambda path: bucket.download(handle, path)
        )

    hub.register_resolver(BucketResolver())

  Attributes:
    is_remote: whether its modules come from elsewhere, so that what their
      graphs do is looked at before they are imported.
  """

  is_remote = True

  @abc.abstractmethod
  def is_supported(self, handle: str) -> bool:
    """Whether it is the one for a handle; must be cheap and open nothing."""

  @abc.abstractmethod
  def resolve(self, handle: str) -> str:
    """Returns the folder of a handle's module; it may download it.

    Raises:
      OSError: there is none, or it cannot be had; the message says why.
    """


_registered: list[Resolver] = []


def register_resolver(resolver: Resolver) -> None:
  """Adds a resolver, which is asked before those that were there already.

  Raises:
    TypeError: it is no Resolver.
  """
  if not isinstance(resolver, Resolver):
    raise TypeError(
      f"{resolver!r} is no hub.Resolver: register an instance of a subclass."
    )
  _registered.insert(0, resolver)


def unregister_resolver(resolver: Resolver) -> None:
  """Takes back a resolver; ValueError if it is not registered."""
  _registered.remove(resolver)


def registered_resolvers() -> list[Resolver]:
  """Returns the resolvers that were registered, those asked first in front."""
  return list(_registered)
