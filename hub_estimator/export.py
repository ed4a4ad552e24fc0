"""Exports a run's model, from the run's folder alone.

python -m hub_estimator.export --model_dir=DIR --export_dir=DIR2
    [--format=tf_hub|saved_model] [--checkpoint_path=PREFIX | --best] [--debug]

tf_hub       the fine-tuned module, without the head: hub.Module("DIR2"). DIR2
             must not exist, or be empty.
saved_model  the whole model, DIR2/<unix seconds>, as TensorFlow Serving finds
             it: tf.saved_model.load("DIR2/<unix seconds>"). Its signature
             serving_default takes raw features (texts, arrays), or of images
             the bytes of files as image_bytes, and gives probabilities,
             class_ids and class_names, or predictions. `decoded_images` takes
             float arrays; `predict` gives all outputs of the head;
             `classification` and `regression` take serialized tf.Examples.

assets.extra/export.json in it says of which step, module and config it is.
Prints the path of what was written.
"""

import os

from absl import flags

from hub_estimator import run_flags
from hub_estimator.command_line import run_command
from hub_estimator.handles import settings
from hub_estimator.quiet_import import quiet_import

_TF_HUB, _SAVED_MODEL = _FORMATS = ("tf_hub", "saved_model")

_EXPORT_DIR = flags.DEFINE_string("export_dir", None, "The folder to write to.")
flags.declare_key_flag(run_flags.MODEL_DIR.name)
flags.declare_key_flag(run_flags.CHECKPOINT_PATH.name)
flags.declare_key_flag(run_flags.BEST.name)
flags.declare_key_flag(run_flags.FORMAT.name)
flags.declare_key_flag(settings.CACHE_FLAG)
flags.declare_key_flag(settings.FORMAT_FLAG)


def main(arguments):
  """Exports as the flags say."""
  del arguments
  run_flags.check_format(_FORMATS)
  with quiet_import():
    from hub_estimator.training import (
      launch,
      run_folder,
      saved_model_export,
    )

    launch.look_for_devices()
  folder = run_folder.open_run(run_flags.MODEL_DIR.value)
  checkpoint = folder.checkpoint(
    run_flags.CHECKPOINT_PATH.value, run_flags.BEST.value
  )
  export = {
    _TF_HUB: saved_model_export.export_module,
    _SAVED_MODEL: saved_model_export.export_saved_model,
  }[run_flags.FORMAT.value or _TF_HUB]
  print(export(folder, checkpoint, os.path.expanduser(_EXPORT_DIR.value)))


if __name__ == "__main__":
  run_command(main, usage=__doc__, required_flags=("model_dir", "export_dir"))
