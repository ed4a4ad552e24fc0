"""Forked processes that talk to the test, and that it can kill."""

import json
import os
import signal
import socket
import sys
import traceback


class Channel:
  """Messages of JSON, one a line, between a process and its child."""

  def __init__(self, connection):
    self._connection = connection
    self._file = connection.makefile("r")

  def send(self, message=None):
    self._connection.sendall(json.dumps(message).encode() + b"\n")

  def receive(self):
    line = self._file.readline()
    assert line, "the other process has ended"
    return json.loads(line)

  def close(self):
    self._file.close()
    self._connection.close()


class Child:
  """A forked process that runs `function(channel)`."""

  def __init__(self, function):
    ours, theirs = socket.socketpair()
    self.pid = os.fork()
    if self.pid == 0:
      status = 1
      try:
        ours.close()
        function(Channel(theirs))
        status = 0
      except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        sys.__stderr__.flush()
      finally:
        os._exit(status)
    theirs.close()
    self._channel = Channel(ours)
    self.send = self._channel.send
    self.receive = self._channel.receive

  def kill(self):
    os.kill(self.pid, signal.SIGKILL)
    self._channel.close()
    os.waitpid(self.pid, 0)

  def join(self):
    status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
    self._channel.close()
    assert status == 0, f"the child ended with {status}"


class FakeClock:
  """Seconds that pass when somebody sleeps; `at` makes things happen then."""

  def __init__(self):
    self.now = 0.0
    self.pauses = []
    self.when = []

  def at(self, seconds, function):
    self.when.append((seconds, function))

  def __call__(self):
    return self.now

  def sleep(self, seconds):
    self.pauses.append(seconds)
    self.now += seconds
    due = [event for event in self.when if event[0] <= self.now]
    self.when = [event for event in self.when if event[0] > self.now]
    for _, function in due:
      function()
