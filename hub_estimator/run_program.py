"""Runs a program that was written for tensorflow_hub and tf.estimator.

python -m hub_estimator.run_program PROGRAM.py [ARGUMENTS…]
python -m hub_estimator.run_program -m MODULE [ARGUMENTS…]

The program runs as `python PROGRAM.py` or `python -m MODULE` would run it, and
finds `tensorflow_hub`, `tf.estimator` and `tf.compat.v1.estimator` also where
TensorFlow is 2.16 or later: see hub_estimator.install_aliases. Its `tf.keras`
is Keras 2 if tf_keras is installed, unless TF_USE_LEGACY_KERAS is set to 0. All
that follows PROGRAM.py or MODULE is the program's, --help too; its output and
exit status are its own.

  -m           Run a module, found as Python finds it, instead of a file.
  -h, --help   Print this.
"""

import importlib.machinery
import importlib.util
import os
import pkgutil
import runpy
import sys
import types
from typing import Callable

import hub_estimator
from hub_estimator import errors

# Flags of absl are not used here: they are the program's.
_USAGE_STATUS = 2
_HELP_FLAGS = ("-h", "-help", "--help")
_USAGE = "the command takes PROGRAM.py or -m MODULE, and then its arguments"
# Python's own, between this file and the program.
_LOADING_MODULES = (
  "runpy",
  "importlib._bootstrap",
  "importlib._bootstrap_external",
)


class _UsageError(errors.UserValueError):
  """A command line that names no program. The program's errors are others."""


def main(arguments: list[str]) -> None:
  """Runs a program in this process, as `__main__`.

  Args:
    arguments: PROGRAM.py, or -m and MODULE, and the program's arguments.

  Raises:
    UserValueError: they name no program that there is.
    BaseException: what the program raises, SystemExit included.
  """
  if not arguments:
    raise _UsageError(f"no program is given; {_USAGE}")
  first, *rest = arguments
  if first in _HELP_FLAGS:
    print(__doc__.strip())
  elif first == "-m":
    if not rest:
      raise _UsageError(f"-m is without a module's name; {_USAGE}")
    _install_aliases()
    _run_module(*rest)
  elif first.startswith("-"):
    raise _UsageError(f"there is no flag {first}; {_USAGE}")
  else:
    run = _prepare_file(first)
    _install_aliases()
    sys.argv = arguments
    run()


def _install_aliases() -> None:
  try:
    hub_estimator.install_aliases()
  except errors.UserError as error:
    raise _UsageError(str(error)) from error


def _prepare_file(path: str) -> Callable[[], object]:
  """Returns what runs a file; `sys.path` is what Python makes it for one."""
  is_folder = os.path.isdir(path)
  if not os.path.exists(path):
    raise _UsageError(f"there is no file {path}; {_USAGE}")
  if is_folder and not os.path.exists(os.path.join(path, "__main__.py")):
    raise _UsageError(f"{path} is a folder without __main__.py")
  # `python -m` has put the current folder there.
  has_own_folder = not getattr(sys.flags, "safe_path", False)
  if has_own_folder:
    del sys.path[0]
  is_archive = not is_folder and pkgutil.get_importer(path) is not None
  if is_folder or is_archive or path.endswith(".pyc"):
    # It puts the folder or the archive there.
    return lambda: runpy.run_path(path, run_name="__main__")
  if has_own_folder:
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
  loader = importlib.machinery.SourceFileLoader(
    "__main__", os.path.abspath(path)
  )
  try:
    source = loader.get_data(loader.path)
  except OSError as error:
    raise _UsageError(f"{path} cannot be read: {error.strerror}") from error
  return lambda: _run_source(source, loader)


def _run_source(source: bytes, loader) -> None:
  # Not by runpy: it takes `__main__` away again, which threads and functions
  # registered with atexit still need.
  module = types.ModuleType("__main__")
  module.__file__ = loader.path
  module.__loader__ = loader
  sys.modules["__main__"] = module
  exec(loader.source_to_code(source, loader.path), module.__dict__)


def _run_module(name: str, *arguments: str) -> None:
  sys.argv = ["-m", *arguments]  # As Python has it until the module is found.
  _check_module(name)
  runpy.run_module(name, run_name="__main__", alter_sys=True)


def _check_module(name: str) -> None:
  """Raises if there is no module of this name, or none that can be run."""
  if not all(part.isidentifier() for part in name.split(".")):
    raise _UsageError(f"{name!r} is no module's name; {_USAGE}")
  try:
    spec = importlib.util.find_spec(name)
    is_package = spec is not None and spec.submodule_search_locations
    if is_package and importlib.util.find_spec(f"{name}.__main__") is None:
      raise _UsageError(f"{name} is a package without __main__")
  except ModuleNotFoundError as error:
    if not f"{name}.".startswith(f"{error.name}."):
      raise  # Something that the program's packages import.
    spec = None
  if spec is None:
    raise _UsageError(f"there is no module {name}; {_USAGE}")


def _hide_own_frames() -> None:
  """Makes tracebacks begin where the program does."""
  show = sys.excepthook
  own_globals = globals()

  def show_without_own_frames(kind, error, traceback):
    while traceback is not None:
      frame_globals = traceback.tb_frame.f_globals
      if (
        frame_globals is not own_globals
        and frame_globals.get("__name__") not in _LOADING_MODULES
      ):
        break
      traceback = traceback.tb_next
    # Python shows the traceback of the error, not the argument.
    show(kind, error.with_traceback(traceback), traceback)

  sys.excepthook = show_without_own_frames


if __name__ == "__main__":
  _hide_own_frames()
  try:
    main(sys.argv[1:])
  except _UsageError as usage_error:
    print(f"error: {' '.join(str(usage_error).split())}", file=sys.stderr)
    sys.exit(_USAGE_STATUS)
