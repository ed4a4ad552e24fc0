"""Making a pipeline of cached features: from the cache, or by the module."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Callable, Optional

from hub_estimator import errors, hub
from hub_estimator.hub.module_spec import as_tag_set
from hub_estimator.inputs import InputPipeline
from hub_estimator.models.feature_cache.cached_input import CachedFeaturesInput
from hub_estimator.models.feature_cache.extraction import EncodeFn, Extraction
from hub_estimator.models.feature_cache.feature_cache import (
  FeatureCache,
  entry_key,
)
from hub_estimator.models.feature_cache.module_content import module_fingerprint


def create_cached_input(
  source: InputPipeline,
  spec: hub.ModuleSpec,
  encode_fn: EncodeFn,
  description: Mapping[str, Any],
  tags: Iterable[str] = (),
  cache: Optional[FeatureCache] = None,
  report: Callable[[int, int], None] = lambda done, total: None,
) -> CachedFeaturesInput:
  """Passes every example through a frozen module once, or not at all.

  Each split is an entry of the cache. Its key is the SHA-256 of the content of
  the module, the tags, the description and the split's fingerprint, so that a
  changed module, data file or preprocessing makes a new entry, and another
  head, batch size or order does not. Splits that the cache lacks are computed
  in one graph and one session of their own; nothing is added to the default
  graph.

  Args:
    source: gives the examples.
    spec: the module; one with a folder, whose weights do not change.
    encode_fn: (module in inference mode, features as in `source.feature_spec`)
      -> name -> tensor [batch_size, ...], such as {EMBEDDING: …}. It is called
      only if there is something to compute.
    description: all that what `encode_fn` does depends on, such as the
      signature, the output and its pooling, the inputs and the hyperparameters;
      of values that JSON has.
    tags: the tags of the module's graph variant.
    cache: where to look and where to write; in the default folder if None.
    report: called after each batch that was computed, with the numbers of
      examples done and of all to do.

  Raises:
    UserValueError: the source augments its examples, the module is made by a
      function, or an output holds no numbers.
    UserOSError: the cache cannot be written in, or the disk is full.
    UserRuntimeError: the source has no fingerprint, or no ordered pass.
  """
  check_augmentations(source)
  cache = cache or FeatureCache()
  tags = as_tag_set(tags)
  common = {
    "module": module_fingerprint(spec),
    "tags": sorted(tags),
    "description": dict(description),
  }
  whats = {
    split: {**common, "data": source.fingerprint(split), "split": split}
    for split in source.splits
  }
  keys = {split: entry_key(what) for split, what in whats.items()}
  entries = {split: cache.find(key) for split, key in keys.items()}
  missing = [split for split, entry in entries.items() if entry is None]
  total = sum(map(source.num_split_examples, missing))
  done = 0

  def count(num_examples: int) -> None:
    nonlocal done
    done += num_examples
    report(done, total)

  extraction = Extraction(source, spec, tags, encode_fn)
  with contextlib.closing(extraction):
    for split in missing:
      entries[split] = cache.get(
        keys[split],
        {"module_source": spec.source, "key": whats[split]},
        split,
        source.num_split_examples(split),
        lambda append, split=split: extraction.run(split, append, count),
      )
  return CachedFeaturesInput(source, entries, num_extracted=done)


def check_augmentations(source: InputPipeline) -> None:
  """Raises UserValueError for a pipeline that varies its examples."""
  if source.augmentations:
    raise errors.UserValueError(
      "Augmentation and cached features do not go together: "
      f"{', '.join(source.augmentations)} would be drawn once and then "
      "repeated for ever. Set them off, or cache_features = False."
    )
