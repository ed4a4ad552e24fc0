"""A program of its own: studies whose parts are killed until enough were.

FOLDER PARTS KILLS SEED: runs a study undisturbed, and then others, while one of
  PARTS ("worker", "parent", "database", with commas between) is killed as by
  kill -9 at random times, until KILLS were; a killed parent and a killed
  database are started again. With "database" the studies are in a PostgreSQL
  server. Prints what was found that must not be, as JSON.

The process has imported TensorFlow and forks the sweeps, as the command does
its workers.
"""

import json
import os
import pathlib
import random
import signal
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
for part in (TESTS, TESTS / "training", TESTS / "sweeps"):
  sys.path.insert(0, str(part))

import postgres_server  # noqa: E402
import tiny_runs  # noqa: E402

from hub_estimator.sweeps import sweep as sweeping  # noqa: E402
from hub_estimator.sweeps.leaderboard import LEADERBOARD_FILE  # noqa: E402
from hub_estimator.training import launch as launching  # noqa: E402

TEXT = """
TRAIN_STEPS = 6
train.eval_every_steps = 2
train.verify_exports = False
"""
SWEEP = """
sweep.search_space = {
  'LEARNING_RATE': [0.01, 0.1, 0.3],
  'TRAINABLE': [True, False],
}
sweep.objective = 'average_loss'
sweep.sampler = 'grid'
"""
NUM_POINTS = 6
NUM_WORKERS = 2
_STEP_SECS = 0.01
_LONGEST_SECS = 300


def start(config, study_dir, storage, output):
  """Forks a sweep; returns its process's number."""
  pid = os.fork()
  if pid:
    return pid
  status = 1
  try:
    os.setsid()
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    arguments = sweeping.SweepArguments(
      [str(config)],
      [],
      str(config.parent / "sweep.gin"),
      str(study_dir),
      storage=storage,
      num_workers=NUM_WORKERS,
    )
    status = sweeping.Sweep(arguments).run()
  except BaseException as error:
    os.write(2, f"error: {error!r}\n".encode())
  finally:
    os._exit(status)


def children(pid):
  """Returns the processes that a process has started."""
  try:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
      return [int(child) for child in file.read().split()]
  except OSError:
    return []


def has_ended(pid):
  waited, status = os.waitpid(pid, os.WNOHANG)
  return os.waitstatus_to_exitcode(status) if waited else None


def kill(pid):
  try:
    os.kill(pid, signal.SIGKILL)
  except ProcessLookupError:
    return False
  return True


class Rounds:
  """Studies, and what is killed of them."""

  def __init__(self, folder, parts, num_kills, seed):
    self.folder = folder
    self.parts = parts
    self.rng = random.Random(seed)
    self.left = num_kills
    self.counts = dict.fromkeys(parts, 0)
    self.server = None
    if "database" in parts:
      self.server = postgres_server.PostgresServer()
      self.server.start()
    launching.register_configurables()
    self.config = pathlib.Path(tiny_runs.write_config(folder, TEXT))
    (folder / "sweep.gin").write_text(SWEEP)

  def run(self, name, disturbed):
    """Runs a study to its end; returns how long it took."""
    study_dir = self.folder / name
    output = self.folder / f"{name}.txt"
    storage = self.server and self.server.url(self.server.new_database())
    started = time.monotonic()
    pid = start(self.config, study_dir, storage, output)
    next_kill = self._next()
    while time.monotonic() - started < _LONGEST_SECS:
      time.sleep(_STEP_SECS)
      status = has_ended(pid)
      if status == 0:
        return time.monotonic() - started
      if status is not None:
        if status != -signal.SIGKILL:
          raise RuntimeError(f"{status}: {output.read_text()[-3000:]}")
        pid = start(self.config, study_dir, storage, output)
      if disturbed and self.left and time.monotonic() > next_kill:
        self._disturb(pid)
        next_kill = self._next()
    kill(pid)
    raise RuntimeError(f"No end of it: {output.read_text()[-3000:]}")

  def _next(self):
    return time.monotonic() + self.rng.uniform(0.0, 2.5)

  def _disturb(self, pid):
    part = self.rng.choice(self.parts)
    if part == "database":
      self.server.kill()
      time.sleep(self.rng.uniform(0.0, 0.5))
      self.server.restart()
    elif part == "parent":
      kill(pid)
    else:
      workers = children(pid)
      if not workers or not kill(self.rng.choice(workers)):
        return
    self.left -= 1
    self.counts[part] += 1

  def examine(self, name):
    """Returns {point: value} of a study's trials, and what is wrong."""
    study_dir = self.folder / name
    wrong = []
    lines = (study_dir / LEADERBOARD_FILE).read_text().splitlines()
    columns = lines[0].split(",")
    rows = [dict(zip(columns, line.split(","))) for line in lines[1:]]
    values = {}
    for row in rows:
      point = (row["LEARNING_RATE"], row["TRAINABLE"])
      if row["state"] != "complete":
        wrong.append(f"{name}: {row}")
      if point in values:
        wrong.append(f"{name}: {point} is there twice")
      values[point] = row["average_loss"]
      results = study_dir / row["folder"] / "results.json"
      if json.loads(results.read_text())["status"] != "finished":
        wrong.append(f"{results} is not finished")
    if len(rows) != NUM_POINTS:
      wrong.append(f"{name}: {len(rows)} trials")
    folders = sorted(p.name for p in (study_dir / "trials").iterdir())
    if folders != [str(number) for number in range(NUM_POINTS)]:
      wrong.append(f"{name}: folders {folders}")
    return values, wrong

  def close(self):
    if self.server is not None:
      self.server.close()


def main(folder, parts, num_kills, seed):
  rounds = Rounds(
    pathlib.Path(folder), parts.split(","), int(num_kills), int(seed)
  )
  wrong, seconds = [], []
  try:
    seconds.append(rounds.run("undisturbed", False))
    expected, problems = rounds.examine("undisturbed")
    wrong += problems
    number = 0
    while rounds.left:
      number += 1
      seconds.append(rounds.run(f"study{number}", True))
      values, problems = rounds.examine(f"study{number}")
      wrong += problems
      if values != expected:
        wrong.append(f"study{number}: {values} instead of {expected}")
  finally:
    rounds.close()
  print(
    "FOUND"
    + json.dumps(
      {
        "kills": rounds.counts,
        "studies": number,
        "wrong": wrong,
        "seconds": [round(s, 1) for s in seconds],
      }
    )
  )


if __name__ == "__main__":
  main(*sys.argv[1:])
