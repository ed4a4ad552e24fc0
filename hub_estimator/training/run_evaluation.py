"""Evaluating a checkpoint of a run on splits of its data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.evaluation import Outcomes, compute_metrics
from hub_estimator.inputs.pipeline import TRAIN_SPLIT
from hub_estimator.training import failures
from hub_estimator.training.kept_evaluation import KeptEvaluation
from hub_estimator.training.run_folder import RunFolder


class SplitEvaluation(NamedTuple):
  """What a checkpoint gives on a split.

  Attributes:
    outcomes: labels and scores of its examples; None for a head that has
      neither probabilities nor predictions.
    metrics: of `evaluation.compute_metrics`; with "global_step", and "head",
      what the model's head reports in training: the loss with its penalties.
  """

  outcomes: Optional[Outcomes]
  metrics: dict[str, Any]


def evaluate_run(
  folder: RunFolder,
  checkpoint: str,
  splits: Optional[Sequence[str]] = None,
  num_worst: int = 0,
) -> dict[str, SplitEvaluation]:
  """Evaluates a checkpoint; writes nothing into the run's folder.

  Args:
    folder: the run's, opened with its data.
    checkpoint: its prefix.
    splits: of the data; all but "train" if None.
    num_worst: of how many examples, those with the largest loss, to keep the
      features.

  Returns:
    split -> its evaluation, in the order of the splits.

  Raises:
    UserError: a split that is not there, or what its data is like.
  """
  data = folder.run.input_pipeline
  if splits is None:
    splits = [split for split in data.splits if split != TRAIN_SPLIT]
  unknown = [split for split in splits if split not in data.splits]
  if unknown:
    raise errors.UserValueError(
      f"--split={unknown[0]}: the run's data has no such split. It has: "
      f"{', '.join(data.splits)}."
    )
  found = {}
  with _evaluation_of(folder) as kept:
    for split in splits:
      head_metrics, outcomes = kept.outcomes(checkpoint, split, num_worst)
      head = {name: float(value) for name, value in head_metrics.items()}
      metrics = {
        "global_step": int(head.pop("global_step")),
        **(compute_metrics(outcomes) if outcomes is not None else head),
        "head": head,
      }
      found[split] = SplitEvaluation(outcomes, metrics)
  return found


def embed_split(
  folder: RunFolder, checkpoint: str, split: str, num_examples: int
) -> dict[str, Any]:
  """Returns embeddings of a split; see `KeptEvaluation.embeddings`.

  Args:
    folder: the run's, opened with its data.
    checkpoint: its prefix.
    split: one of the data's splits.
    num_examples: how many examples at most.
  """
  with _evaluation_of(folder) as kept:
    return kept.embeddings(checkpoint, split, num_examples)


@contextlib.contextmanager
def _evaluation_of(folder: RunFolder) -> Iterator[KeptEvaluation]:
  data = folder.run.input_pipeline
  # Without a folder: summaries are those of the run alone.
  kept = KeptEvaluation(
    folder.create_model_fn(), data, folder.run.create_config(None)
  )
  try:
    with failures.reading_errors_of(data):
      yield kept
  finally:
    kept.close()
