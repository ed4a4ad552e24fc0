"""Handles of every kind, to the folders of their modules."""

import gzip
import os
import pathlib
import random

import pytest
import tiny_modules
from web_server import redirect, send, send_range

from hub_estimator import handles
from hub_estimator.handles import web_resolver
from hub_estimator.handles.downloads import http_download

FILES = tiny_modules.module_files({"words.txt": b"a\n"})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
  """Tries follow each other at once."""
  monkeypatch.setattr(http_download, "_FIRST_PAUSE_SECS", 0.0)


def _holds_module(folder):
  return pathlib.Path(folder, "tfhub_module.pb").read_bytes() == b"\x08\x03"


def test_a_folder_is_itself(tmp_path):
  path = tiny_modules.write_module(tmp_path / "m")
  assert handles.resolve(path) == path
  assert handles.find(path) == (path, False)
  assert handles.resolve(tmp_path / "m") == path
  assert handles.resolve(f"file://{path}") == path


def test_a_home_folder_is_expanded(tmp_path, settings):
  settings.setenv("HOME", str(tmp_path))
  path = tiny_modules.write_module(tmp_path / "m")
  assert handles.resolve("~/m") == path


def test_the_newest_export_of_a_run(tmp_path):
  for seconds in ("1600000000", "1700000000"):
    tiny_modules.write_module(tmp_path / seconds / "module")
  newest = str(tmp_path / "1700000000" / "module")
  assert handles.resolve(str(tmp_path)) == newest
  assert handles.pinned(str(tmp_path)) == newest
  assert handles.pinned(newest) == newest
  assert handles.pinned("https://models.test/m") == "https://models.test/m"


@pytest.mark.parametrize(
  "name, compression",
  [("m.tar", ""), ("m.tar.gz", "gz"), ("m.tgz", "gz"), ("m.tar.xz", "xz")],
)
def test_local_archives(tmp_path, cache, name, compression):
  path = tmp_path / name
  path.write_bytes(tiny_modules.archive(FILES, compression))
  folder = handles.resolve(str(path))
  assert folder.startswith(cache.folder)
  assert _holds_module(folder)
  assert handles.find(f"file://{path}") == (folder, False)
  # An archive that was written anew is another module.
  path.write_bytes(tiny_modules.archive(compression=compression))
  assert handles.resolve(str(path)) != folder
  assert path.exists()


def test_web_addresses(server, cache):
  url = server.serve("/google/m/1", tiny_modules.archive(FILES))
  folder = handles.resolve(url)
  assert folder == cache.module_folder(url)
  assert _holds_module(folder)
  assert server.requests[0][0] == "/google/m/1?tf-hub-format=compressed"
  assert handles.find(url) == (folder, True)
  assert len(server.requests) == 1


def test_what_was_downloaded_stays_so_when_its_folder_is_given(server, cache):
  folder = handles.resolve(server.serve("/m", tiny_modules.archive(FILES)))
  assert handles.find(folder) == (folder, True)
  assert not handles.find(os.path.dirname(cache.folder)).is_downloaded


@pytest.mark.parametrize(
  "query, asked",
  [
    ("?x=1", "?x=1&tf-hub-format=compressed"),
    ("?tf-hub-format=compressed", "?tf-hub-format=compressed"),
    ("?tf-hub-format=compressed&x", "?tf-hub-format=compressed&x"),
    ("#top", "?tf-hub-format=compressed"),
  ],
)
def test_queries_are_kept(server, query, asked):
  url = server.serve("/m", tiny_modules.archive(FILES)) + query
  assert _holds_module(handles.resolve(url))
  assert server.requests[0][0] == f"/m{asked}"


def test_redirects_lead_to_the_archive(server):
  place = server.serve("/bucket/m.tar.gz", tiny_modules.archive(FILES))
  server.answers["/m"] = redirect(place)
  assert _holds_module(handles.resolve(f"{server.url}/m"))


def test_old_and_new_addresses():
  compressed = "?tf-hub-format=compressed"
  urls = web_resolver.archive_urls
  nnlm = "https://tfhub.dev/google/nnlm-en-dim128/1"
  assert urls(nnlm) == [nnlm + compressed]
  assert urls(nnlm + compressed) == [nnlm + compressed]
  download = (
    "https://www.kaggle.com/api/v1/models/google/nnlm/tensorFlow1/"
    "en-dim128/1/download"
  )
  for page in (
    "https://www.kaggle.com/models/google/nnlm/tensorFlow1/en-dim128/1",
    "https://kaggle.com/models/google/nnlm/frameworks/tensorFlow1/variations/"
    "en-dim128/versions/1",
  ):
    assert urls(page) == [page + compressed, download]
  assert urls("https://hub.tensorflow.google.cn/google/m/1") == [
    "https://gcs.tensorflow.google.cn/tfhub-modules/google/m/1.tar.gz"
  ]


def test_the_second_place_is_asked_when_the_first_has_a_page(
  server, settings, tmp_path
):
  page = server.serve("/page", b"<html></html>")
  place = server.serve("/api", tiny_modules.archive(FILES))
  settings.setattr(web_resolver, "archive_urls", lambda _: [page, place])
  assert _holds_module(handles.resolve("https://models.test/m"))


@pytest.mark.parametrize(
  "status, body, place",
  [(303, b"gs://bucket/m\n", "gs://bucket/m"), (200, b"gs://b/m", None)],
)
def test_uncompressed_modules_are_read_where_they_lie(
  server, settings, status, body, place
):
  url = server.serve("/m", body, status=status)
  settings.setenv("TFHUB_MODEL_LOAD_FORMAT", "UNCOMPRESSED")
  if place:
    assert handles.resolve(url) == place
  else:
    with pytest.raises(ValueError, match="must answer 303") as raised:
      handles.resolve(url)
    assert "answers 200 and 'gs://b/m'" in str(raised.value)
  assert server.requests[0][0] == "/m?tf-hub-format=uncompressed"


def test_a_load_format_that_there_is_not(settings):
  settings.setenv("TFHUB_MODEL_LOAD_FORMAT", "ZIPPED")
  with pytest.raises(ValueError, match="ZIPPED.*AUTO, COMPRESSED"):
    handles.resolve("https://models.test/m")


def test_an_unencrypted_address_is_warned_of(settings, caplog):
  settings.setenv("TFHUB_DOWNLOAD_TRIES", "1")
  settings.setenv("http_proxy", "http://127.0.0.1:9")
  with pytest.raises(OSError, match="cannot be downloaded"):
    handles.resolve("http://models.test/m")
  (record,) = caplog.records
  assert "http://models.test/m is not encrypted" in record.getMessage()


def test_offline_opens_nothing_and_says_what_to_do(server, settings, cache):
  url = server.serve("/m", tiny_modules.archive(FILES))
  settings.setenv("TFHUB_OFFLINE", "1")
  with pytest.raises(web_resolver.OfflineError) as raised:
    handles.resolve(url)
  message = str(raised.value)
  assert f"{url} is not in the cache {cache.folder}" in message
  assert f"cache import {url} FOLDER_OR_ARCHIVE" in message
  assert server.requests == []
  settings.setenv("TFHUB_OFFLINE", "0")
  folder = handles.resolve(url)
  settings.setenv("TFHUB_OFFLINE", "true")
  assert handles.resolve(url) == folder


def test_offline_a_module_that_is_not_whole(server, settings, cache):
  url = server.serve("/m", tiny_modules.archive(FILES))
  os.remove(os.path.join(handles.resolve(url), "saved_model.pb"))
  settings.setenv("TFHUB_OFFLINE", "1")
  with pytest.raises(web_resolver.OfflineError) as raised:
    handles.resolve(url)
  assert f"{url} is not whole (saved_model.pb is missing) in the cache" in str(
    raised.value
  )


@pytest.mark.parametrize("compression", ["", "gz"])
def test_a_server_that_compresses_what_it_sends(server, compression):
  content = gzip.compress(tiny_modules.archive(FILES, ""))
  if compression:
    content = tiny_modules.archive(FILES)
  url = server.serve("/m", content, headers={"Content-Encoding": "gzip"})
  assert _holds_module(handles.resolve(url))


def test_a_page_is_no_module(server, cache):
  url = server.serve("/m", b"<!doctype html><title>Sign in</title>")
  with pytest.raises(OSError, match="valid module.*page"):
    handles.resolve(url)
  assert [n for n in os.listdir(cache.folder) if n != ".locks"] == []


def test_a_cut_archive_is_no_module(server, cache):
  content = tiny_modules.archive(FILES)
  url = server.serve("/m", content[:-20])
  with pytest.raises(OSError, match="valid module"):
    handles.resolve(url)
  assert cache.find(url) is None


@pytest.mark.parametrize("missing", [1, 50])
def test_a_length_that_is_too_small_is_no_module(server, missing):
  content = tiny_modules.archive(FILES)
  url = server.serve("/m", content, length=len(content) - missing)
  with pytest.raises(OSError, match="valid module.*truncated"):
    handles.resolve(url)


@pytest.mark.parametrize("seed", range(10))
def test_a_body_that_is_cut_anywhere_is_resumed(server, seed):
  content = tiny_modules.archive(FILES)
  ends = random.Random(seed).sample(range(len(content)), 3)
  url = server.answer(
    "/m",
    *(send_range(content, end=end) for end in sorted(ends)),
    send_range(content),
  )
  assert _holds_module(handles.resolve(url))
  assert len(server.requests) == 4


def test_a_broken_connection_does_not_show(server, settings):
  content = tiny_modules.archive(FILES)
  url = server.answer(
    "/m",
    lambda h: send(h, content, end=100),
    lambda h: send(h, content),
  )
  assert _holds_module(handles.resolve(url))


class _ShelfResolver(handles.Resolver):
  def __init__(self, folder):
    self.folder, self.asked = folder, []

  def is_supported(self, handle):
    return handle.startswith("shelf://")

  def resolve(self, handle):
    self.asked.append(handle)
    return tiny_modules.write_module(self.folder / handle[len("shelf://") :])


def test_a_user_adds_a_scheme(tmp_path):
  resolver = _ShelfResolver(tmp_path)
  handles.register_resolver(resolver)
  try:
    assert handles.find("shelf://m") == (str(tmp_path / "m"), True)
    assert resolver.asked == ["shelf://m"]
  finally:
    handles.unregister_resolver(resolver)
  with pytest.raises(TypeError, match="no hub.Resolver"):
    handles.register_resolver(_ShelfResolver)


@pytest.mark.parametrize("handle", [None, 5, ["m"], b"m"])
def test_handles_are_strings(handle):
  with pytest.raises(ValueError, match="handle is a string"):
    handles.resolve(handle)


def test_a_handle_is_not_empty():
  with pytest.raises(ValueError, match="handle is empty"):
    handles.resolve("")


def test_a_task_that_does_not_see_a_path_says_so(settings, tmp_path):
  settings.setenv(
    "TF_CONFIG",
    '{"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]},'
    ' "task": {"type": "worker", "index": 1}}',
  )
  with pytest.raises(OSError, match="The task worker 1 of the cluster does no"):
    handles.resolve(str(tmp_path / "missing"))
