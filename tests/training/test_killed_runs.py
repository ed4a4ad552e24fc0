"""Runs that are killed, as by kill -9, and go on by the same command."""

import pathlib

import pytest
import upstream_hub

PROGRAM = str(pathlib.Path(__file__).with_name("forked_runs.py"))


@pytest.mark.slow
@pytest.mark.parametrize("mode, num_kills", [("files", 60), ("times", 40)])
def test_a_killed_run_gives_what_an_undisturbed_one_does(
  tmp_path, mode, num_kills
):
  found = upstream_hub.run(PROGRAM, tmp_path, mode, num_kills, 20261125)
  assert found["wrong"] == []
  assert found["kills"] == num_kills
  # The kills are worth something: processes died before the first checkpoint,
  # after the last, and between.
  assert found["changes"] > 200
  assert len(set(found["steps"])) >= 3
  if mode == "files":  # The same kills each time.
    assert {-1, 3, 6, 9, 12} <= set(found["steps"])
