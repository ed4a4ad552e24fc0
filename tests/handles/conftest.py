"""Fixtures of the tests of handles."""

import pytest

from hub_estimator import handles


@pytest.fixture(autouse=True)
def settings(handle_settings):
  """The settings of handles, to be changed with `setenv`."""
  return handle_settings


@pytest.fixture
def cache(settings):
  return handles.ModuleCache()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
  """The path of a module with variables in two files, and an asset."""
  # Only here: most tests of handles need no TensorFlow.
  import handle_modules

  return handle_modules.export_whole(tmp_path_factory.mktemp("whole") / "m")


@pytest.fixture
def module(whole, tmp_path):
  """The path of a copy of that module, to be damaged."""
  import handle_modules

  return handle_modules.copy(whole, tmp_path / "m")
