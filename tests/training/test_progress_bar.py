import io
import os
import pty
import re
import time

import pytest

from hub_estimator.training import progress_bar


class Clock:
  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


class Terminal(io.StringIO):
  def isatty(self):
    return True


@pytest.fixture
def clock():
  return Clock()


def advance(progress, clock, steps, seconds_per_step):
  for step in steps:
    clock.now += seconds_per_step
    progress.update(step, 1 / step)


def test_first_last_and_every_ten_seconds_are_lines(clock):
  stream = io.StringIO()
  progress = progress_bar.Progress(60, 64, stream=stream, clock=clock)
  clock.now += 1000.0  # Building graphs does not count.
  advance(progress, clock, range(1, 61), 0.5)
  progress.close()
  # 2 steps of 64 examples a second: step 21 is 10 s after step 1.
  assert stream.getvalue().splitlines() == [
    "step 1/60  loss 1",
    "step 21/60  loss 0.04762  128 examples/s  20 s left",
    "step 41/60  loss 0.02439  128 examples/s  10 s left",
    "step 60/60  loss 0.01667  128 examples/s",
  ]


def test_rate_follows_the_last_window(clock):
  stream = io.StringIO()
  progress = progress_bar.Progress(1000, 10, stream=stream, clock=clock)
  advance(progress, clock, range(1, 12), 1.0)  # Step 11, 10 s: 10 a second.
  advance(progress, clock, range(12, 52), 0.25)  # Step 51, 20 s: 40 a second.
  assert stream.getvalue().splitlines()[1:] == [
    "step 11/1,000  loss 0.09091  10 examples/s  16 min 29 s left",
    # (1000 - 51) / 4 = 237.25 s.
    "step 51/1,000  loss 0.01961  40 examples/s  3 min 57 s left",
  ]


def test_a_resumed_run_counts_from_its_first_step(clock):
  stream = io.StringIO()
  progress = progress_bar.Progress(
    220, 1, initial_step=200, stream=stream, clock=clock, every_secs=5
  )
  advance(progress, clock, range(201, 207), 1.0)
  assert stream.getvalue().splitlines() == [
    "step 201/220  loss 0.004975",
    "step 206/220  loss 0.004854  1 examples/s  14 s left",
  ]


def test_close_reports_a_run_that_ends_early_once(clock):
  stream = io.StringIO()
  progress = progress_bar.Progress(100, 1, stream=stream, clock=clock)
  advance(progress, clock, (1, 2, 3), 1.0)
  progress.close()
  progress.close()
  assert stream.getvalue().splitlines() == [
    "step 1/100  loss 1",
    "step 3/100  loss 0.3333  1 examples/s  1 min 37 s left",
  ]


def test_a_run_without_a_step_says_nothing(clock):
  for stream in (io.StringIO(), Terminal()):
    progress_bar.Progress(100, 1, stream=stream, clock=clock).close()
    assert stream.getvalue().strip() == ""


def test_time_in_a_pause_is_left_out_of_the_rate(clock):
  stream = io.StringIO()
  progress = progress_bar.Progress(100, 1, stream=stream, clock=clock)
  advance(progress, clock, (1, 2), 1.0)
  progress.pause()
  clock.now += 1000
  advance(progress, clock, range(3, 14), 1.0)
  assert stream.getvalue().splitlines()[1:] == [
    "step 3/100  loss 0.3333",
    "step 13/100  loss 0.07692  1 examples/s  1 min 27 s left",
  ]


def test_lines_between(clock):
  stream = io.StringIO()
  progress = progress_bar.Progress(100, 1, stream=stream, clock=clock)
  progress.write("Saved.")
  assert stream.getvalue() == "Saved.\n"


def drawn(stream):
  """Returns the texts that a terminal showed on its lines, one after another.

  A bar redraws its line after a carriage return.
  """
  return [text.strip() for text in re.split(r"[\r\n]", stream.getvalue())]


def test_a_terminal_has_one_bar(clock):
  stream = Terminal()
  progress = progress_bar.Progress(4, 64, stream=stream, clock=clock)
  assert stream.getvalue() == ""
  advance(progress, clock, (1, 2, 3, 4), 0.5)
  progress.close()
  shown = [text for text in drawn(stream) if text]
  assert [re.sub(r"\|.*\|", "|bar|", text) for text in shown[:4]] == [
    "25%|bar| step 1/4  loss 1",
    "50%|bar| step 2/4  loss 0.5  128 examples/s  1 s left",
    "75%|bar| step 3/4  loss 0.3333  128 examples/s  0 s left",
    "100%|bar| step 4/4  loss 0.25  128 examples/s",
  ]
  assert stream.getvalue().count("\n") == 1
  assert stream.getvalue().endswith("\n")


def test_a_terminal_without_a_size_has_a_bar_too(clock):
  # A new pseudo-terminal has 0 columns.
  parent, child = pty.openpty()
  with open(child, "w") as stream:
    assert os.get_terminal_size(child).columns == 0
    progress = progress_bar.Progress(4, 64, stream=stream, clock=clock)
    advance(progress, clock, (1,), 0.5)
    stream.flush()
    assert b"step 1/4  loss 1" in os.read(parent, 1000)
    progress.close()
  os.close(parent)


def test_a_terminal_is_redrawn_five_times_a_second_at_most(clock):
  stream = Terminal()
  progress = progress_bar.Progress(10_000, 64, stream=stream, clock=clock)
  advance(progress, clock, range(1, 1001), 0.001)
  # 1 s of steps: at the first and each 0.2 s after it.
  assert stream.getvalue().count("step ") == 5


def test_a_line_between_leaves_the_bar_whole(clock):
  stream = Terminal()
  progress = progress_bar.Progress(4, 64, stream=stream, clock=clock)
  advance(progress, clock, (1,), 0.5)
  progress.write("Saved.")
  before, line, after = [text for text in drawn(stream) if text]
  assert line == "Saved."
  assert before == after
  assert after.endswith("step 1/4  loss 1")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_a_step_that_is_not_reported_is_cheap(stream):
  progress = progress_bar.Progress(10**9, 64, stream=stream)
  progress.update(1, 1.0)
  num_steps = 20_000
  best = float("inf")
  for _ in range(5):
    start = time.perf_counter()
    for step in range(num_steps):
      progress.update(step, 1.0)
    best = min(best, (time.perf_counter() - start) / num_steps)
  assert best < 5e-6


@pytest.mark.parametrize(
  "seconds, text",
  [
    (0.4, "0 s"),
    (59.4, "59 s"),
    (59.6, "1 min 00 s"),
    (200, "3 min 20 s"),
    (7500, "2 h 05 min"),
  ],
)
def test_format_seconds(seconds, text):
  assert progress_bar.format_seconds(seconds) == text


@pytest.mark.parametrize(
  "rate, text", [(1234.4, "1,234"), (10, "10"), (9.87, "9.9"), (0.25, "0.25")]
)
def test_format_rate(rate, text):
  assert progress_bar.format_rate(rate) == text
