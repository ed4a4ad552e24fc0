"""Predicting on a file: read, predict, write, batch by batch."""

from __future__ import annotations

import collections
import concurrent.futures
import sys
from collections.abc import Iterator
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.inputs.prediction import (
  STANDARD_INPUT,
  ExampleReader,
  PredictionBatch,
  create_example_reader,
)
from hub_estimator.training import prediction_files, run_folder
from hub_estimator.training.prediction_output import create_format
from hub_estimator.training.prediction_progress import PredictionProgress
from hub_estimator.training.prediction_scores import RunningScore
from hub_estimator.training.predictor import Predictor

# Batches that are with the model while others are read and written.
_AHEAD = 2


def predict_file(
  model_dir: str,
  input_path: str,
  output_path: str,
  output_format: str,
  checkpoint_path: Optional[str] = None,
  best: bool = False,
  batch_size: Optional[int] = None,
  on_bad_example: Optional[str] = None,
  file_format: Optional[str] = None,
) -> int:
  """Writes a line for each example of a file; says on stderr how it went.

  What it holds in memory does not grow with the file.

  Args:
    model_dir: the run's folder.
    input_path: what to read; see `create_example_reader`.
    output_path: see `prediction_files.open_output`.
    output_format: one of `prediction_output.FORMATS`.
    checkpoint_path: see `RunFolder.checkpoint`.
    best: see `RunFolder.checkpoint`.
    batch_size: the most examples that the model gets at once; as in training if
      None.
    on_bad_example: see `create_example_reader`.
    file_format: see `create_example_reader`.

  Returns:
    the number of examples.

  Raises:
    UserError: a mistake in what was given; nothing is written then, but to
      standard output the lines before it.
  """
  with prediction_files.open_output(output_path) as write:
    folder = run_folder.open_run(model_dir)
    checkpoint = folder.checkpoint(checkpoint_path, best)
    batch_size = batch_size or folder.description["batch_size"]
    # Before the graph is built: a mistake in its path is reported at once.
    reader = create_example_reader(
      folder.description, input_path, batch_size, on_bad_example, file_format
    )
    with reader, Predictor.of_folder(folder, checkpoint, batch_size) as model:
      form = create_format(output_format, model.kind, model.class_names)
      score = RunningScore(model.kind)
      number = 0
      with PredictionProgress() as progress:
        # What comes through a pipe is answered before more is waited for.
        ahead = 0 if input_path == STANDARD_INPUT else _AHEAD
        for batch, predictions in _in_order(reader, model, ahead):
          write(form.format(batch, predictions))
          score.add(batch.labels, predictions)
          number += len(batch)
          progress.report(number, reader.done, reader.total)
  notes = [*reader.notes(), score.describe()]
  if not number:
    notes.append(f"There is no example in {reader.place}.")
  for note in notes:
    if note is not None:
      print(note, file=sys.stderr)
  return number


def _in_order(
  reader: ExampleReader, model: Predictor, ahead: int
) -> Iterator[tuple[PredictionBatch, dict[str, Any]]]:
  """Yields batches with their predictions.

  The model works on up to `ahead` batches while others are read and written.
  """
  waiting: collections.deque = collections.deque()
  executor = concurrent.futures.ThreadPoolExecutor(max_workers=1)
  failure: Optional[errors.UserError] = None
  try:
    while True:
      try:
        batch = next(reader, None)
      except errors.UserError as error:
        # After the batches before it.
        batch, failure = None, error
      if batch is not None:
        waiting.append((batch, executor.submit(model.predict, batch.features)))
      while waiting and (batch is None or len(waiting) > ahead):
        done, future = waiting.popleft()
        yield done, future.result()
      if failure is not None:
        raise failure
      if batch is None:
        return
  finally:
    executor.shutdown(wait=True, cancel_futures=True)
