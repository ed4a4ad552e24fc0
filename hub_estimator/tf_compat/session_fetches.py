"""Running the same fetches again and again without working them out again.

`Session.run` turns its nested fetches into a flat list each time. In an
Estimator's training loop, where every hook adds its own, that is most of what
a step costs in Python, and it is the same at every step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

# No public switch: `Session.make_callable` is compiled once, and a
# MonitoredSession, which Estimator trains in, does not use it.
from tensorflow.python.client import session as session_lib

from hub_estimator.tf_compat import tf


class _NotKeptError(Exception):
  """The fetches hold something whose identity says nothing."""


@contextlib.contextmanager
def kept_fetches() -> Iterator[None]:
  """Has sessions keep what they worked out for fetches, while its body runs.

  Kept are dicts, lists and tuples of tensors and operations that are run
  without feeds; all others are worked out as ever. Concerns all sessions of
  the process.
  """
  original = session_lib._FetchHandler
  kept: dict[Any, tuple[Any, Any]] = {}

  def create_handler(graph, fetches, feeds, feed_handles=None):
    if feeds or feed_handles:
      return original(graph, fetches, feeds, feed_handles=feed_handles)
    held: list[Any] = [graph]
    try:
      key = (id(graph), _structure(fetches, held))
    except _NotKeptError:
      return original(graph, fetches, feeds, feed_handles=feed_handles)
    if key not in kept:
      # What is held stays alive, so that no other object gets its id.
      kept[key] = (original(graph, fetches, feeds), held)
    return kept[key][0]

  session_lib._FetchHandler = create_handler
  try:
    yield
  finally:
    session_lib._FetchHandler = original


def _structure(fetches: Any, held: list[Any]) -> Any:
  """Returns what tells fetches from others, and notes the objects in them."""
  kind = type(fetches)
  if kind is dict:
    held.extend(fetches)
    return kind, tuple(
      (id(key), _structure(value, held)) for key, value in fetches.items()
    )
  if kind is list or kind is tuple:
    return kind, tuple(_structure(value, held) for value in fetches)
  if isinstance(fetches, (tf.Tensor, tf.Operation)):
    held.append(fetches)
    return id(fetches)
  raise _NotKeptError
