"""`python -m hub_estimator.run_program` runs a program as Python does."""

import os
import pathlib
import subprocess
import sys

import pytest

from hub_estimator import keras_setting, run_program

_ROOT = pathlib.Path(__file__).parents[1]

# Says what a program can see of how it was started.
_PROGRAM = '''
"""The program's own docstring."""
import atexit
import sys
import helper

def work():
  main = sys.modules["__main__"]
  print(__name__, __file__, sys.argv, sys.path[0], helper.HERE, __doc__)
  print(main.work is work, main.__dict__ is globals())

work()
action = sys.argv[1] if len(sys.argv) > 1 else ""
if action == "raise":
  raise ValueError("its own")
elif action == "exit":
  sys.exit(7)
elif action == "message":
  sys.exit("a message")
elif action == "user_error":
  from hub_estimator import errors
  raise errors.UserValueError("of our library")
elif action == "atexit":
  # Python itself has taken __main__ apart by then.
  atexit.register(lambda: print("at exit", callable(work)))
'''


@pytest.fixture
def run(tmp_path):
  """Runs a command line in a folder of programs: (status, stdout, stderr)."""
  (tmp_path / "code").mkdir()
  (tmp_path / "code" / "program.py").write_text(_PROGRAM)
  (tmp_path / "code" / "helper.py").write_text("HERE = 'beside it'\n")
  (tmp_path / "code" / "broken.py").write_text("def f(:\n")
  (tmp_path / "package").mkdir()
  (tmp_path / "package" / "__init__.py").write_text("")
  (tmp_path / "package" / "__main__.py").write_text(
    "import sys; print(__name__, __package__, sys.argv, sys.path[0])\n"
  )
  (tmp_path / "package" / "raises.py").write_text("import nothing_of_this\n")
  (tmp_path / "empty").mkdir()

  def run_command(*command):
    process = subprocess.run(
      [sys.executable, *command],
      cwd=tmp_path,
      env={**os.environ, "PYTHONPATH": str(_ROOT)},
      capture_output=True,
      text=True,
      check=False,
    )
    return process.returncode, process.stdout, process.stderr

  return run_command


@pytest.mark.parametrize(
  "arguments",
  [
    ("code/program.py",),
    ("code/program.py", "--help", "-m", "x y"),
    ("code/program.py", "raise"),
    ("code/program.py", "exit"),
    ("code/program.py", "message"),
    ("code/program.py", "user_error"),
    ("code/program.py", "atexit"),
    ("code/broken.py",),
    ("-m", "package", "x"),
  ],
  ids=" ".join,
)
def test_same_as_python(run, arguments):
  wanted = run(*arguments)
  assert run("-m", "hub_estimator.run_program", *arguments) == wanted


def test_folder(run):
  # Python would make the path absolute.
  assert run("-m", "hub_estimator.run_program", "package", "x") == (
    0,
    "__main__  ['package', 'x'] package\n",
    "",
  )


def test_error_in_a_module(run):
  status, _, stderr = run(
    "-m", "hub_estimator.run_program", "-m", "package.raises"
  )
  assert status == 1
  lines = stderr.splitlines()
  assert lines[0] == "Traceback (most recent call last):"
  assert "raises.py" in lines[1]
  assert lines[-1] == "ModuleNotFoundError: No module named 'nothing_of_this'"


_USAGE = "the command takes PROGRAM.py or -m MODULE, and then its arguments"


@pytest.mark.parametrize(
  "arguments, message",
  [
    ([], f"no program is given; {_USAGE}"),
    (["missing.py", "x"], f"there is no file missing.py; {_USAGE}"),
    (["empty"], "empty is a folder without __main__.py"),
    (["--debug", "p.py"], f"there is no flag --debug; {_USAGE}"),
    (["-m"], f"-m is without a module's name; {_USAGE}"),
    (["-m", "missing"], f"there is no module missing; {_USAGE}"),
    (["-m", "missing.a"], f"there is no module missing.a; {_USAGE}"),
    (["-m", "json"], "json is a package without __main__"),
    (["-m", ".x"], f"'.x' is no module's name; {_USAGE}"),
  ],
)
def test_usage_errors(monkeypatch, tmp_path, arguments, message):
  (tmp_path / "empty").mkdir()
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(sys, "argv", list(sys.argv))
  monkeypatch.setattr(sys, "path", ["", *sys.path])
  monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
  monkeypatch.setattr(run_program, "_install_aliases", lambda: None)
  with pytest.raises(run_program._UsageError) as raised:
    run_program.main(arguments)
  assert str(raised.value) == message


def test_usage_error_of_the_command(run):
  assert run("-m", "hub_estimator.run_program", "missing.py") == (
    2,
    "",
    f"error: there is no file missing.py; {_USAGE}\n",
  )


def test_file_that_cannot_be_read(monkeypatch, tmp_path):
  path = tmp_path / "program.py"
  path.write_text("")

  def get_data(self, path):
    raise PermissionError(13, "Permission denied", path)

  monkeypatch.setattr(sys, "path", ["", *sys.path])
  monkeypatch.setattr(
    run_program.importlib.machinery.SourceFileLoader, "get_data", get_data
  )
  with pytest.raises(run_program._UsageError) as raised:
    run_program.main([str(path)])
  assert str(raised.value) == f"{path} cannot be read: Permission denied"


def test_keras_that_is_asked_for_and_missing(monkeypatch, tmp_path):
  monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
  monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
  monkeypatch.setitem(sys.modules, "tf_keras", None)
  monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
  monkeypatch.setattr(sys, "path", ["", *sys.path])
  monkeypatch.setattr(keras_setting, "tensorflow_version", lambda: (2, 16))
  (tmp_path / "program.py").write_text("raise SystemError('not to be run')")
  with pytest.raises(run_program._UsageError, match="tf_keras, the Keras it"):
    run_program.main([str(tmp_path / "program.py")])


def test_help_is_ours_before_the_program_only(run):
  status, stdout, stderr = run("-m", "hub_estimator.run_program", "--help")
  assert (status, stderr) == (0, "")
  assert stdout == f"{run_program.__doc__.strip()}\n"
