"""Downloads from a real server: what comes, what breaks, what is refused."""

import base64
import hashlib
import itertools
import threading

import pytest
import web_server
from web_server import redirect, send, send_range

from hub_estimator.handles import downloads

CONTENT = bytes(itertools.islice(itertools.cycle(range(251)), 300_000))


@pytest.fixture
def pauses():
  return []


@pytest.fixture
def download(server, tmp_path, pauses):
  """Downloads an address; returns (where it came from, the bytes)."""

  def run(url, **changes):
    settings = downloads.Settings(
      tries=4, timeout_secs=20.0, max_bytes=10**6, sleep=pauses.append
    )
    path = tmp_path / "file"
    place = downloads.download(
      url, str(path), "the/handle", settings._replace(**changes)
    )
    return place, path.read_bytes()

  return run


def test_a_file_comes_as_it_is(server, download):
  url = server.serve("/m", CONTENT)
  assert download(url) == (url, CONTENT)
  (path, headers) = server.requests[0]
  assert path == "/m"
  assert headers["Accept-Encoding"] == "identity"


def test_redirects_are_followed(server, download):
  url = server.serve("/end", CONTENT)
  server.answers["/a"] = redirect("/b")
  server.answers["/b"] = redirect(url, status=307)
  assert download(f"{server.url}/a") == (url, CONTENT)


def test_signatures_of_redirects_are_not_told(server, download):
  url = server.serve("/end", CONTENT)
  server.answers["/a"] = redirect(f"{url}?X-Signature=secret#part")
  assert download(f"{server.url}/a")[0] == url
  server.serve("/end", b"no", status=403)
  with pytest.raises(downloads.RefusedError) as raised:
    download(f"{server.url}/a")
  assert f"{url} answers 403" in str(raised.value)
  assert "secret" not in str(raised.value)


def test_redirects_without_end_are_an_error(server, download):
  server.answers["/a"] = redirect("/a")
  with pytest.raises(OSError, match="redirects without end"):
    download(f"{server.url}/a")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_servers_that_recover_are_asked_again(server, download, pauses, status):
  url = server.answer(
    "/m",
    lambda h: send(h, b"later", status=status),
    lambda h: send(h, b"later", status=status),
    lambda h: send(h, CONTENT),
  )
  assert download(url)[1] == CONTENT
  assert pauses == [0.5, 1.0]


def test_a_server_says_how_long_to_pause(server, download, pauses):
  url = server.answer(
    "/m",
    lambda h: send(h, b"", status=503, headers={"Retry-After": "7"}),
    lambda h: send(h, CONTENT),
  )
  assert download(url)[1] == CONTENT
  assert pauses == [7.0]


def test_tries_end(server, download, pauses):
  url = server.answer("/m", lambda h: send(h, b"no", status=500))
  with pytest.raises(downloads.DownloadError) as raised:
    download(url)
  assert "the server answers 500 Internal Server Error" in str(raised.value)
  assert "4 tries" in str(raised.value)
  assert "the/handle" in str(raised.value)
  assert len(server.requests) == 4
  assert pauses == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
  "status, text",
  [
    (401, "wants a login"),
    (403, "does not let this machine in"),
    (404, "no module at that address"),
    (410, "or no longer"),
    (418, "no reason that is known"),
  ],
)
def test_refusals_are_final_and_say_what_to_do(server, download, status, text):
  url = server.serve("/m", b"no", status=status)
  with pytest.raises(downloads.RefusedError, match=text) as raised:
    download(url)
  assert f"answers {status}" in str(raised.value)
  assert "cache import the/handle" in str(raised.value)
  assert len(server.requests) == 1


@pytest.mark.parametrize("end", [0, 1, 1000, 262_144, 299_999])
def test_what_broke_off_is_resumed(server, download, end):
  url = server.answer("/m", send_range(CONTENT, end=end), send_range(CONTENT))
  assert download(url)[1] == CONTENT
  _, headers = server.requests[1]
  if end:
    # The end of what arrived may be less than what was sent.
    assert headers["Range"].startswith("bytes=")
    assert headers["If-Range"] == '"v1"'


def test_a_file_that_has_changed_meanwhile_comes_anew(server, download):
  other = CONTENT[::-1]
  url = server.answer(
    "/m",
    send_range(CONTENT, end=5000),
    # A server that sees another validator sends all of the new file.
    lambda h: send(h, other, headers={"ETag": '"v2"'}),
  )
  assert download(url)[1] == other


def test_a_server_without_ranges_begins_anew(server, download):
  url = server.answer(
    "/m",
    lambda h: send(h, CONTENT, end=5000),
    lambda h: send(h, CONTENT),
  )
  assert download(url)[1] == CONTENT
  assert "Range" not in server.requests[1][1]


def test_another_part_than_was_asked_for_is_not_taken(server, download):
  def wrong_part(handler):
    send(
      handler,
      CONTENT[10:],
      status=206,
      headers={"Content-Range": f"bytes 10-299999/{len(CONTENT)}"},
    )

  url = server.answer(
    "/m", send_range(CONTENT, end=5000), wrong_part, send_range(CONTENT)
  )
  assert download(url)[1] == CONTENT


def test_a_range_that_cannot_be_met_begins_anew(server, download):
  url = server.answer(
    "/m",
    send_range(CONTENT, end=5000),
    lambda h: send(h, b"", status=416),
    send_range(CONTENT),
  )
  assert download(url)[1] == CONTENT
  assert "Range" not in server.requests[2][1]


def test_a_length_that_is_too_large_is_a_broken_connection(server, download):
  url = server.answer("/m", lambda h: send(h, CONTENT, length=10**6 - 1))
  with pytest.raises(OSError, match="broke off"):
    download(url)
  assert len(server.requests) == 4


def test_a_body_without_length_ends_with_the_connection(server, download):
  url = server.serve("/m", CONTENT, length=-1)
  assert download(url)[1] == CONTENT


def test_more_bytes_than_the_bound_are_not_begun(server, download):
  url = server.serve("/m", CONTENT)
  with pytest.raises(OSError, match="TFHUB_MAX_DOWNLOAD_BYTES") as raised:
    download(url, max_bytes=1000)
  assert "more than 1,000 bytes" in str(raised.value)


def test_an_endless_body_is_given_up(server, download, tmp_path):
  def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    while True:
      handler.wfile.write(CONTENT)

  url = server.answer("/m", endless)
  with pytest.raises(downloads.RefusedError, match="sends more than"):
    download(url)
  assert (tmp_path / "file").stat().st_size <= 10**6
  assert len(server.requests) == 1


def test_a_server_that_falls_silent_is_given_up(server, download):
  over = threading.Event()

  def silent(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "10")
    handler.end_headers()
    handler.wfile.write(b"12345")
    handler.wfile.flush()
    over.wait(60)

  url = server.answer("/m", silent)
  with pytest.raises(OSError, match="broke off|no answer within"):
    download(url, timeout_secs=0.1, tries=2)
  over.set()


def test_a_body_that_trickles_is_given_up(server, download):
  def trickle(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.close_connection = True
    for _ in range(90):
      handler.wfile.write(b"\0" * 10)
      handler.wfile.flush()

  seconds = itertools.count(0.0, 30.0)
  url = server.answer("/m", trickle)
  with pytest.raises(OSError, match="next to nothing"):
    download(url, tries=1, clock=lambda: next(seconds))


@pytest.mark.parametrize(
  "headers",
  [
    {"Repr-Digest": "sha-256=:{sha256}:"},
    {"Digest": "SHA-256={sha256}"},
    {"x-goog-hash": "crc32c=AAAAAA==,md5={md5}"},
    {"Content-MD5": "{md5}"},
  ],
)
def test_checksums_of_servers_are_compared(server, download, headers):
  def fields(content):
    digests = {
      name: base64.b64encode(hashlib.new(name, content).digest()).decode()
      for name in ("sha256", "md5")
    }
    return {key: text.format(**digests) for key, text in headers.items()}

  changed = CONTENT[:-1] + b"!"
  url = server.answer(
    "/m",
    lambda h: send(h, changed, headers=fields(CONTENT)),
    lambda h: send(h, CONTENT, headers=fields(CONTENT)),
  )
  assert download(url)[1] == CONTENT
  assert len(server.requests) == 2
  server.answer("/m", lambda h: send(h, changed, headers=fields(CONTENT)))
  with pytest.raises(OSError, match="has not the (sha256|md5) of its"):
    download(url, tries=2)


@pytest.mark.parametrize(
  "page, headers",
  [
    (b"<!DOCTYPE html><html>Please log in</html>", {}),
    (b"Please log in", {"Content-Type": "text/html; charset=utf-8"}),
    (b"\n <html><body>proxy</body></html>", {}),
  ],
)
def test_pages_in_place_of_archives_are_said_to_be_pages(
  server, download, page, headers
):
  url = server.serve("/m", page, headers=headers)
  with pytest.raises(downloads.NotAnArchiveError, match="page") as raised:
    download(url)
  assert "does not appear to be a valid module" in str(raised.value)
  assert url in str(raised.value)
  assert len(server.requests) == 1


def test_nobody_listening_is_a_connection_problem(download, tmp_path):
  gone = web_server.WebServer()
  gone.close()
  with pytest.raises(OSError, match="refused") as raised:
    download(f"{gone.url}/m", tries=2)
  assert "2 tries" in str(raised.value)


def test_addresses_that_are_none_are_refused(download):
  with pytest.raises(downloads.RefusedError, match="cannot be downloaded"):
    download("http://[half")


def test_proxies_of_the_environment_are_used(server, download, settings):
  # The proxy is asked for the whole address.
  url = "http://models.test/m"
  server.serve(url, CONTENT)
  settings.setenv("HTTP_PROXY", server.url)
  settings.setenv("http_proxy", server.url)
  assert download(url)[1] == CONTENT
  assert server.requests[0][0] == url
