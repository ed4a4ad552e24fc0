"""Mirrors: other places for handles whose sites are gone."""

import gin
import pytest
import tiny_modules

from hub_estimator import handles
from hub_estimator.handles import mirrors, web_resolver

OLD = "https://tfhub.dev/"


@pytest.fixture(autouse=True)
def clear_gin():
  yield
  gin.clear_config()


def test_a_folder_takes_the_place_of_a_beginning(settings, tmp_path):
  path = tiny_modules.write_module(tmp_path / "google" / "m" / "1")
  settings.setenv("TFHUB_MIRRORS", f"{OLD}={tmp_path}")
  assert handles.resolve(f"{OLD}google/m/1") == path
  assert handles.find(f"{OLD}google/m/1?x=1") == (path, False)
  assert mirrors.mirrored("https://models.test/m") is None


def test_a_folder_may_hold_archives(settings, tmp_path, cache):
  (tmp_path / "m").mkdir()
  (tmp_path / "m" / "1.tar.gz").write_bytes(tiny_modules.archive())
  settings.setenv("TFHUB_MIRRORS", f"{OLD}={tmp_path}/")
  assert handles.resolve(f"{OLD}m/1").startswith(cache.folder)


def test_a_folder_that_has_not_got_it(settings, tmp_path):
  settings.setenv("TFHUB_MIRRORS", f"{OLD}={tmp_path}")
  with pytest.raises(OSError, match="there is nothing") as raised:
    handles.resolve(f"{OLD}m/1")
  assert f"{OLD}m/1 is mirrored to {tmp_path}/m/1" in str(raised.value)
  assert "TFHUB_MIRRORS" in str(raised.value)


def test_another_server_is_asked_and_the_handle_is_kept(
  settings, server, cache
):
  server.serve("/hub/m/1", tiny_modules.archive())
  settings.setenv("TFHUB_MIRRORS", f"{OLD}={server.url}/hub")
  folder = handles.resolve(f"{OLD}m/1")
  assert folder == cache.module_folder(f"{OLD}m/1")
  assert server.requests[0][0] == "/hub/m/1?tf-hub-format=compressed"
  # What is in the cache needs no mirror.
  settings.setenv("TFHUB_OFFLINE", "1")
  assert handles.resolve(f"{OLD}m/1") == folder
  with pytest.raises(web_resolver.OfflineError):
    handles.resolve(f"{OLD}m/2")


def test_offline_a_mirror_of_folders_is_used(settings, tmp_path):
  path = tiny_modules.write_module(tmp_path / "m")
  settings.setenv("TFHUB_MIRRORS", f"{OLD}={tmp_path}")
  settings.setenv("TFHUB_OFFLINE", "1")
  assert handles.resolve(f"{OLD}m") == path


@pytest.mark.parametrize(
  "target, handle, expected",
  [
    ("https://a.test/b", "m/1", "https://a.test/b/m/1"),
    ("https://a.test/b/", "m/1", "https://a.test/b/m/1"),
    ("https://a.test/b/", "/m/1", "https://a.test/b/m/1"),
    ("https://a.test/b", "", "https://a.test/b"),
    ("https://a.test/b", "?x=1", "https://a.test/b?x=1"),
  ],
)
def test_addresses_are_joined_by_one_slash(settings, target, handle, expected):
  settings.setenv("TFHUB_MIRRORS", f"{OLD}={target}")
  assert mirrors.mirrored(OLD + handle) == expected


def test_the_longest_beginning_counts(settings):
  settings.setenv(
    "TFHUB_MIRRORS",
    f"{OLD}=https://a.test/,{OLD}google/=https://b.test/ x=https://c.test/",
  )
  assert mirrors.mirrored(f"{OLD}google/m") == "https://b.test/m"
  assert mirrors.mirrored(f"{OLD}other/m") == "https://a.test/other/m"


def test_gin_binds_mirrors_and_the_environment_comes_first(settings):
  gin.parse_config(
    f'handle_mirrors.mirrors = {{"{OLD}": "https://gin.test/", "y": "/y"}}'
  )
  assert mirrors.mirrored(f"{OLD}m") == "https://gin.test/m"
  settings.setenv("TFHUB_MIRRORS", f"{OLD}=https://env.test/")
  assert mirrors.mirrored(f"{OLD}m") == "https://env.test/m"


@pytest.mark.parametrize(
  "text",
  [
    "https://tfhub.dev/=https://a.test/, x=/y",
    "x=/y;https://tfhub.dev/=https://a.test/",
    '{"https://tfhub.dev/": "https://a.test/", "x": "/y"}',
  ],
)
def test_ways_to_write_it(settings, text):
  settings.setenv("TFHUB_MIRRORS", text)
  assert mirrors.mirrored(f"{OLD}m") == "https://a.test/m"


@pytest.mark.parametrize(
  "text",
  ["https://tfhub.dev/", "=x", "x=", "a=b,c", "{", '{"x": 1}', '{"": "x"}'],
)
def test_what_is_no_map_is_refused(settings, text):
  settings.setenv("TFHUB_MIRRORS", text)
  with pytest.raises(ValueError, match="BEGINNING=ADDRESS_OR_FOLDER"):
    handles.resolve("m")


@pytest.mark.parametrize("value", ["'text'", "{'x': 1}", "['x']", "{'': 'x'}"])
def test_a_gin_binding_that_is_no_map_is_refused(value):
  gin.parse_config(f"handle_mirrors.mirrors = {value}")
  with pytest.raises(ValueError, match="must be a dict"):
    handles.resolve("m")
