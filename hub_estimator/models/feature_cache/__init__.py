"""Features of a frozen module, computed once and kept on disk."""

from hub_estimator.models.feature_cache.cached_input import (
  EMBEDDING,
  CachedFeaturesInput,
)
from hub_estimator.models.feature_cache.creation import (
  check_augmentations,
  create_cached_input,
)
from hub_estimator.models.feature_cache.entry import FeatureEntry
from hub_estimator.models.feature_cache.feature_cache import FeatureCache
from hub_estimator.models.feature_cache.module_content import module_fingerprint

__all__ = [
  "EMBEDDING",
  "CachedFeaturesInput",
  "FeatureCache",
  "FeatureEntry",
  "check_augmentations",
  "create_cached_input",
  "module_fingerprint",
]
