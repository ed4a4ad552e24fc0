"""What of a head's predictions is compared with labels, and of which kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub_estimator import errors
from hub_estimator.inputs.label_encoding import (
  CLASS,
  MULTI_LABEL,
  REGRESSION,
)
from hub_estimator.tf_compat import tf

_PROBABILITIES = "probabilities"
_PREDICTIONS = "predictions"


def find_scores(
  predictions: Mapping[str, Any], label_spec: tf.TensorSpec
) -> tuple[str, tf.Tensor]:
  """Returns the kind of a head's predictions, and those that count.

  Args:
    predictions: of an EstimatorSpec.
    label_spec: of the labels.

  Raises:
    UserNotImplementedError: there are neither probabilities nor predictions.
  """
  if _PROBABILITIES in predictions:
    probabilities = predictions[_PROBABILITIES]
    # As tensorflow-estimator's heads have it: exclusive classes have an id.
    is_class = "class_ids" in predictions and label_spec.shape[-1] == 1
    return CLASS if is_class else MULTI_LABEL, probabilities
  if _PREDICTIONS in predictions:
    return REGRESSION, predictions[_PREDICTIONS]
  raise errors.UserNotImplementedError(
    "Predicting with a run needs a head that predicts 'probabilities' of "
    "classes, or 'predictions' of numbers; that of the run predicts "
    f"{', '.join(map(repr, sorted(predictions)))}."
  )
