"""The flags that all comparisons have."""

import pathlib

from absl import flags

from experiments.comparison import Settings

_NUM_SEEDS = flags.DEFINE_integer("num_seeds", 5, "Seeds of each row.")
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", 2, "Runs at a time.")
_RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Where runs go.")
_RERUN = flags.DEFINE_bool(
  "rerun", False, "Run again what was run with the same config."
)


def settings_of(folder: pathlib.Path) -> Settings:
  """Returns the settings of the experiment in a folder."""
  return Settings(
    folder,
    pathlib.Path(_RUNS_DIR.value, folder.name),
    _NUM_SEEDS.value,
    _NUM_PROCESSES.value,
    _RERUN.value,
  )
