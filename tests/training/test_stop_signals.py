"""Signals: when they end a run, and how."""

import os
import signal
import subprocess
import sys
import threading
import types

import pytest

from hub_estimator import estimator
from hub_estimator.tf_compat import tf
from hub_estimator.training.stop_signals import (
  StopOnSignal,
  Stopped,
  StopSignals,
)

tf1 = tf.compat.v1

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


def send(number):
  os.kill(os.getpid(), number)


@BOTH
def test_a_signal_ends_what_is_not_deferred(number):
  handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
  with StopSignals() as signals:
    with pytest.raises(Stopped) as raised:
      send(number)
    assert raised.value.signal_name == number.name == signals.received
    # The next one ends the process.
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
  assert handlers == [
    signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)
  ]


@BOTH
def test_a_signal_waits_for_a_safe_place(number):
  done = []
  with StopSignals() as signals:
    with pytest.raises(Stopped):
      with signals.deferred():
        signals.check()
        with signals.immediate():
          done.append("evaluation before it")
        send(number)
        done.append("step")
        with signals.immediate():
          done.append("evaluation after it")
    assert done == ["evaluation before it", "step"]


def test_a_signal_ends_an_evaluation_within_training():
  with StopSignals() as signals, signals.deferred():
    with pytest.raises(Stopped), signals.immediate():
      send(signal.SIGTERM)
      raise AssertionError


def test_signals_that_are_ignored_stay_so():
  before = signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    with StopSignals() as signals:
      send(signal.SIGINT)
      assert signals.received is None
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
  finally:
    signal.signal(signal.SIGINT, before)


def test_a_signal_to_a_forked_process_is_its_own():
  with StopSignals() as signals, signals.deferred():
    pid = os.fork()
    if pid == 0:
      send(signal.SIGTERM)
      os._exit(signals.received == "SIGTERM")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert signals.received is None
    send(signal.SIGTERM)  # Not the second one.
    assert signals.received == "SIGTERM"


def test_other_threads_leave_handlers_alone():
  before = signal.getsignal(signal.SIGTERM)
  seen = []

  def enter():
    with StopSignals() as signals, signals.deferred():
      seen.append(signal.getsignal(signal.SIGTERM))

  thread = threading.Thread(target=enter)
  thread.start()
  thread.join()
  assert seen == [before]


@pytest.mark.parametrize("runs_per_step, expected", [(1, 4), (3, 6)])
def test_training_ends_with_the_step_and_a_checkpoint(
  tmp_path, runs_per_step, expected
):
  runs = []
  monitor = types.SimpleNamespace(is_between_steps=False)

  class Sender(estimator.SessionRunHook):
    def after_run(self, run_context, run_values):
      del run_context, run_values
      runs.append(None)
      monitor.is_between_steps = len(runs) % runs_per_step == 0
      if len(runs) == 4:
        send(signal.SIGTERM)

  with tf.Graph().as_default(), StopSignals() as signals, signals.deferred():
    train_op = tf1.train.get_or_create_global_step().assign_add(1)
    with tf1.train.MonitoredTrainingSession(
      checkpoint_dir=str(tmp_path),
      save_checkpoint_steps=1000,
      log_step_count_steps=None,
      save_summaries_steps=None,
      save_summaries_secs=None,
      hooks=[Sender(), StopOnSignal(signals, monitor)],
    ) as session:
      while not session.should_stop():
        session.run(train_op)
    assert signals.received == "SIGTERM"
  assert len(runs) == expected
  assert tf.train.latest_checkpoint(str(tmp_path)).endswith(f"-{expected}")


_STUCK = """
import ctypes, os, signal, sys
from hub_estimator.training.stop_signals import StopSignals
with StopSignals() as signals, signals.deferred():
  if sys.argv[1] == "python":
    os.kill(os.getpid(), signal.SIGINT)
    print(signals.received, flush=True)
    sys.stdin.read()
  # As in TensorFlow: the main thread comes to no instruction of Python.
  libc = ctypes.CDLL(None)
  mutex = ctypes.create_string_buffer(64)
  libc.pthread_mutex_lock(mutex)
  print("stuck", flush=True)
  libc.pthread_mutex_lock(mutex)
"""


@pytest.mark.parametrize("where", ["python", "c"])
def test_a_second_signal_ends_a_process_that_is_stuck(where):
  process = subprocess.Popen(
    [sys.executable, "-c", _STUCK, where],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.DEVNULL,
    text=True,
  )
  line = process.stdout.readline()
  if where == "python":
    assert line == "SIGINT\n"
    process.send_signal(signal.SIGINT)
    # By the signal itself: the shell that started it sees that.
    assert process.wait(30) == -signal.SIGINT
  else:
    assert line == "stuck\n"
    while process.poll() is None:
      process.send_signal(signal.SIGTERM)
      process.send_signal(signal.SIGINT)
    assert process.wait(30) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
  process.communicate()
