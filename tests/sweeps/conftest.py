"""What the tests of sweeps share."""

import postgres_server
import pytest


@pytest.fixture(scope="session")
def postgres():
  """A PostgreSQL server, running; the test is skipped where there is none."""
  try:
    server = postgres_server.PostgresServer()
  except postgres_server.NoServerError as error:
    pytest.skip(str(error))
  try:
    server.start()
    yield server
  finally:
    server.close()


@pytest.fixture
def database(postgres):
  """The name of an empty database of the server, which runs."""
  postgres.start()
  return postgres.new_database()
