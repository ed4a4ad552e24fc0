"""Studies whose workers, parent and database are killed, 50 times at random."""

import pathlib

import postgres_server
import pytest
import upstream_hub

PROGRAM = str(pathlib.Path(__file__).with_name("killed_studies.py"))
SEED = 20261125


def check_killed_studies(folder, parts, num_kills):
  found = upstream_hub.run(PROGRAM, folder, ",".join(parts), num_kills, SEED)
  # Each point has one finished result, that of an undisturbed study.
  assert found["wrong"] == []
  assert sum(found["kills"].values()) == num_kills
  assert all(found["kills"][part] for part in parts)


@pytest.mark.slow
def test_a_study_in_a_database_survives_the_death_of_any_part(tmp_path):
  try:
    postgres_server.find_binaries()
  except postgres_server.NoServerError as error:
    pytest.skip(str(error))
  check_killed_studies(tmp_path, ("worker", "parent", "database"), 50)


@pytest.mark.slow
def test_a_study_in_a_journal_survives_the_death_of_any_part(tmp_path):
  check_killed_studies(tmp_path, ("worker", "parent"), 10)
