"""What a sweep shows while it runs."""

import contextlib
import datetime
import fcntl
import io
import os
import pty
import struct
import termios
import threading

import pytest
from trial_records import ACCURACY, SIZE, complete, run, study, trial

from hub_estimator.sweeps import records
from hub_estimator.sweeps.progress import SweepProgress

A, B = "runs/a/export/tf_hub", "runs/b/export/tf_hub"


class Clock:
  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


class Shown(io.StringIO):
  """A stream; `screen` is what a terminal would show of it."""

  def screen(self):
    lines = []
    for line in self.getvalue().split("\n"):
      shown = ""
      for part in line.split("\r"):
        shown = part + shown[len(part) :]
      lines.append(shown.rstrip())
    return lines


@pytest.fixture
def clock():
  return Clock()


@pytest.fixture
def stream():
  return Shown()


@pytest.fixture
def wide(monkeypatch):
  monkeypatch.setattr(SweepProgress, "_columns", lambda self: 200)


def of(*trials, **fields):
  fields.setdefault("num_wanted", 4)
  return study(
    *trials,
    handle_name="MODULE_HANDLE",
    param_names=("LEARNING_RATE", "MODULE_HANDLE"),
    **fields,
  )


def at(handle=A, rate=0.03):
  return {"MODULE_HANDLE": handle, "LEARNING_RATE": rate}


def running(number, **fields):
  return trial(number, records.RUNNING, at(), **fields)


def test_a_terminal_has_one_status_line_below_what_finished(
  stream, clock, wide
):
  progress = SweepProgress(stream, clock, is_terminal=True)
  progress.update(of(running(0), running(1)))
  assert stream.screen() == ["0/4 trials  2 running"]
  runs = [run(1, 0.75, seed=0), run(1, 1.0, seed=1, seconds=12.0)]
  done = complete(1, 0.875, runs=runs, params=at(B))
  progress.update(of(running(0), done, running(2)))
  # A mean of 22 s; of two that run, one since now and one since the start, and
  # one to come: (22 + 22 + 22) / 2.
  status = (
    "1/4 trials  2 running  best accuracy 0.875 "
    "(trial 1: module b, LEARNING_RATE 0.03)  about 35 s left"
  )
  line = (
    "trial 1  accuracy 0.875 ± 0.18  11.0 s  MODULE_HANDLE b  "
    "LEARNING_RATE 0.03"
  )
  assert stream.screen() == [line, status]
  # Nothing that is new.
  written = stream.getvalue()
  progress.update(of(running(0), done, running(2)))
  assert stream.getvalue() == written
  progress.write("warning: a line of the parent")
  assert stream.screen() == [line, "warning: a line of the parent", status]
  progress.close()
  assert stream.screen()[-2:] == [status, ""]
  progress.close()


def test_failed_and_pruned_trials_say_why(stream, clock, wide):
  progress = SweepProgress(stream, clock, is_terminal=True)
  progress.update(of(running(0), running(1)))
  progress.update(
    of(
      trial(0, records.FAILED, at(), error="ended by\nsignal 9"),
      trial(1, records.PRUNED, at(B), curve={20: 0.3, 1040: 0.41, 40: 0.4}),
      trial(2, records.FAILED, at(), error="x" * 1000),
      trial(3, records.PRUNED, at()),
    )
  )
  assert stream.screen() == [
    "trial 0  failed: ended by signal 9  MODULE_HANDLE a  LEARNING_RATE 0.03",
    "trial 1  pruned at step 1,040: accuracy 0.41  MODULE_HANDLE b  "
    "LEARNING_RATE 0.03",
    f"trial 2  failed: {'x' * 159}…  MODULE_HANDLE a  LEARNING_RATE 0.03",
    "trial 3  pruned  MODULE_HANDLE a  LEARNING_RATE 0.03",
    "4/4 trials  2 failed  2 pruned",
  ]


def test_what_was_finished_before_is_counted_and_not_shown(stream, clock, wide):
  before = [complete(0, 0.5, params=at()), trial(1, records.FAILED, at())]
  progress = SweepProgress(stream, clock, is_terminal=True)
  progress.update(of(*before, running(2)))
  progress.update(of(*before, complete(2, 0.25, params=at(B)), running(3)))
  screen = stream.screen()
  assert screen[0] == "goes on: 2 of 4 trials are done"
  assert screen[1].startswith("trial 2  accuracy 0.25  10.0 s")
  assert screen[2].startswith(
    "3/4 trials  1 running  1 failed  best accuracy 0"
  )
  assert len(screen) == 3


def test_a_trial_that_is_run_again_is_shown_again(stream, clock):
  progress = SweepProgress(stream, clock, is_terminal=False)
  failed = trial(0, records.FAILED, at(), error="no room")
  progress.update(of(running(0)))
  progress.update(of(failed))
  progress.update(of(running(0)))
  progress.update(of(failed))
  assert stream.getvalue().count("failed: no room") == 2


def test_the_time_left_counts_down(stream, clock, wide):
  def left(*trials, **fields):
    progress.update(of(*trials, num_wanted=10, **fields))
    return stream.screen()[-1].rpartition("  ")[2]

  done = complete(0, 0.5, runs=[run(0, 0.5, seconds=600.0)], params=at())
  progress = SweepProgress(stream, clock, is_terminal=True)
  assert left(running(0), running(1)) == "2 running"
  # 1 has run for 300 s of 600, 2 begins, and 7 are to begin:
  # (300 + 600 + 7 * 600) / 2 = 2550 s = 42.5 min.
  clock.now += 300
  assert left(done, running(1), running(2)) == "about 42 min left"
  clock.now += 60
  assert left(done, running(1), running(2)) == "about 42 min left"
  # 2 would have ended; what goes on longer than the mean counts as done.
  clock.now += 600
  assert left(done, running(1), running(2)) == "about 35 min left"
  # Four workers, two of which begin: (2 * 600 + 5 * 600) / 4; then one.
  clock.now += 600
  others = [running(n) for n in range(1, 5)]
  assert left(done, *others) == "about 18 min left"
  assert left(done, running(1)) == "about 1 h 20 min left"
  # Nobody works, so nobody knows.
  assert left(done).startswith("best accuracy 0.5 ")
  nine = [complete(n, 0.1, params=at()) for n in range(1, 9)]
  assert left(done, *nine, running(9)) == "about 1 min left"


def test_pruned_trials_count_for_the_time_left_by_the_clock(
  stream, clock, wide
):
  started = datetime.datetime(2025, 1, 1)
  pruned = trial(
    0,
    records.PRUNED,
    at(),
    started=started,
    ended=started + datetime.timedelta(seconds=20),
  )
  progress = SweepProgress(stream, clock, is_terminal=True)
  progress.update(of(pruned, running(1)))
  assert stream.screen()[-1] == (
    "1/4 trials  1 running  1 pruned  about 1 min left"
  )


def test_without_a_number_of_trials_no_time_is_left(stream, clock, wide):
  progress = SweepProgress(stream, clock, is_terminal=True)
  progress.update(of(complete(0, 0.5), running(1), num_wanted=None))
  assert stream.screen() == [
    "goes on: 1 trial is done",
    "1 trials  1 running  best accuracy 0.5 (trial 0)",
  ]


@pytest.mark.parametrize(
  "columns, expected",
  (
    (76, "1/4 trials  1 running  best accuracy 0.5 (trial 0)  about 30 s left"),
    (60, "1/4 trials  1 running  best accuracy 0.5  about 30 s left"),
    (20, "1/4 trials…30 s left"[:19]),
  ),
)
def test_a_narrow_terminal_gets_less(
  monkeypatch, stream, clock, columns, expected
):
  monkeypatch.setattr(SweepProgress, "_columns", lambda self: columns)
  progress = SweepProgress(stream, clock, is_terminal=True)
  progress.update(of(complete(0, 0.5, params=at()), running(1)))
  status = stream.screen()[-1]
  assert len(status) < columns
  if columns > 20:
    assert status == expected
  else:
    assert status.startswith("1/4 ") and status.endswith("left")


@pytest.mark.parametrize("columns, expected", ((45, 44), (0, 67)))
def test_the_width_is_that_of_the_terminal(clock, columns, expected):
  master, slave = pty.openpty()
  size = struct.pack("HHHH", 24, columns, 0, 0)
  fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
  with open(slave, "w", encoding="utf-8") as terminal:
    progress = SweepProgress(terminal, clock)
    progress.update(of(complete(0, 0.5, params=at()), running(1)))
  shown = b""
  # All that was written, and then an error: nobody has the other end open.
  with contextlib.suppress(OSError):
    while part := os.read(master, 1000):
      shown += part
  os.close(master)
  before, status = shown.decode().split("\r\n\r")
  assert before == "goes on: 1 of 4 trials are done"
  # Without a size it is taken for 80 columns.
  assert status.startswith("1/4 trials  1 runni") and len(status) == expected


def test_elsewhere_there_are_lines_now_and_then(stream, clock):
  progress = SweepProgress(stream, clock)  # A StringIO is no terminal.
  progress.update(of(running(0)))
  assert stream.getvalue() == ""
  clock.now += 29
  done = complete(0, 0.5, params=at())
  progress.update(of(done, running(1)))
  first = "trial 0  accuracy 0.5  10.0 s  MODULE_HANDLE a  LEARNING_RATE 0.03\n"
  assert stream.getvalue() == first
  clock.now += 1
  progress.update(of(done, running(1)))
  # 10 s a trial; 1 has run for 1 s, and two are to begin.
  second = (
    "1/4 trials  1 running  best accuracy 0.5 "
    "(trial 0: module a, LEARNING_RATE 0.03)  about 30 s left\n"
  )
  assert stream.getvalue() == first + second
  # Nothing but the time has changed.
  clock.now += 60
  progress.update(of(done, running(1)))
  progress.update(of(done, running(1)))
  assert stream.getvalue() == first + second
  progress.update(of(done, running(1), running(2)))
  third = second.replace("1 running", "2 running").replace("30 s", "10 s")
  assert stream.getvalue() == first + second + third
  # Not before 30 s have passed, but at the end.
  progress.update(of(done, complete(1, 0.25), running(2)))
  fourth = "trial 1  accuracy 0.25  10.0 s\n"
  assert stream.getvalue() == first + second + third + fourth
  progress.close()
  assert stream.getvalue().splitlines()[-1].startswith("2/4 trials  1 running")
  progress.close()
  assert len(stream.getvalue().splitlines()) == 5


def test_two_objectives_are_both_shown(stream, clock):
  progress = SweepProgress(stream, clock)
  both = (ACCURACY, SIZE)
  progress.update(of(running(0), objectives=both))
  progress.update(of(complete(0, 0.5, 1200.0), objectives=both))
  assert stream.getvalue() == (
    "trial 0  accuracy 0.5  num_trainable_parameters 1,200  10.0 s\n"
  )


def test_there_is_no_thread(stream, clock):
  before = threading.active_count()
  progress = SweepProgress(stream, clock, is_terminal=True)
  progress.update(of(running(0)))
  assert threading.active_count() == before
  progress.close()


def test_nothing_is_left_in_the_buffer(clock):
  class Unflushed(io.StringIO):
    is_flushed = True

    def write(self, text):
      self.is_flushed = False
      return super().write(text)

    def flush(self):
      self.is_flushed = True

  stream = Unflushed()
  progress = SweepProgress(stream, clock, is_terminal=True)
  for found in (of(running(0)), of(complete(0, 0.5))):
    progress.update(found)
    assert stream.getvalue() and stream.is_flushed
  progress.close()
  assert stream.is_flushed
