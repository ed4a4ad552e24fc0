"""Section 7 of the format: columns beside those of tensorflow_hub.

tensorflow_hub is a black box here, run in a process of its own.
"""

import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import columns_interop
import pytest

_HERE = pathlib.Path(__file__).parent

PARTS = (
  "columns",
  "configs",
  "without a handle",
  "key column",
  "text modules",
  "image modules",
  "arguments",
  "layers",
  "sparse values",
  "checkpoints",
)


@pytest.fixture(scope="module")
def found():
  try:
    version = importlib.metadata.version("tensorflow-hub")
  except importlib.metadata.PackageNotFoundError:
    version = "none"
  if version != "0.15.0":
    pytest.skip(f"needs tensorflow-hub 0.15.0; {version} is installed")
  paths = [str(_HERE), str(_HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
  result = subprocess.run(
    [sys.executable, str(_HERE / "columns_interop.py")],
    env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    capture_output=True,
    text=True,
  )
  for line in result.stdout.splitlines():
    if line.startswith("FOUND"):
      return json.loads(line[len("FOUND") :])
  raise AssertionError(result.stderr[-4000:])


@pytest.mark.parametrize("part", PARTS)
def test_both_show_the_same(part, found):
  assert found["ours"][part] == found["theirs"][part]
  assert set(found["ours"]) == set(PARTS)


def test_cases_of_both_kinds_are_compared(found):
  for part, cases in (
    ("text modules", columns_interop.TEXT_MODULES),
    ("image modules", columns_interop.IMAGE_MODULES),
  ):
    assert len(found["ours"][part]) == len(cases)
    assert {*found["ours"][part]} == {"none", "ValueError"}
