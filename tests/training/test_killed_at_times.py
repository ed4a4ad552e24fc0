"""Runs that are killed at any time."""

import pytest
from killed_runs import check_killed_runs


@pytest.mark.slow
def test_a_killed_run_gives_what_an_undisturbed_one_does(tmp_path):
  check_killed_runs(tmp_path, "times", 40)
