"""What the tests of commands share.

That this file is here also makes the folder's helper modules importable.
"""

import os
import signal
import sys

import pytest
import web_server
from absl import flags

from hub_estimator import command_line

_LONGEST_ID_BYTES = 40

# A shell starts programs in the background with Ctrl-C ignored, and whoever
# starts them may have ignored SIGTERM: runs respect that, and their tests
# would see nothing.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
  signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
  signal.signal(signal.SIGTERM, signal.SIG_DFL)


def pytest_make_parametrize_id(val, argname):
  """Names tests without the bytes of files, which may hold the time.

  All processes have to find the same tests.
  """
  if isinstance(val, bytes) and len(val) > _LONGEST_ID_BYTES:
    return argname
  return None


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


@pytest.fixture
def server():
  """A web server on the loopback interface."""
  running = web_server.WebServer()
  yield running
  running.close()


@pytest.fixture
def handle_settings(monkeypatch, tmp_path):
  """No setting of the machine; a cache in the test's folder."""
  for name in list(os.environ):
    if name.startswith("TFHUB_") or name.lower().endswith("_proxy"):
      monkeypatch.delenv(name)
  monkeypatch.delenv("TF_CONFIG", raising=False)
  monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
  return monkeypatch
