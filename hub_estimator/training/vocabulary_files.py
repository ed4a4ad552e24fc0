"""The vocabularies of a run: what its numbers mean, one entry a line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from hub_estimator.hub import folders

FOLDER = "vocabularies"


def write(model_dir: str, vocabularies: Mapping[str, Sequence[str]]) -> None:
  """Writes `vocabularies/<name>.txt` into a run's folder, each file whole.

  Entry i, from 0, is line i + 1. Line ends within an entry become spaces.

  Args:
    model_dir: the run's folder.
    vocabularies: of `InputPipeline.vocabularies`.
  """
  folder = os.path.join(model_dir, FOLDER)
  for name, entries in vocabularies.items():
    os.makedirs(folder, exist_ok=True)
    text = "".join(f"{' '.join(str(e).splitlines())}\n" for e in entries)
    folders.write_file(os.path.join(folder, f"{name}.txt"), text.encode())
