"""Predicts with a run's model, from the run's folder alone.

python -m hub_estimator.predict --model_dir=DIR --input=FILE --output=FILE
    [--format=jsonl|csv] [--checkpoint_path=PREFIX | --best] [--batch_size=N]
    [--on_bad_example=error|skip] [--file_format=csv|tsv|jsonl|txt] [--debug]

Reads what the run's input pipeline reads: tables of texts, or plain texts, one
a line; folders or lists of images; TFRecords; NumPy arrays. Labels are not
needed; if there are some, the last line on stderr says how well they agree.
"-" is standard input, or output.

Writes a line for each example, in their order, as it reads: its key ("line 7",
an image's path), what the input has of it, and

  classes      predicted_class, predicted_class_id, and the probabilities by
               class: an object `probabilities`, or columns probability_CLASS
  multi-label  predicted_classes, those above 0.5, and the probabilities
  regression   prediction

and label, if it was there. The format is jsonl if it is not given, or csv for a
FILE of that name. FILE appears when all is written.
"""

import os

from absl import flags

from hub_estimator import run_flags
from hub_estimator.command_line import run_command
from hub_estimator.handles import settings
from hub_estimator.quiet_import import quiet_import

_FORMATS = ("jsonl", "csv")

_INPUT = flags.DEFINE_string("input", None, "What to predict on; - for stdin.")
_BATCH_SIZE = flags.DEFINE_integer(
  "batch_size",
  None,
  "Examples that the model gets at once; as in training if not given.",
  lower_bound=1,
)
_ON_BAD_EXAMPLE = flags.DEFINE_enum(
  "on_bad_example",
  None,
  ("error", "skip"),
  "What to do about examples that cannot be read; as in training if not given.",
)
_FILE_FORMAT = flags.DEFINE_enum(
  "file_format",
  None,
  ("csv", "tsv", "jsonl", "txt"),
  "The format of a table; if not given, that of the run or of its name.",
)
flags.declare_key_flag(run_flags.MODEL_DIR.name)
flags.declare_key_flag(run_flags.CHECKPOINT_PATH.name)
flags.declare_key_flag(run_flags.BEST.name)
flags.declare_key_flag(run_flags.OUTPUT.name)
flags.declare_key_flag(run_flags.FORMAT.name)
flags.declare_key_flag(settings.CACHE_FLAG)
flags.declare_key_flag(settings.FORMAT_FLAG)


def main(arguments):
  """Predicts as the flags say."""
  del arguments
  output_format = _choose_format()
  with quiet_import():
    from hub_estimator.training import launch, prediction_run

    launch.look_for_devices()
  prediction_run.predict_file(
    run_flags.MODEL_DIR.value,
    os.path.expanduser(_INPUT.value),
    os.path.expanduser(run_flags.OUTPUT.value),
    output_format,
    checkpoint_path=run_flags.CHECKPOINT_PATH.value,
    best=run_flags.BEST.value,
    batch_size=_BATCH_SIZE.value,
    on_bad_example=_ON_BAD_EXAMPLE.value,
    file_format=_FILE_FORMAT.value,
  )


def _choose_format():
  if run_flags.FORMAT.value is not None:
    run_flags.check_format(_FORMATS)
    return run_flags.FORMAT.value
  return "csv" if run_flags.OUTPUT.value.lower().endswith(".csv") else "jsonl"


if __name__ == "__main__":
  run_command(
    main, usage=__doc__, required_flags=("model_dir", "input", "output")
  )
