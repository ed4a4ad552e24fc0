"""Data whose runs do what runs must not do: `import misbehaving` in a config.

They misbehave when they train, and not while their graphs are checked.
"""

import os
import pathlib
import signal
import time

import gin

from hub_estimator import errors, estimator
from hub_estimator.inputs import NumpyInput

MEGABYTES = 150
TEXT = """
import misbehaving

INPUT_PIPELINE = @MisbehavingInput()
MisbehavingInput.source = %SOURCE
MisbehavingInput.feature_name = 'x'
MisbehavingInput.batch_size = %BATCH_SIZE
MisbehavingInput.seed = %SEED
MisbehavingInput.eval_fraction = 0.25
MisbehavingInput.how = %HOW
MisbehavingInput.place = %PLACE
HOW = ''
PLACE = ''
"""


@gin.register(module="misbehaving")
class MisbehavingInput(NumpyInput):
  """Data as `NumpyInput` has it.

  `how` is what happens, at the start of training or, with "evaluation: " before
  it, as the first evaluation begins: "error", "user error", "exit", a signal's
  name, "leak", "touch" (makes the file `place`), "hang" (once: it writes its
  process's number to the file `place`, unless there is one), or "stop": if
  there is a file `place`, it is deleted, and SIGTERM is sent to the process
  whose number it has; the run waits for what comes of it.
  """

  def __init__(self, how="", place="", **arguments):
    super().__init__(**arguments)
    self._how = how
    self._place = pathlib.Path(place)
    self._trains = False

  def notes(self):
    self._trains = True
    if self._how and not self._how.startswith("evaluation: "):
      self._do(self._how)
    return super().notes()

  def input_fn(self, mode):
    if self._trains and mode == estimator.ModeKeys.EVAL:
      when, _, how = self._how.partition(": ")
      if when == "evaluation":
        self._do(how)
    return super().input_fn(mode)

  def _do(self, how):
    if how == "error":
      raise ValueError("it broke\nin two lines")
    if how == "user error":
      raise errors.UserValueError("this cannot be\ntrained")
    if how == "exit":
      print("says no more than this", flush=True)
      os._exit(3)
    if how == "leak":
      self.leaked = b"x" * (MEGABYTES << 20)
    elif how == "touch":
      self._place.touch()
    elif how == "hang":
      if not self._place.exists():
        self._place.write_text(str(os.getpid()))
        wait_for_ever()
    elif how == "stop":
      if self._place.exists():
        pid = int(self._place.read_text())
        self._place.unlink()
        os.kill(pid, signal.SIGTERM)
        wait_for_ever()
    elif how:
      os.kill(os.getpid(), getattr(signal, how))
      wait_for_ever()


def wait_for_ever():
  while True:
    time.sleep(60)
