"""What runs before training: features into the cache, and a choice of them."""

from __future__ import annotations

import json
import os
import time
from typing import NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.hub import folders
from hub_estimator.inputs import InputPipeline
from hub_estimator.models import ModuleEncoder, ModuleModel, selected_features
from hub_estimator.models.feature_cache import (
  EMBEDDING,
  FeatureCache,
  check_augmentations,
  create_cached_input,
)
from hub_estimator.recipes import FineTuningPlan
from hub_estimator.training.phase_progress import PhaseProgress

SELECTION_FILE = "selected_features.json"


class Features(NamedTuple):
  """What training needs besides the data.

  Attributes:
    cached_input: gives the module's features; None if no stage uses them.
    selected_features: the numbers of the features to use; None for all.
    seconds: how long that took.
  """

  cached_input: Optional[InputPipeline] = None
  selected_features: Optional[list[int]] = None
  seconds: float = 0.0


def check(
  plan: FineTuningPlan, input_pipeline: InputPipeline, encoder: ModuleEncoder
) -> None:
  """Raises UserValueError if features are to be cached and cannot be.

  Args:
    plan: the run's plan.
    input_pipeline: the data.
    encoder: gives the features.
  """
  if not plan.caches_features:
    return
  check_augmentations(input_pipeline)
  if encoder.spec.checkpoint_prefix is None:
    raise errors.UserValueError(
      f"Features are cached by the content of the module, and {encoder.handle} "
      "starts from random weights: give MODULE_HANDLE a module that was "
      "trained, or set cache_features = False."
    )


def prepare(
  model_dir: str,
  model: ModuleModel,
  plan: FineTuningPlan,
  input_pipeline: InputPipeline,
  seed: int,
) -> Features:
  """Fills the cache and selects features, as far as the plan asks for it.

  What is there of an earlier run is used again: entries of the cache by any
  run, the selection by one that goes on in the same folder.

  Args:
    model_dir: the run's folder.
    model: its encoder gives the features, its head the loss of the selection.
    plan: the run's plan.
    input_pipeline: the data.
    seed: of the selection's first weights.
  """
  if not plan.caches_features:
    return Features()
  started = time.monotonic()
  cached = _fill_cache(model.encoder, plan, input_pipeline)
  selected = None
  if plan.selection is not None:
    selected = read_selection(model_dir, plan)
    if selected is None:
      selected = _select(model_dir, model, plan, cached, seed)
  return Features(cached, selected, time.monotonic() - started)


def _fill_cache(encoder, plan, input_pipeline) -> InputPipeline:
  selection = plan.selection

  def encode(module, features):
    if selection is not None:
      embedding = encoder.encode_all_outputs(
        module, features, selection.target_size
      )
    else:
      embedding = encoder.encode(module, features)
    return {EMBEDDING: embedding}

  description = encoder.cache_description()
  if selection is not None:
    description["target_size"] = selection.target_size
  with PhaseProgress("features", "examples") as progress:
    return create_cached_input(
      input_pipeline,
      encoder.spec,
      encode,
      description,
      tags=encoder.tags,
      cache=FeatureCache(plan.feature_cache_dir),
      report=progress.report,
    )


def _select(model_dir, model, plan, cached, seed) -> list[int]:
  with PhaseProgress("selection", "steps") as progress:
    scores = selected_features.relevance_scores(
      cached,
      model.create_head(cached, is_training=True),
      plan.selection,
      plan.train_steps,
      seed,
      progress.report,
    )
  selected = selected_features.best_features(scores, plan.selection)
  content = {
    "num_features": len(scores),
    "selected": selected,
    "scores": [float(scores[i]) for i in selected],
  }
  folders.write_file(
    os.path.join(model_dir, SELECTION_FILE),
    f"{json.dumps(content)}\n".encode(),
  )
  return selected


def read_selection(model_dir: str, plan: FineTuningPlan) -> Optional[list[int]]:
  """Returns the selection that a run in the folder made; None without one.

  Args:
    model_dir: the run's folder.
    plan: the run's plan, which selects.
  """
  path = os.path.join(model_dir, SELECTION_FILE)
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8") as file:
    content = json.load(file)
  count = selected_features.num_selected(
    content["num_features"], plan.selection
  )
  selected = content["selected"]
  return selected if len(selected) == count else None
