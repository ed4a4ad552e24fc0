"""What becomes of images that cannot be decoded while a run goes on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import image_checks
from hub_estimator.inputs.bad_examples import SKIP
from hub_estimator.inputs.image_headers import ImageError

FAILED = "image that failed while it was read"

_MAX_LISTED = 10
_NOTHING_WRONG = (
  "it could not be decoded when it was its turn, but can be now: was it being "
  "written, or is the disk or the memory at its limit"
)


class ImageFailures:
  """Names the images that a dataset lost, and raises or counts them.

  Attributes:
    error: what was raised first, None so far: TensorFlow reports it as an error
      of its own, with the message and a traceback.
  """

  def __init__(self, owner: str, on_bad_example: str, skipped: dict[str, int]):
    """Starts with none.

    Args:
      owner: the Gin configurable whose argument `on_bad_example` is.
      on_bad_example: "error" or "skip".
      skipped: reason -> number of examples, where skipped ones are counted.
    """
    self.error: Optional[errors.UserError] = None
    self._owner = owner
    self.skips = on_bad_example == SKIP
    self._skipped = skipped
    self._lost: dict[str, set[str]] = {}
    self._lock = threading.Lock()

  def examine(
    self,
    split: str,
    paths: Sequence[str],
    compute: Callable,
    may_be_late: bool,
    num_split_examples: int,
  ) -> np.ndarray:
    """Looks at images again that did not come out of a dataset.

    Args:
      split: the split they are of.
      paths: the images.
      compute: what makes a feature of the content of a file.
      may_be_late: whether images that can be read may still come.
      num_split_examples: how many examples the split has.

    Returns:
      [num_paths] array of bool: which are lost.

    Raises:
      UserValueError: one cannot be decoded, and is not to be skipped; or none
        of a split can; or that was so before.
    """
    # A dataset that reads ahead goes on after an error, without the batch that
    # the error took the place of.
    if self.error is not None:
      raise self.error
    results = list(image_checks.run_on_files(paths, compute))
    problems = {
      path: result if isinstance(result, ImageError) else None
      for path, result in zip(paths, results)
    }
    lost = [
      path for path in paths if problems[path] is not None or not may_be_late
    ]
    self.add(split, {path: problems[path] for path in lost}, num_split_examples)
    return np.array([path in lost for path in paths], bool)

  def add(
    self,
    split: str,
    problems: dict[str, Optional[ImageError]],
    num_split_examples: int,
  ) -> None:
    """Raises for images that are lost, or counts each once.

    Args:
      split: the split they are of.
      problems: path -> what is wrong with it; None if nothing is any more.
      num_split_examples: how many examples the split has.

    Raises:
      UserValueError: as `examine`.
    """
    if not problems:
      return
    with self._lock:
      known = set().union(*self._lost.values())
      for path, problem in problems.items():
        if path not in known:
          reason = problem.reason if problem else FAILED
          self._skipped[reason] = self._skipped.get(reason, 0) + 1
      of_split = self._lost.setdefault(split, set())
      of_split.update(problems)
      if not self.skips:
        way_out = (
          f"Mend them, or set {self._owner}.on_bad_example = 'skip' to leave "
          f"such images out; {self._owner}.check_images = 'decode' finds them "
          "before a run."
        )
      elif len(of_split) >= num_split_examples:
        way_out = f"No example of the {split} split is left."
      else:
        return
      number = len(problems)
      listed = "; ".join(
        f"{path}: {problem.text if problem else _NOTHING_WRONG}"
        for path, problem in list(problems.items())[:_MAX_LISTED]
      )
      more = f"; and {number - _MAX_LISTED} more" * (number > _MAX_LISTED)
      self.error = errors.UserValueError(
        f"{number} image{'s' * (number > 1)} of the {split} split could not be "
        f"read: {listed}{more}. {way_out}"
      )
      raise self.error
