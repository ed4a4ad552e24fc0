"""Checks of many image files, and decoding them outside of a run's graph."""

from __future__ import annotations

import concurrent.futures
import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional

from hub_estimator import errors
from hub_estimator.inputs import fingerprints, image_headers
from hub_estimator.inputs.image_headers import ImageError

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

HEADERS = "headers"
DECODE = "decode"
NONE = "none"
CHECKS = (HEADERS, DECODE, NONE)

# Threads that mostly wait for the disk.
_NUM_READERS = 16


def find_header_problems(
  paths: Sequence[str],
) -> list[Optional[ImageError]]:
  """Returns for each file what its header says is wrong, None if nothing."""

  def find(path):
    try:
      image_headers.read_header(path)
    except ImageError as problem:
      return problem
    return None

  with concurrent.futures.ThreadPoolExecutor(_NUM_READERS) as threads:
    return list(threads.map(find, paths))


def run_on_files(
  paths: Iterable[str], compute: Callable[[tf.Tensor], tf.Tensor]
) -> Iterator[Any]:
  """Computes a tensor from the bytes of each file, in parallel threads.

  The graph and the session are ones of their own, on the CPU.

  Args:
    paths: files; a stream of them is read some ahead.
    compute: takes a string scalar, the content of a file, and returns a tensor.

  Yields:
    for each file, in order, the tensor's value, or an `ImageError`.
  """
  from hub_estimator.tf_compat import tf

  graph = tf.Graph()
  with graph.as_default(), tf.device("/cpu:0"):
    contents = tf.compat.v1.placeholder(tf.string, [])
    result = compute(contents)

  def run(path):
    try:
      image_headers.read_header(path)
      with open(path, "rb") as file:
        return session.run(result, {contents: file.read()})
    except ImageError as problem:
      return problem
    except OSError as error:
      return ImageError(
        image_headers.UNREADABLE_FILE,
        f"the file cannot be read: {error.strerror}",
      )
    except tf.errors.OpError as error:
      return ImageError(
        image_headers.DAMAGED,
        f"it cannot be decoded: {_reason_of(error.message)}",
      )

  # A session that could see GPUs would take their memory.
  config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
  num_threads = os.cpu_count() or 1
  session = tf.compat.v1.Session(graph=graph, config=config)
  with session, concurrent.futures.ThreadPoolExecutor(num_threads) as threads:
    # A few at a time: all results at once might not fit into memory.
    paths = iter(paths)
    while block := list(itertools.islice(paths, 16 * num_threads)):
      yield from threads.map(run, block)


def find_problems(
  paths: Sequence[str],
  check: str,
  decode: Callable[[tf.Tensor], tf.Tensor],
) -> list[Optional[ImageError]]:
  """Returns for each file what is wrong with it, None if nothing was found.

  Args:
    paths: files.
    check: "headers" reads headers, "decode" decodes, too, "none" does nothing.
    decode: takes the content of a file and returns its pixels.
  """
  if check == NONE:
    return [None] * len(paths)
  if check == HEADERS:
    return find_header_problems(paths)

  def num_pixels(contents):
    from hub_estimator.tf_compat import tf

    return tf.size(decode(contents))

  return [
    result if isinstance(result, ImageError) else None
    for result in run_on_files(paths, num_pixels)
  ]


def add_files(digest: Any, paths: Sequence[str]) -> None:
  """Adds the content of files to a hashlib digest, read in parallel threads.

  Raises:
    UserOSError: a file cannot be read.
  """

  def digest_of(path):
    of_file = hashlib.sha256()
    try:
      fingerprints.add_file(of_file, path)
    except OSError as error:
      raise errors.UserOSError(
        f"The image {path!r} cannot be read: {error.strerror}."
      ) from error
    return of_file.digest()

  with concurrent.futures.ThreadPoolExecutor(_NUM_READERS) as threads:
    for content in threads.map(digest_of, paths):
      digest.update(content)


def _reason_of(message: str) -> str:
  """Returns what a TensorFlow error says went wrong, without where.

  The reason stands before the name of the node; where ops keep their Python
  stack, that stands before the reason.
  """
  lines = [line for line in message.splitlines() if line.strip()]
  for before, line in zip(["", *lines], lines):
    reason, mark, _ = line.partition("{{node")
    reason = reason.strip(" \t.[")
    if mark and not line.startswith("Detected at"):
      return reason or before.strip(" \t.")
  return lines[0].strip(" \t.") if lines else "no reason given"
