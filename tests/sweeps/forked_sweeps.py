"""A program of its own: sweeps, each in a process that is forked from this one.

NAME FOLDER: calls the function of that name of the module `sweep_scenarios`
  with FOLDER, in which a config and data are, and prints what it gives.

The process has imported TensorFlow and made nothing of it, as the command has.
"""

import contextlib
import importlib
import json
import os
import pathlib
import sys
import time
import traceback

TESTS = pathlib.Path(__file__).resolve().parents[1]
for part in (TESTS, TESTS / "training", TESTS / "sweeps"):
  sys.path.insert(0, str(part))

import tiny_runs  # noqa: E402

from hub_estimator import errors, reports  # noqa: E402
from hub_estimator.quiet_import import quiet_import  # noqa: E402
from hub_estimator.sweeps import sweep as sweeping  # noqa: E402
from hub_estimator.training import launch as launching  # noqa: E402


class Forked:
  """A process that runs a function, with its output in files.

  The function's number is the exit status; a UserError ends it with 2, as a
  command, and anything else with 1 and a traceback.
  """

  def __init__(self, function, output):
    self.output = pathlib.Path(output)
    self.pid = os.fork()
    if self.pid:
      return
    status = 1
    try:
      os.setsid()
      for number, suffix in ((1, ".out"), (2, ".err")):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptor = os.open(f"{output}{suffix}", flags)
        os.dup2(descriptor, number)
        os.close(descriptor)
      try:
        status = function() or 0
      except errors.UserError as error:
        print(f"error: {errors.one_line(error)}", file=sys.stderr)
        status = 2
      except BaseException:
        traceback.print_exc()
      sys.stdout.flush()
    finally:
      os._exit(status)

  def wait(self):
    """Waits for its end; returns what came of it."""
    status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
    return {
      "status": status,
      "out": pathlib.Path(f"{self.output}.out").read_text(),
      "err": pathlib.Path(f"{self.output}.err").read_text(),
    }


def start(folder, name, sweep, *gin_params, text="", run=None, **arguments):
  """Starts a sweep.

  Args:
    folder: where run.gin is.
    name: of the study's folder, and of the files of its sweep.
    sweep: text of the sweep file.
    *gin_params: of the command.
    text: of a Gin file beside run.gin, if there is any.
    run: of the command: which one it is; of its output's name.
    **arguments: of `SweepArguments`.

  Returns:
    a `Forked`.
  """
  folder = pathlib.Path(folder)
  sweep_file = folder / f"{name}.sweep.gin"
  sweep_file.write_text(sweep)
  gin_files = [str(folder / "run.gin")]
  if text:
    (folder / f"{name}.gin").write_text(text)
    gin_files.append(str(folder / f"{name}.gin"))

  def work():
    made = sweeping.SweepArguments(
      gin_files,
      gin_params,
      str(sweep_file),
      str(folder / name),
      **arguments,
    )
    return sweeping.Sweep(made, report_fn=reports.write_all).run()

  return Forked(work, folder / f"{name}{run or ''}")


def sweep(*arguments, **options):
  """Runs a sweep as `start`; returns what came of it."""
  return start(*arguments, **options).wait()


def wait_for(condition, seconds=60):
  """Waits until a condition holds; returns what it gives."""
  end = time.monotonic() + seconds
  while time.monotonic() < end:
    with contextlib.suppress(OSError, ValueError):
      found = condition()
      if found:
        return found
    time.sleep(0.01)
  raise AssertionError("It never came to be.")


def main(name, folder):
  launching.register_configurables()
  with quiet_import():
    launching.look_for_devices()
  tiny_runs.write_config(folder, "\ntrain.verify_exports = False\n")
  scenarios = importlib.import_module("sweep_scenarios")
  found = getattr(scenarios, name)(pathlib.Path(folder))
  print("FOUND" + json.dumps(found))


if __name__ == "__main__":
  # What imports it by its name finds this module, and not a second one.
  sys.modules["forked_sweeps"] = sys.modules["__main__"]
  main(*sys.argv[1:])
