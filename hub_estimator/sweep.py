"""Tries modules, recipes and numbers, and says which are best.

python -m hub_estimator.sweep --gin_file=CONFIG [--gin_file=FILE …]
    [--gin_param='NAME = value' …] --sweep_file=SWEEP.gin --study_dir=DIR
    [--num_workers=N] [--num_trials=N] [--timeout=SECONDS] [--dry_run]
    [--keep=K] [--fail_fast] [--retry_failed] [--storage=URL]
    [--study_name=NAME] [--executor=local|ray]

CONFIG is what `hub_estimator.train` takes; the sweep file says which of its
bindings vary, and what is optimized. Each trial is a run in DIR/trials/NUMBER.
In the end DIR has leaderboard.csv, report.html, best.gin, which runs by itself,
and the best module in best/. All trials are checked before the first starts.

The same command goes on with a study, also after a kill: trials that were under
way are run again from their checkpoints, finished ones never. With
--storage=postgresql://… several machines work on one study: the same command on
each.

SIGTERM, or SIGINT (Ctrl-C), has the runs write a checkpoint, and ends with
status 75; a second signal ends at once. Otherwise the status is 0 if the sweep
ended by itself, 2 for an error that one line explains, 1 for any other.
"""

from absl import flags

from hub_estimator import run_flags
from hub_estimator.command_line import run_command
from hub_estimator.handles import settings
from hub_estimator.quiet_import import quiet_import
from hub_estimator.training import gin_config

_SWEEP_FILE = flags.DEFINE_string(
  "sweep_file", None, "The Gin file that says what varies."
)
_STUDY_DIR = flags.DEFINE_string("study_dir", None, "The study's folder.")
_STUDY_NAME = flags.DEFINE_string(
  "study_name", None, "The study's name in its storage; the folder's if unset."
)
_STORAGE = flags.DEFINE_string(
  "storage",
  None,
  "Where the study is kept: postgresql://USER:PASSWORD@HOST/DATABASE, "
  "sqlite:///FILE, or journal:FILE. If unset, SQLite in the study's folder for "
  "one worker, a journal there for several.",
)
_NUM_WORKERS = flags.DEFINE_integer(
  "num_workers", 1, "How many trials run at a time.", lower_bound=1
)
_NUM_TRIALS = flags.DEFINE_integer(
  "num_trials", None, "Instead of sweep.num_trials.", lower_bound=1
)
_TIMEOUT = flags.DEFINE_float(
  "timeout",
  None,
  "Seconds after which no trial is begun; those that run are finished.",
  lower_bound=0,
)
_KEEP = flags.DEFINE_string(
  "keep",
  "all",
  "Of how many of the best trials checkpoints and exports stay; or all. "
  "Results, logs and reports always stay.",
)
_FAIL_FAST = flags.DEFINE_bool(
  "fail_fast", False, "End with the first trial that fails."
)
_RETRY_FAILED = flags.DEFINE_bool(
  "retry_failed", False, "Run trials again that failed before."
)
_EXECUTOR = flags.DEFINE_enum(
  "executor",
  "local",
  ["local", "ray"],
  "Where workers are: processes of this machine, or of a Ray cluster.",
)
for _flag in (run_flags.GIN_FILE, run_flags.GIN_PARAM, run_flags.DRY_RUN):
  flags.declare_key_flag(_flag.name)
flags.declare_key_flag(settings.CACHE_FLAG)
flags.declare_key_flag(settings.FORMAT_FLAG)


def main(arguments):
  """Runs the sweep that the flags describe."""
  del arguments
  # Before TensorFlow's import: a mistyped path need not wait for it.
  gin_files = run_flags.GIN_FILE.value
  gin_config.check_files(gin_files, run_flags.GIN_PARAM.value)
  gin_config.check_files([_SWEEP_FILE.value])
  with quiet_import():
    from hub_estimator import reports
    from hub_estimator.sweeps import keeping
    from hub_estimator.sweeps.sweep import Sweep, SweepArguments
    from hub_estimator.training import launch

    launch.register_configurables()
    launch.look_for_devices()
  sweep = Sweep(
    SweepArguments(
      gin_files,
      run_flags.GIN_PARAM.value,
      _SWEEP_FILE.value,
      _STUDY_DIR.value,
      _STUDY_NAME.value,
      _STORAGE.value,
      _NUM_WORKERS.value,
      _NUM_TRIALS.value,
      _TIMEOUT.value,
      keeping.parse_keep(_KEEP.value),
      _FAIL_FAST.value,
      _RETRY_FAILED.value,
      _EXECUTOR.value,
    ),
    report_fn=reports.write_all,
  )
  if run_flags.DRY_RUN.value:
    print(sweep.check())
    return None
  return sweep.run()


if __name__ == "__main__":
  run_command(
    main,
    usage=__doc__,
    required_flags=("gin_file", "sweep_file", "study_dir"),
  )
