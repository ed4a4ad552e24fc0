"""Flags that several commands have, of a run's folder.

A command that takes one says `flags.declare_key_flag(run_flags.BEST.name)`.
"""

from absl import flags

MODEL_DIR = flags.DEFINE_string("model_dir", None, "The run's folder.")
CHECKPOINT_PATH = flags.DEFINE_string(
  "checkpoint_path",
  None,
  "A checkpoint, such as DIR/model.ckpt-300; the newest one if not given.",
)
BEST = flags.DEFINE_bool(
  "best", False, "Take the checkpoint of the best evaluation."
)
