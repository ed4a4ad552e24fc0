"""Runs that are killed while they change files.

Beside `test_killed_at_times.py` and not in it, so that both run at a time.
"""

import pytest
from killed_runs import check_killed_runs


@pytest.mark.slow
def test_a_killed_run_gives_what_an_undisturbed_one_does(tmp_path):
  steps = check_killed_runs(tmp_path, "files", 60)
  # The same kills each time.
  assert {-1, 3, 6, 9, 12} <= steps
