"""Evaluates a run, from its folder alone.

python -m hub_estimator.evaluate --model_dir=DIR [--split=NAME …]
    [--checkpoint_path=PREFIX | --best] [--json] [--output=FILE]
    [--report=FILE] [--projector] [--debug]

Prints metrics of the newest checkpoint, or of the one that is named, on the
eval split, the test split if there is one, and further evaluation sets; or on
the splits that are named. DIR is a folder that `hub_estimator.train` wrote; its
config.gin says where the data is.
"""

import json

from absl import flags

from hub_estimator import run_flags
from hub_estimator.command_line import JSON, run_command
from hub_estimator.handles import settings
from hub_estimator.quiet_import import quiet_import

_SPLIT = flags.DEFINE_multi_string(
  "split", [], "A split of the data; may be given several times."
)
_REPORT = flags.DEFINE_string(
  "report", None, "Also write the run's report with these evaluations."
)
_PROJECTOR = flags.DEFINE_bool(
  "projector",
  False,
  "Write embeddings of the first split for TensorBoard's projector to "
  "DIR/projector.",
)
flags.declare_key_flag(run_flags.MODEL_DIR.name)
flags.declare_key_flag(run_flags.CHECKPOINT_PATH.name)
flags.declare_key_flag(run_flags.BEST.name)
flags.declare_key_flag(run_flags.OUTPUT.name)
flags.declare_key_flag(JSON.name)
flags.declare_key_flag(settings.CACHE_FLAG)
flags.declare_key_flag(settings.FORMAT_FLAG)

# Examples that a report shows of each split.
_NUM_WORST = 24
# What the projector still moves smoothly.
_NUM_EMBEDDED = 10_000


def main(arguments):
  """Evaluates the run that the flags name."""
  del arguments
  with quiet_import():
    from hub_estimator import reports
    from hub_estimator.evaluation import format_metrics
    from hub_estimator.hub import folders
    from hub_estimator.training import launch, run_evaluation, run_folder

    launch.look_for_devices()
  folder = run_folder.open_run(run_flags.MODEL_DIR.value, with_data=True)
  checkpoint = folder.checkpoint(
    run_flags.CHECKPOINT_PATH.value, run_flags.BEST.value
  )
  found = run_evaluation.evaluate_run(
    folder,
    checkpoint,
    _SPLIT.value or None,
    num_worst=_NUM_WORST if _REPORT.value else 0,
  )
  metrics = {split: evaluation.metrics for split, evaluation in found.items()}
  text = json.dumps({"checkpoint": checkpoint, "splits": metrics}, indent=2)
  if run_flags.OUTPUT.value:
    folders.write_file(run_flags.OUTPUT.value, f"{text}\n".encode())
  if _REPORT.value:
    reports.write_report(folder.model_dir, found, _REPORT.value)
  if _PROJECTOR.value:
    split = next(iter(found))
    embedded = run_evaluation.embed_split(
      folder, checkpoint, split, _NUM_EMBEDDED
    )
    reports.write_split_embeddings(
      folder.model_dir, embedded, folder.run.input_pipeline.class_names
    )
  if JSON.value:
    print(text)
  else:
    print(f"Checkpoint {checkpoint}\n")
    print(format_metrics(metrics))


if __name__ == "__main__":
  run_command(main, usage=__doc__, required_flags=("model_dir",))
