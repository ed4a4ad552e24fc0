"""Imports that each run would make for itself, made once before the forks."""

from __future__ import annotations

import contextlib
import importlib

# What runs import when they first need it: a second, and more where a run takes
# two. None of it starts a thread.
_LATE = ("sklearn.metrics", "hub_estimator.evaluation.class_metrics")


def import_early() -> None:
  """Imports what runs import late; what is not installed is their matter."""
  for name in _LATE:
    with contextlib.suppress(ImportError):
      importlib.import_module(name)
