"""Runs that are killed, as by kill -9, and go on by the same command."""

import pathlib

import upstream_hub

PROGRAM = str(pathlib.Path(__file__).with_name("forked_runs.py"))


def check_killed_runs(folder, mode, num_kills):
  """Kills runs, each again until it ends; returns the steps it was killed at.

  Args:
    folder: where to.
    mode: "files" kills at changes of files, "times" at times.
    num_kills: how many kills.
  """
  found = upstream_hub.run(PROGRAM, folder, mode, num_kills, 20261125)
  assert found["wrong"] == []
  assert found["kills"] == num_kills
  # The kills are worth something: processes died before the first checkpoint,
  # after the last, and between.
  assert found["changes"] > 200
  assert len(set(found["steps"])) >= 3
  return set(found["steps"])
