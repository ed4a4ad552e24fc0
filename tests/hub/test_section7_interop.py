"""Section 7 of the format: columns beside those of tensorflow_hub.

tensorflow_hub is a black box here, run in a process of its own.
"""

import pathlib

import columns_interop
import pytest
import upstream_hub

_PROGRAM = pathlib.Path(__file__).parent / "columns_interop.py"

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
  upstream_hub.require("0.15.0")
  return upstream_hub.run(_PROGRAM)


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
