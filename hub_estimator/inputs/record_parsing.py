"""From tf.Example records to features, a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hub_estimator.inputs import record_features, record_images
from hub_estimator.inputs.record_features import RecordFeature

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf


def parse_records(
  features: Mapping[str, RecordFeature], records: tf.Tensor
) -> dict[str, tf.Tensor]:
  """Parses records with which nothing is wrong.

  Args:
    features: feature name -> what it is.
    records: serialized tf.Example records, strings [batch_size].

  Returns:
    feature name -> [batch_size, *shape].
  """
  from hub_estimator.tf_compat import tf

  parsed = tf.io.parse_example(
    records,
    {feature.key: feature.parsing_spec() for feature in features.values()},
  )
  values = {}
  for name, feature in features.items():
    value = parsed[feature.key]
    if feature.dtype == record_features.IMAGE:
      values[name] = record_images.decode_batch(value, feature.shape)
      continue
    value = tf.reshape(value, [-1, *feature.shape])
    values[name] = (
      value
      if feature.dtype == record_features.STRING
      else tf.cast(value, feature.dtype)
    )
  return values
