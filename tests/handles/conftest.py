"""Fixtures of the tests of handles."""

import os

import pytest
import web_server

from hub_estimator import handles


@pytest.fixture(autouse=True)
def settings(monkeypatch, tmp_path):
  """No setting of the machine; a cache in the test's folder."""
  for name in list(os.environ):
    if name.startswith("TFHUB_") or name.lower().endswith("_proxy"):
      monkeypatch.delenv(name)
  monkeypatch.delenv("TF_CONFIG", raising=False)
  monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
  return monkeypatch


@pytest.fixture
def cache(settings):
  return handles.ModuleCache()


@pytest.fixture
def server():
  running = web_server.WebServer()
  yield running
  running.close()
