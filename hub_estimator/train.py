"""Fine-tunes a TF1 Hub module as Gin files say, and exports it.

python -m hub_estimator.train --gin_file=FILE [--gin_file=FILE …]
    [--gin_param='NAME = value' …] --model_dir=DIR
    [--dry_run] [--resume | --overwrite] [--debug]

DIR gets checkpoints, config.gin, TensorBoard summaries, results.json and the
fine-tuned module under export/tf_hub. The same command goes on from the newest
checkpoint that is whole. One process at a time works in DIR.

SIGTERM, or SIGINT (Ctrl-C), ends training after the present step, with a
checkpoint of it; an evaluation or an export is given up at once. The exit
status is then 75, which batch systems know as "try again" (EX_TEMPFAIL), and
the same command goes on. A second signal ends the process at once. Otherwise
the status is 0 for a run that ended by itself, 2 for an error that one line
explains, 1 for any other.
"""

from absl import flags

from hub_estimator import errors, run_flags
from hub_estimator.command_line import run_command
from hub_estimator.handles import settings
from hub_estimator.quiet_import import quiet_import
from hub_estimator.training import gin_config

_RESUME = flags.DEFINE_bool(
  "resume", False, "Go on in a folder whose run had another config."
)
_OVERWRITE = flags.DEFINE_bool(
  "overwrite", False, "Delete the run in the folder and start again."
)
for _flag in (
  run_flags.GIN_FILE,
  run_flags.GIN_PARAM,
  run_flags.DRY_RUN,
  run_flags.MODEL_DIR,
):
  flags.declare_key_flag(_flag.name)
flags.declare_key_flag(settings.CACHE_FLAG)
flags.declare_key_flag(settings.FORMAT_FLAG)


# EX_TEMPFAIL of sysexits.h; `os` has no such name on every system.
_RESUMABLE_STATUS = 75


def main(arguments):
  """Launches the run that the flags describe."""
  del arguments
  if _RESUME.value and _OVERWRITE.value:
    raise errors.UserValueError(
      "--resume and --overwrite exclude each other: one keeps the run in "
      "--model_dir, the other deletes it."
    )
  # Before TensorFlow's import: a mistyped path need not wait for it.
  gin_config.check_files(run_flags.GIN_FILE.value, run_flags.GIN_PARAM.value)
  with quiet_import():
    from hub_estimator import reports
    from hub_estimator.training import launch

    launch.register_configurables()
    launch.look_for_devices()
  results = launch.launch(
    run_flags.GIN_FILE.value,
    run_flags.GIN_PARAM.value,
    run_flags.MODEL_DIR.value,
    is_dry_run=run_flags.DRY_RUN.value,
    resume=_RESUME.value,
    overwrite=_OVERWRITE.value,
    report_fn=reports.write_all,
  )
  if results.get("status") == launch.RESUMABLE:
    return _RESUMABLE_STATUS
  return None


if __name__ == "__main__":
  run_command(main, usage=__doc__, required_flags=("gin_file", "model_dir"))
