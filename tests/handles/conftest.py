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
