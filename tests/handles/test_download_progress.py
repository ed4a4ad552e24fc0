"""What a download shows meanwhile."""

import io

import pytest

from hub_estimator.handles.downloads.progress import DownloadProgress


class _Terminal(io.StringIO):
  def isatty(self):
    return True


class _Clock:
  seconds = 0.0

  def __call__(self):
    return self.seconds


@pytest.fixture
def clock():
  return _Clock()


def test_lines_every_so_often(clock):
  stream = io.StringIO()
  progress = DownloadProgress("h", stream, clock)
  for seconds, num_bytes in (
    (10, 1),
    (15, 30_000_000),
    (20, 2),
    (30, 90 * 10**6),
  ):
    clock.seconds = seconds
    progress.update(num_bytes, 120 * 10**6)
  progress.close()
  assert stream.getvalue() == (
    "Downloading h: 30.0 of 120.0 MB (25 %), 2.0 MB/s\n"
    "Downloading h: 90.0 of 120.0 MB (75 %), 3.0 MB/s\n"
  )


def test_without_a_length(clock):
  stream = io.StringIO()
  progress = DownloadProgress("h", stream, clock)
  clock.seconds = 15.0
  progress.update(3_000_000, None)
  assert stream.getvalue() == "Downloading h: 3.0 MB, 0.2 MB/s\n"


def test_a_bar_on_a_terminal(clock):
  stream = _Terminal()
  progress = DownloadProgress("https://h", stream, clock)
  clock.seconds = 1.0
  progress.update(30_000_000, 120_000_000)
  progress.close()
  assert "https://h:  25%" in stream.getvalue()
  assert "30.0M/120M" in stream.getvalue()


def test_a_quick_download_shows_nothing(clock):
  for stream in (io.StringIO(), _Terminal()):
    progress = DownloadProgress("h", stream, clock)
    progress.update(1, 1)
    progress.close()
    assert stream.getvalue() == ""


def test_it_goes_to_stdout_if_asked_for(clock, settings, capsys):
  settings.setenv("TFHUB_DOWNLOAD_PROGRESS", "1")
  progress = DownloadProgress("h", clock=clock)
  clock.seconds = 15.0
  progress.update(15_000_000, 15_000_000)
  assert capsys.readouterr() == (
    "Downloading h: 15.0 of 15.0 MB (100 %), 1.0 MB/s\n",
    "",
  )
