"""The ways of the text experiments, and the module they start from."""

from __future__ import annotations

import pathlib
import shutil

from absl import flags

from experiments.text_module_export import export_text_module
from experiments.ways import Way, rates

_EMBEDDING_FILE = flags.DEFINE_string(
  "embedding_file", None, "GloVe vectors of 50 dimensions.", required=True
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir", None, "Folder of the texts.", required=True
)

# As in from_scratch.gin, and so is lowercase_text.
_NUM_OOV_BUCKETS = 10


def data_file(name: str) -> pathlib.Path:
  """Returns the path of a file in --data_dir."""
  return pathlib.Path(_DATA_DIR.value, name)


def vocabulary_file(module: pathlib.Path) -> pathlib.Path:
  """Returns the path of a module's words."""
  return module / "assets" / "vocabulary.txt"


def export_module(
  runs_dir: pathlib.Path, num_oov_buckets: int = _NUM_OOV_BUCKETS
) -> pathlib.Path:
  """Makes the module of --embedding_file, and returns its folder."""
  module = runs_dir / "module"
  shutil.rmtree(module, ignore_errors=True)
  export_text_module(_EMBEDDING_FILE.value, module, num_oov_buckets)
  return module


def create_ways(module: pathlib.Path) -> list[Way]:
  """Returns frozen, fine-tuned by five recipes, and from random embeddings."""
  pretrained = f"MODULE_HANDLE = '{module}'"

  def way(name, recipe, choices):
    return Way(
      name, "fine_tune.gin", [pretrained, f"RECIPE = {recipe}"], choices
    )

  low, middle, high = (0.03, 0.1, 0.3), (0.1, 0.3, 1.0), (0.3, 1.0, 3.0)
  alphas = (0.001, 0.01)
  return [
    way("frozen", "@feature_extraction()", rates(*low)),
    way("all at one rate", "[]", rates(*middle)),
    way("full fine-tuning", "@full_fine_tuning()", rates(*high)),
    way("LP-FT", "@linear_probe_then_fine_tune()", rates(*high)),
    way("discriminative", "@discriminative_learning_rates()", rates(*middle)),
    way("L2-SP", "@l2_sp()", rates(0.3, 1.0, l2_sp__alpha=alphas)),
    Way(
      "random embeddings",
      "from_scratch.gin",
      [f"VOCABULARY_FILE = '{vocabulary_file(module)}'"],
      rates(*middle),
    ),
  ]
