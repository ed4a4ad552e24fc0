"""Fixtures of the tests of publishing."""

import pytest
from embedding_modules import CONTENT


@pytest.fixture
def embedding_file(tmp_path):
  """The path of a file of three words."""
  path = tmp_path / "vectors.txt"
  path.write_bytes(CONTENT)
  return path
