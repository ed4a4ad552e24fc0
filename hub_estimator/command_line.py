"""Runs a command: flags, help, and errors of one line.

TensorFlow is not imported here, so that help and usage errors answer at once
and nothing stands before an `error: …` line; a command imports it in `main`.
"""

from __future__ import annotations

import difflib
import os
import sys
import textwrap
import traceback
from collections.abc import Sequence
from typing import Callable, NoReturn, Optional

from absl import flags

from hub_estimator import errors

_USAGE_STATUS = 2
# As a shell reports a program that SIGINT or SIGPIPE ended.
_INTERRUPTED_STATUS = 130
_BROKEN_PIPE_STATUS = 141
# What absl appends to the help of a flag that takes several values.
_REPEAT = ";\n    repeat this option"
_HELP_FLAGS = ("--help", "-help", "-h")

_DEBUG = flags.DEFINE_bool("debug", False, "Show the traceback of an error.")
# For the commands that say flags.declare_key_flag(JSON.name).
JSON = flags.DEFINE_bool("json", False, "Print JSON.")


def run_command(
  main: Callable[[list[str]], Optional[int]],
  *,
  usage: str,
  required_flags: Sequence[str] = (),
  positionals: Sequence[str] = (),
) -> NoReturn:
  """Parses `sys.argv`, calls `main`, and ends the process.

  `--help` prints the usage and the flags of the command's module and of this
  one. A usage error or a `UserError` ends with status 2 and one line `error:
  …` on stderr, after a traceback with `--debug`. Ctrl-C ends with 130, and a
  reader that closes stdout early with 141. Any other exception keeps its
  traceback, and the status is 1.

  For `if __name__ == "__main__": run_command(main, usage=__doc__)`.

  Args:
    main: Takes the list of positional arguments; what it returns is the exit
      status, None being 0.
    usage: What `--help` prints above the flags.
    required_flags: Names of flags that must be given a value.
    positionals: Names of the positional arguments, for example `("HANDLE",)`:
      each must be given, and no other; but any number, also none, of a last
      one that is written with dots, `("COMMAND", "HANDLE...")`.
  """
  try:
    status = _run(main, usage, required_flags, positionals)
    sys.stdout.flush()
    sys.exit(status)
  except errors.UserError as e:
    if flags.FLAGS.is_parsed() and _DEBUG.value:
      traceback.print_exc()
    print(f"error: {errors.one_line(e)}", file=sys.stderr)
    sys.exit(_USAGE_STATUS)
  except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
    sys.exit(_INTERRUPTED_STATUS)
  except BrokenPipeError:
    # Whoever reads stdout, `head` for one, has enough. Python would try to
    # write the rest as it ends, and complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(_BROKEN_PIPE_STATUS)


def _run(main, usage, required_flags, positionals):
  own_flags = _own_flags(main)
  if _asks_for_help(sys.argv[1:]):
    print(_help_text(usage, own_flags.values(), required_flags))
    return 0
  arguments = _parse(own_flags)
  _check_positionals(arguments, positionals, own_flags)
  missing = [
    f"{_spelling(own_flags[name])} ({_help(own_flags[name]).rstrip('.')})"
    for name in required_flags
    if flags.FLAGS[name].value in (None, "", [])
  ]
  if missing:
    verb = "is" if len(missing) == 1 else "are"
    raise errors.UserValueError(f"{', '.join(missing)} {verb} required")
  return main(arguments) or 0


def _own_flags(main) -> dict[str, flags.Flag]:
  """Returns name → flag, of the command's module and of this one."""
  # absl calls the module that Python runs after the program's file.
  module = sys.argv[0] if main.__module__ == "__main__" else main.__module__
  found = [
    *flags.FLAGS.get_key_flags_for_module(module),
    flags.FLAGS[_DEBUG.name],
  ]
  return {flag.name: flag for flag in found}


def _asks_for_help(arguments: Sequence[str]) -> bool:
  own = arguments[: arguments.index("--")] if "--" in arguments else arguments
  return any(argument in _HELP_FLAGS for argument in own)


def _parse(own_flags: dict[str, flags.Flag]) -> list[str]:
  """Parses the flags and returns the positional arguments."""
  flags.FLAGS.set_gnu_getopt(True)  # Flags may follow positional arguments.
  try:
    arguments = flags.FLAGS(sys.argv)[1:]
    if flags.FLAGS[JSON.name].present and JSON.name not in own_flags:
      raise flags.UnrecognizedFlagError(JSON.name)
    return arguments
  except flags.UnrecognizedFlagError as e:
    spellings = ["--help", *(f"--{name}" for name in own_flags)]
    hint = _did_you_mean(f"--{e.flagname}", spellings)
    raise errors.UserValueError(f"there is no flag --{e.flagname}{hint}") from e
  except flags.Error as e:
    raise errors.UserValueError(str(e)) from e


def _check_positionals(arguments, positionals, own_flags):
  names = " ".join(positionals)
  takes_more = bool(positionals) and positionals[-1].endswith("...")
  num_required = len(positionals) - takes_more
  if len(arguments) < num_required:
    missing = positionals[len(arguments)]
    raise errors.UserValueError(
      f"{missing} is missing; the command takes {names}"
    )
  if len(arguments) > len(positionals) and not takes_more:
    surplus = arguments[len(positionals)]
    name = surplus.partition("=")[0]
    near = difflib.get_close_matches(name, own_flags, n=1, cutoff=0.8)
    hint = f"; did you mean --{near[0]}?" if near else ""
    raise errors.UserValueError(
      f"{surplus} is one argument too many; the command takes"
      f" {f'{names} and flags' if names else 'flags only'}{hint}"
    )


def _did_you_mean(name: str, candidates: Sequence[str]) -> str:
  near = difflib.get_close_matches(name, candidates, n=1)
  if near:
    return f"; did you mean {near[0]}?"
  return f"; there are: {', '.join(sorted(candidates))}"


def _help_text(usage, own_flags, required_flags) -> str:
  lines = [usage.strip(), "", "Flags:"]
  for flag in sorted(own_flags, key=lambda flag: flag.name):
    repeated = "  (may be repeated)" if _REPEAT in flag.help else ""
    lines.append(f"  {_spelling(flag)}{repeated}")
    lines.extend(
      textwrap.wrap(
        f"{_help(flag)} {_default_text(flag, required_flags)}".rstrip(),
        width=78,
        initial_indent="      ",
        subsequent_indent="      ",
      )
    )
  return "\n".join(lines)


def _help(flag: flags.Flag) -> str:
  return flag.help.partition(_REPEAT)[0]


def _spelling(flag: flags.Flag) -> str:
  if flag.boolean:
    return f"--[no]{flag.name}"
  return f"--{flag.name}={flag.name.rpartition('_')[2].upper()}"


def _default_text(flag: flags.Flag, required_flags: Sequence[str]) -> str:
  if flag.name in required_flags:
    return "(required)"
  if flag.boolean or flag.default in (None, "", []):
    return ""
  return f"(default: {flag.default})"
