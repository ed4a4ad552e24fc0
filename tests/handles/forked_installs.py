"""A program of its own: many processes that install one module at once.

together HANDLE NUM: forks NUM processes that resolve a handle at the same
  moment; prints how many distinct folders they found, and how many failed.
killed HANDLE ROUNDS SEED: forks a process a round that resolves a handle and is
  killed, as by kill -9, at a random line of the package's code; prints how
  often an entry was there afterwards, and what was found that must not be.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import sys

import requests  # noqa: F401  # Imported once, and not by every process.

from hub_estimator import handles
from hub_estimator.handles.cache import module_cache


def _forked(function):
  """Runs a function in a child process; returns its pid and answer."""
  reading, writing = os.pipe()
  pid = os.fork()
  if pid == 0:
    os.close(reading)
    status = 1
    try:
      os.write(writing, json.dumps(function()).encode())
      status = 0
    finally:
      os._exit(status)
  os.close(writing)
  return pid, reading


def _answer(pid, reading):
  with os.fdopen(reading, "rb") as file:
    content = file.read()
  _, status = os.waitpid(pid, 0)
  return status, json.loads(content) if content else None


def together(handle, num):
  start, starting = os.pipe()

  def resolve():
    os.close(starting)
    os.read(start, 1)  # Ends when the parent closes its end.
    return handles.resolve(handle)

  children = [_forked(resolve) for _ in range(int(num))]
  os.close(starting)
  answers = [_answer(*child) for child in children]
  folders = {folder for _, folder in answers if folder}
  return {
    "folders": sorted(folders),
    "failed": sum(status != 0 for status, _ in answers),
  }


def _resolve_until(handle, line_to_die_at):
  """Resolves a handle; returns the lines that it took, unless it dies."""
  package = os.path.dirname(handles.__file__)
  lines = 0

  def trace(frame, event, _):
    nonlocal lines
    if not frame.f_code.co_filename.startswith(package):
      return None
    if event == "line":
      lines += 1
      if lines == line_to_die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return trace

  sys.settrace(trace)
  handles.resolve(handle)
  sys.settrace(None)
  return lines


def killed(handle, rounds, seed):
  cache = handles.ModuleCache()
  folder = cache.module_folder(handle)
  _, num_lines = _answer(*_forked(lambda: _resolve_until(handle, 0)))
  rng = random.Random(int(seed))
  found = {"lines": num_lines, "whole": 0, "wrong": [], "survived": 0}
  for _ in range(int(rounds)):
    if rng.random() < 0.7:
      shutil.rmtree(folder, ignore_errors=True)
    elif rng.random() < 0.7:
      with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(folder, "saved_model.pb"))
    # A quarter of them around the rename, which is one of the last lines.
    first = num_lines - 60 if rng.random() < 0.25 else 1
    line = rng.randint(first, num_lines)
    status, _ = _answer(*_forked(lambda at=line: _resolve_until(handle, at)))
    found["survived"] += status == 0
    if cache.find(handle) is None:
      continue
    # What is taken for whole is so to the last byte.
    problems = module_cache.entry_problems(folder, with_checksums=True)
    found["whole"] += not problems
    if problems:
      found["wrong"].append([line, problems])
  status, path = _answer(*_forked(lambda: handles.resolve(handle)))
  found["last"] = path
  found["left"] = sorted(
    name for name in os.listdir(cache.folder) if ".install-" in name
  )
  return found


if __name__ == "__main__":
  name, *arguments = sys.argv[1:]
  functions = {"together": together, "killed": killed}
  print("FOUND" + json.dumps(functions[name](*arguments)))
