"""The loss of each example, from its scores."""

from __future__ import annotations

import numpy as np

from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL

# A float32 probability can be 0, whose logarithm JSON does not have. It is
# what scikit-learn's `log_loss` takes for float32.
LEAST_PROBABILITY = float(np.finfo(np.float32).eps)


def example_losses(
  kind: str, labels: np.ndarray, scores: np.ndarray
) -> np.ndarray:
  """Returns the loss of each example, without its weight.

  With p the scores and y the label:

    class: -log p[y];
    multi-label: the mean over classes of -y log p - (1 - y) log(1 - p), as in
      `MultiLabelHead`;
    regression: the mean over targets of (p - y)^2.

  Probabilities below 1.2e-7 count as 1.2e-7. What training added to the loss,
  such as label smoothing, class weights and regularization, is not in it.

  Args:
    kind: as in `Outcomes`.
    labels: as in `Outcomes`; classes may also be [num_examples, 1].
    scores: as in `Outcomes`.

  Returns:
    float64 [num_examples]; NaN where scores are.
  """
  scores = np.asarray(scores, np.float64)
  labels = np.asarray(labels)
  if kind == CLASS:
    picked = np.take_along_axis(scores, labels.reshape(-1, 1), axis=1)[:, 0]
    return -_log(picked)
  if kind == MULTI_LABEL:
    return -np.where(labels == 1, _log(scores), _log(1 - scores)).mean(axis=1)
  return np.square(scores - labels).mean(axis=1)


def _log(probabilities):
  return np.log(np.clip(probabilities, LEAST_PROBABILITY, 1))
