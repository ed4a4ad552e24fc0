"""Measures the cache: finding a module in it, and unpacking one.

python experiments/benchmarks/cache.py [--rounds=10] [--megabytes=200]

  resolve  handles.resolve of a module that is in the cache, in a fresh process,
           beside the import of the package
  unpack   of an archive (.tar.gz) of random float32 weights, with the SHA-256
           of every file, against `tar xzf`; the two take turns, and every
           measurement is a process of its own
  memory   of the process that unpacks, for the archive and for one of a tenth
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

_ROUNDS = flags.DEFINE_integer("rounds", 10, "Processes for each measurement.")
_MEGABYTES = flags.DEFINE_integer("megabytes", 200, "Bytes of the weights.")
_MEASURE = flags.DEFINE_string(
  "measure", None, "For the program itself: resolve|unpack|tar,PATH."
)


def _resolve(handle):
  started = time.perf_counter()
  from hub_estimator import handles

  imported = time.perf_counter()
  handles.resolve(handle)
  return {
    "import": imported - started,
    "resolve": time.perf_counter() - imported,
  }


def _unpack(path):
  from hub_estimator.handles import archives

  with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
    started = time.perf_counter()
    archives.unpack(path, folder, path)
    seconds = time.perf_counter() - started
  usage = resource.getrusage(resource.RUSAGE_SELF)
  return {"seconds": seconds, "cpu": usage.ru_utime, "kib": _peak_kib()}


def _peak_kib():
  """Returns the peak memory of this program: ru_maxrss counts its parent's."""
  with open("/proc/self/status") as file:
    return next(int(line.split()[1]) for line in file if "VmHWM" in line)


def _tar(path):
  with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
    started = time.perf_counter()
    subprocess.run(["tar", "xzf", path, "-C", folder], check=True)
    seconds = time.perf_counter() - started
  usage = resource.getrusage(resource.RUSAGE_CHILDREN)
  return {"seconds": seconds, "cpu": usage.ru_utime}


def _child(what, argument):
  process = subprocess.run(
    [sys.executable, __file__, f"--measure={what},{argument}"],
    capture_output=True,
    text=True,
  )
  if process.returncode:
    sys.exit(process.stderr[-2000:])
  return json.loads(process.stdout)


def _write_archive(folder, name, num_bytes):
  """Writes a module's archive; returns its path."""
  from hub_estimator.file_formats import saved_model_outline

  module = os.path.join(folder, name)
  os.makedirs(os.path.join(module, "assets"))
  saved_model = saved_model_outline.SavedModel()
  saved_model.meta_graphs.add().asset_files.add(filename="weights")
  weights = np.random.default_rng(0).standard_normal(num_bytes // 4, np.float32)
  for path, content in (
    ("saved_model.pb", saved_model.SerializeToString()),
    ("tfhub_module.pb", b"\x08\x03"),
    ("assets/weights", weights.tobytes()),
  ):
    with open(os.path.join(module, path), "wb") as file:
      file.write(content)
  subprocess.run(
    ["tar", "czf", f"{module}.tar.gz", "-C", module, "."], check=True
  )
  return f"{module}.tar.gz"


def _median(runs, key):
  return statistics.median(run[key] for run in runs)


def _compare(folder):
  from hub_estimator import handles

  os.environ["TFHUB_CACHE_DIR"] = os.path.join(folder, "cache")
  small = _write_archive(folder, "small", _MEGABYTES.value * 100_000)
  large = _write_archive(folder, "large", _MEGABYTES.value * 1_000_000)
  handles.resolve(small)
  runs = [_child("resolve", small) for _ in range(_ROUNDS.value)]
  print(f"resolve a cached module, medians of {len(runs)} processes")
  print(f"  import of the package    {1e3 * _median(runs, 'import'):8.2f} ms")
  print(f"  resolve                  {1e3 * _median(runs, 'resolve'):8.2f} ms")
  pairs = [
    (_child("unpack", large), _child("tar", large))
    for _ in range(_ROUNDS.value)
  ]
  print(f"unpack {_MEGABYTES.value} MB, medians of {len(pairs)} processes each")
  for key, what in (("seconds", "wall"), ("cpu", "user cpu")):
    ours, theirs = (_median(side, key) for side in zip(*pairs))
    ratio = statistics.median(a[key] / b[key] for a, b in pairs)
    print(
      f"  {what:<10} hub_estimator {ours:6.2f} s   tar xzf {theirs:6.2f} s"
      f"   ratio of pairs {ratio:.3f}"
    )
  for path, name in ((small, "a tenth of it"), (large, "all of it")):
    kib = _child("unpack", path)["kib"]
    print(f"  peak memory, {name:<14} {kib / 1024:6.1f} MiB")


def main(_):
  if _MEASURE.value:
    what, argument = _MEASURE.value.split(",", 1)
    measure = {"resolve": _resolve, "unpack": _unpack, "tar": _tar}[what]
    print(json.dumps(measure(argument)))
    return
  with tempfile.TemporaryDirectory() as folder:
    _compare(folder)


if __name__ == "__main__":
  app.run(main)
