"""The modules that are compared: published once, by the project's commands."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import re
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from experiments import digit_images
from experiments.comparison import Settings
from experiments.text_module_export import export_text_module
from experiments.trials import Trial, run_trials

FROM_SCRATCH = "from scratch"

_SIGN_CONFIGS = pathlib.Path(__file__).resolve().parents[1] / "sign_digits"
_SMALL = "convolutional_network.num_filters = (8, 16, 32)"
# As in texts.gin.
_EMBEDDING_DIM, _NUM_OOV_BUCKETS = 50, 10
_NUM_COMMON_WORDS = 1000


@dataclasses.dataclass(frozen=True)
class Module:
  """A module, or the function that makes it anew.

  Attributes:
    name: what the tables call it.
    handle: as Gin text shows it: a path, or "@function()".
  """

  name: str
  handle: str

  @property
  def is_published(self) -> bool:
    """Whether it has weights to start from."""
    return not self.handle.startswith("@")

  @property
  def folder_name(self) -> str:
    """The name, as part of a path."""
    return folder_name(self.name)


@dataclasses.dataclass(frozen=True)
class _Training:
  """How an image module comes about.

  Attributes:
    name: of the module.
    gin_file: the config, in sign_digits.
    gin_params: bindings.
    step: of the checkpoint that is published; None for the last one.
  """

  name: str
  gin_file: str
  gin_params: tuple[str, ...]
  step: int | None = None


def publish_image_modules(
  settings: Settings, data_dir: pathlib.Path
) -> list[Module]:
  """Trains networks on the signs and digits 0 to 4, and publishes them.

  Args:
    settings: of the experiment.
    data_dir: the folder of the signs.
  """
  signs = f"TRAIN_DIR = '{data_dir}/train'"
  digits = settings.runs_dir / "data" / "all_digits.npz"
  trainings = [
    _Training("signs, small", "pretrain.gin", (signs, _SMALL)),
    _Training("signs", "pretrain.gin", (signs,)),
    _Training(
      "digits",
      "pretrain_on_digits.gin",
      (f"SOURCE = '{digits}'", "NumpyInput.classes = (0, 1, 2, 3, 4)"),
    ),
    # The weights before the first step.
    _Training("random", "pretrain.gin", (signs, "TRAIN_STEPS = 1"), step=0),
  ]
  missing = [t for t in trainings if not _path(settings, t.name).exists()]
  if missing:
    images, labels = digit_images.load_digits()
    digits.parent.mkdir(parents=True, exist_ok=True)
    np.savez(digits, features=images, labels=labels)
    _train_and_export(settings, missing)
  return [
    *(Module(t.name, str(_path(settings, t.name))) for t in trainings),
    Module(FROM_SCRATCH, "@convolutional_network()"),
  ]


def publish_text_modules(
  settings: Settings, embedding_file: pathlib.Path
) -> list[Module]:
  """Publishes GloVe's vectors, those of common words, and random ones.

  Args:
    settings: of the experiment.
    embedding_file: GloVe's vectors, the most frequent words first.
  """
  common = settings.runs_dir / "data" / "common_words.txt"
  noise = settings.runs_dir / "data" / "random_vectors.txt"
  common.parent.mkdir(parents=True, exist_ok=True)
  sources = {
    "GloVe, 1,000 words": (common, _write_common_words),
    "GloVe": (embedding_file, None),
    "random vectors": (noise, _write_random_vectors),
  }
  for name, (source, write) in sources.items():
    module = _path(settings, name)
    if not module.exists():
      if write is not None:
        write(embedding_file, source)
      export_text_module(source, module, _NUM_OOV_BUCKETS)
  return [
    *(Module(name, str(_path(settings, name))) for name in sources),
    Module(FROM_SCRATCH, "@text_embedding()"),
  ]


def vocabulary_file(modules: Sequence[Module]) -> pathlib.Path:
  """Returns the words of GloVe's module."""
  handle = next(m.handle for m in modules if m.name == "GloVe")
  return pathlib.Path(handle, "assets", "vocabulary.txt")


def folder_name(name: str) -> str:
  """Returns a module's name as part of a path."""
  return re.sub(r"\W+", "_", name)


def _path(settings: Settings, name: str) -> pathlib.Path:
  return settings.runs_dir / "modules" / folder_name(name)


def _train_and_export(
  settings: Settings, trainings: Sequence[_Training]
) -> None:
  folders = [
    settings.runs_dir / "pretraining" / folder_name(t.name) for t in trainings
  ]
  run_trials(
    [
      Trial(str(folder), str(_SIGN_CONFIGS / t.gin_file), t.gin_params)
      for t, folder in zip(trainings, folders)
    ],
    settings.num_processes,
    settings.rerun,
  )
  for training, folder in zip(trainings, folders):
    command = [
      *(sys.executable, "-m", "hub_estimator.export"),
      f"--model_dir={folder}",
      f"--export_dir={_path(settings, training.name)}",
    ]
    if training.step is not None:
      command.append(f"--checkpoint_path={folder}/model.ckpt-{training.step}")
    subprocess.run(command, check=True)


def _write_common_words(source: pathlib.Path, path: pathlib.Path) -> None:
  with open(source, encoding="utf-8") as file:
    path.write_text("".join(itertools.islice(file, _NUM_COMMON_WORDS)))


def _write_random_vectors(source: pathlib.Path, path: pathlib.Path) -> None:
  """Writes the words of a file with vectors as `text_embedding` begins with."""
  with open(source, encoding="utf-8") as file:
    words = [line.split(" ", 1)[0] for line in file]
  vectors = np.random.RandomState(0).normal(
    scale=_EMBEDDING_DIM**-0.5, size=[len(words), _EMBEDDING_DIM]
  )
  with open(path, "w", encoding="utf-8") as file:
    for word, vector in zip(words, vectors):
      file.write(f"{word} {' '.join(f'{value:.5f}' for value in vector)}\n")
