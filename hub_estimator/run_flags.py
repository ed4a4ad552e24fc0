"""Flags that several commands have, of a run's folder and what they write.

A command that takes one says `flags.declare_key_flag(run_flags.BEST.name)`.
"""

from collections.abc import Sequence

from absl import flags

from hub_estimator import errors

GIN_FILE = flags.DEFINE_multi_string(
  "gin_file", [], "A Gin file; may be given several times, later ones win."
)
GIN_PARAM = flags.DEFINE_multi_string(
  "gin_param", [], "A binding on top of the files: 'NAME = value'."
)
DRY_RUN = flags.DEFINE_bool(
  "dry_run", False, "Build the graphs, say what would be trained, and stop."
)
MODEL_DIR = flags.DEFINE_string("model_dir", None, "The run's folder.")
CHECKPOINT_PATH = flags.DEFINE_string(
  "checkpoint_path",
  None,
  "A checkpoint, such as DIR/model.ckpt-300; the newest one if not given.",
)
BEST = flags.DEFINE_bool(
  "best", False, "Take the checkpoint of the best evaluation."
)
OUTPUT = flags.DEFINE_string("output", None, "The file to write.")
FORMAT = flags.DEFINE_string(
  "format", None, "The format of what is written; see above."
)


def check_format(formats: Sequence[str]) -> None:
  """Raises UserValueError if --format is none of a command's.

  Args:
    formats: those there are.
  """
  if FORMAT.value is not None and FORMAT.value not in formats:
    raise errors.UserValueError(
      f"--format={FORMAT.value}: there is no such format; there are: "
      f"{', '.join(formats)}."
    )
