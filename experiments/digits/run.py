"""Pretrains a module, fine-tunes it, and inspects what was exported.

python experiments/digits/run.py [--runs_dir=runs/digits]

Runs three commands and prints each before it starts. Runs that are there from
an earlier time are overwritten.
"""

import os
import pathlib
import shlex
import subprocess
import sys

from absl import app, flags

_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs/digits", "Where runs go.")

_HERE = pathlib.Path(__file__).resolve().parent


def run_command(*arguments):
  print(f"\n$ {shlex.join(['python', *arguments])}", flush=True)
  completed = subprocess.run([sys.executable, *arguments], check=False)
  if completed.returncode:
    sys.exit(completed.returncode)


def train(config, model_dir, *gin_params):
  run_command(
    "-m",
    "hub_estimator.train",
    f"--gin_file={os.path.relpath(_HERE / config)}",
    *(f"--gin_param={param}" for param in gin_params),
    f"--model_dir={model_dir}",
    "--overwrite",
  )


def main(_):
  runs = pathlib.Path(_RUNS_DIR.value)
  pretrained = runs / "pretrain" / "export" / "tf_hub"
  train("pretrain.gin", runs / "pretrain")
  train("fine_tune.gin", runs / "fine_tune", f"MODULE_HANDLE = '{pretrained}'")
  run_command(
    "-m",
    "hub_estimator.inspect_module",
    str(runs / "fine_tune" / "export" / "tf_hub"),
  )


if __name__ == "__main__":
  app.run(main)
