"""tensorflow_hub beside us: a black box, run in a process of its own."""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import pytest

_TESTS = pathlib.Path(__file__).parent


def require(version):
  """Skips a test unless this version of tensorflow_hub is installed."""
  try:
    found = importlib.metadata.version("tensorflow-hub")
  except importlib.metadata.PackageNotFoundError:
    found = "none"
  if found != version:
    pytest.skip(f"needs tensorflow-hub {version}; {found} is installed")


def run(*arguments):
  """Runs Python, which finds us and `tests/hub`; returns what it prints.

  That is the JSON behind the word FOUND.
  """
  paths = [_TESTS / "hub", _TESTS.parent, os.environ.get("PYTHONPATH", "")]
  result = subprocess.run(
    [sys.executable, *map(str, arguments)],
    env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
    capture_output=True,
    text=True,
  )
  for line in result.stdout.splitlines():
    if line.startswith("FOUND"):
      return json.loads(line[len("FOUND") :])
  raise AssertionError(result.stderr[-4000:])
