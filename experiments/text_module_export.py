"""Publishes text modules, by the project's own command."""

import os
import pathlib
import subprocess
import sys


def export_text_module(
  embedding_file: os.PathLike, module: pathlib.Path, num_oov_buckets: int
) -> None:
  """Makes a module of a file of embeddings.

  Args:
    embedding_file: of GloVe's format. Its words have no capitals, and questions
      begin with one: the module turns texts into lower case.
    module: the folder to write, which is not there yet.
    num_oov_buckets: rows for words that the file does not have.
  """
  subprocess.run(
    [
      *(sys.executable, "-m"),
      "hub_estimator.publishing.export_text_embedding_module",
      f"--embedding_file={embedding_file}",
      f"--export_path={module}",
      f"--num_oov_buckets={num_oov_buckets}",
      "--lowercase_text",
    ],
    check=True,
  )
