"""What the tests of commands share.

That this file is here also makes the folder's helper modules importable.
"""

import sys

import pytest
from absl import flags

from hub_estimator import command_line


@pytest.fixture
def run_command(monkeypatch, capfd):
  """Runs a command in this process: (exit status, stdout, stderr)."""

  def run(module, *arguments, **requirements):
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
      flags.FLAGS[name].unparse()
    monkeypatch.setattr(sys, "argv", ["command", *map(str, arguments)])
    capfd.readouterr()
    with pytest.raises(SystemExit) as raised:
      command_line.run_command(
        module.main, usage=module.__doc__, **requirements
      )
    return (raised.value.code, *capfd.readouterr())

  yield run
  flags.FLAGS.unparse_flags()
  for name in flags.FLAGS:
    flags.FLAGS[name].unparse()
