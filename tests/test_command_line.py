import subprocess
import sys

import gin
import pytest
from absl import flags

from hub_estimator import command_line, errors

flags.DEFINE_string("cl_model_dir", None, "The run's folder.")
flags.DEFINE_multi_string("cl_gin_file", [], "A Gin file.")
flags.DEFINE_enum("cl_mode", "fast", ["fast", "slow"], "How.")
flags.DEFINE_bool("cl_dry_run", False, "Only look.")
flags.DEFINE_integer("cl_num_steps", 7, "How many steps.")


@pytest.fixture(autouse=True)
def unparsed_flags():
  yield
  flags.FLAGS.unparse_flags()
  for name in flags.FLAGS:
    flags.FLAGS[name].unparse()


@pytest.fixture
def run(monkeypatch, capsys):
  """Runs a command with arguments: (exit status, stdout, stderr)."""

  def run_main(main, *arguments, **kwargs):
    monkeypatch.setattr(sys, "argv", ["command.py", *arguments])
    with pytest.raises(SystemExit) as raised:
      command_line.run_command(main, usage="Does it.\n\nUse it.\n", **kwargs)
    return (raised.value.code, *capsys.readouterr())

  return run_main


def show_arguments(arguments):
  print(arguments, flags.FLAGS.cl_num_steps, flags.FLAGS.cl_dry_run)


def raise_error(error):
  def main(arguments):
    raise error

  return main


def test_main_gets_the_positional_arguments_between_flags(run):
  result = run(
    show_arguments, "--cl_num_steps=3", "x", "--cl_dry_run", positionals=("X",)
  )
  assert result == (0, "['x'] 3 True\n", "")


def test_what_main_returns_is_the_status(run):
  assert run(lambda arguments: 5) == (5, "", "")


def test_help_shows_the_command_s_flags(run):
  status, output, error = run(
    show_arguments, "--nonsense", "--help", required_flags=("cl_model_dir",)
  )
  assert (status, error) == (0, "")
  assert (
    output
    == """Does it.

Use it.

Flags:
  --[no]cl_dry_run
      Only look.
  --cl_gin_file=FILE  (may be repeated)
      A Gin file.
  --cl_mode=MODE
      <fast|slow>: How. (default: fast)
  --cl_model_dir=DIR
      The run's folder. (required)
  --cl_num_steps=STEPS
      How many steps. (default: 7)
  --[no]debug
      Show the traceback of an error.
"""
  )


@pytest.mark.parametrize(
  "arguments, kwargs, message",
  [
    (
      ["--cl_modl_dir=a"],
      {},
      "there is no flag --cl_modl_dir; did you mean --cl_model_dir?",
    ),
    (
      ["--zzzzz"],
      {},
      "there is no flag --zzzzz; there are: --cl_dry_run, --cl_gin_file,"
      " --cl_mode, --cl_model_dir, --cl_num_steps, --debug, --help",
    ),
    (
      ["--cl_num_steps=many"],
      {},
      "flag --cl_num_steps=many: invalid literal for int() with base 10:"
      " 'many'",
    ),
    (["--cl_model_dir"], {}, "Missing value for flag --cl_model_dir"),
    (
      [],
      {"required_flags": ("cl_model_dir",)},
      "--cl_model_dir=DIR (The run's folder) is required",
    ),
    (
      ["--cl_model_dir="],
      {"required_flags": ("cl_gin_file", "cl_model_dir")},
      "--cl_gin_file=FILE (A Gin file), --cl_model_dir=DIR (The run's folder)"
      " are required",
    ),
    (
      ["cl_model_dir=a"],
      {"required_flags": ("cl_model_dir",)},
      "cl_model_dir=a is one argument too many; the command takes flags only;"
      " did you mean --cl_model_dir?",
    ),
    (
      ["a", "b"],
      {"positionals": ("HANDLE",)},
      "b is one argument too many; the command takes HANDLE and flags",
    ),
    (
      ["a"],
      {"positionals": ("OLD", "NEW")},
      "NEW is missing; the command takes OLD NEW",
    ),
  ],
)
def test_usage_errors(run, arguments, kwargs, message):
  result = run(show_arguments, *arguments, **kwargs)
  assert result == (2, "", f"error: {message}\n")


def test_user_error_is_one_line(run):
  main = raise_error(errors.UserKeyError("no tag x;\n  there are: y"))
  assert run(main) == (2, "", "error: no tag x; there are: y\n")


def test_debug_shows_the_traceback_first(run):
  main = raise_error(errors.UserOSError("no file"))
  status, _, error = run(main, "--debug")
  assert status == 2
  assert error.startswith("Traceback (most recent call last):\n")
  assert error.endswith("UserOSError: no file\nerror: no file\n")


def test_what_gin_appends_is_left_out(run):
  @gin.register(module="command_line_test")
  def cl_fn(number):
    raise errors.UserTypeError(f"not {number}")

  status, _, error = run(
    lambda arguments: gin.get_configurable("cl_fn")(number=3)
  )
  assert (status, error) == (2, "error: not 3\n")


def test_interrupt(run):
  assert run(raise_error(KeyboardInterrupt())) == (130, "", "interrupted\n")


def test_a_defect_is_not_caught(monkeypatch):
  monkeypatch.setattr(sys, "argv", ["command.py"])
  with pytest.raises(ZeroDivisionError):
    command_line.run_command(raise_error(ZeroDivisionError()), usage="")


COMMAND = """
from absl import flags
from hub_estimator import errors
from hub_estimator.command_line import run_command

flags.DEFINE_string("path", None, "A path.")

def main(arguments):
  import sys
  assert "tensorflow" not in sys.modules
  if flags.FLAGS.path == "bug":
    raise ZeroDivisionError
  raise errors.UserValueError("no such thing")

if __name__ == "__main__":
  run_command(main, usage="Use.")
"""


@pytest.fixture
def run_process(tmp_path):
  (tmp_path / "cl_command.py").write_text(COMMAND)

  def run_command(*arguments):
    return subprocess.run(
      [sys.executable, "-m", "cl_command", *arguments],
      cwd=tmp_path,
      env={"PYTHONPATH": ":".join(["."] + sys.path)},
      capture_output=True,
      text=True,
    )

  return run_command


def test_as_a_program(run_process):
  shown = run_process("--help")
  assert shown.returncode == 0
  assert shown.stdout == (
    "Use.\n\nFlags:\n  --[no]debug\n      Show the traceback of an error.\n"
    "  --path=PATH\n      A path.\n"
  )
  failed = run_process()
  assert failed.returncode == 2
  assert failed.stderr == "error: no such thing\n"


def test_a_defect_ends_the_program_with_its_traceback(run_process):
  failed = run_process("--path=bug")
  assert failed.returncode == 1
  assert failed.stderr.endswith("\nZeroDivisionError\n")


def test_json_is_a_flag_of_the_commands_that_say_so(run):
  status, _, error = run(show_arguments, "--json")
  assert status == 2
  assert error.startswith("error: there is no flag --json")


@pytest.mark.parametrize(
  ("arguments", "status"), [([], 2), (["a"], 0), (["a", "b", "c"], 0)]
)
def test_any_number_of_a_last_argument_with_dots(run, arguments, status):
  result = run(
    lambda found: print(found), *arguments, positionals=("COMMAND", "X...")
  )
  if status:
    assert result == (
      2,
      "",
      "error: COMMAND is missing; the command takes COMMAND X...\n",
    )
  else:
    assert result == (0, f"{arguments}\n", "")
