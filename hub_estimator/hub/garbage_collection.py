"""Keeping Python's cycle collector out of the making of large graphs."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

_YOUNG, _OLD = 1, 2  # Generations of the collector.


class CollectionDeferral:
  """How many threads defer collections, and what has been made meanwhile."""

  def __init__(self):
    self._lock = threading.Lock()
    self._depth = 0
    self._was_enabled = False
    self._num_made = 0
    self._num_old = 0
    self._num_full_collections = 0

  @contextlib.contextmanager
  def __call__(self) -> Iterator[None]:
    """Defers collections of cyclic garbage, of all threads, while entered.

    Making a graph makes hundreds of thousands of objects that all live on.
    Python would look through every object of the process again and again
    meanwhile, for garbage that there is not: up to half of the time of a call
    of a large module. Here it does so when as many objects have been made as
    there were, so that graphs which the program drops are found in time.
    A program that has switched the collector off finds it switched off.
    """
    with self._lock:
      if self._depth == 0:
        self._was_enabled = gc.isenabled()
        gc.disable()
      self._depth += 1
    try:
      yield
    finally:
      with self._lock:
        self._depth -= 1
        if self._depth == 0 and self._was_enabled:
          self._resume()

  def _resume(self) -> None:
    num_made = gc.get_count()[0]
    gc.enable()
    # What was made is old from here on, for Python's own count as well.
    gc.collect(_YOUNG)
    if gc.get_stats()[_OLD]["collections"] != self._num_full_collections:
      self._num_made = 0  # Python has just looked.
      self._count()
    self._num_made += num_made
    if self._num_made > self._num_old:
      gc.collect()
      self._num_made = 0
      self._count()

  def _count(self) -> None:
    self._num_old = len(gc.get_objects(generation=_OLD))
    self._num_full_collections = gc.get_stats()[_OLD]["collections"]


deferred_collection = CollectionDeferral()
