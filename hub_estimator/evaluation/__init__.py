"""How good a model is on the examples of a split.

Importing this package imports neither TensorFlow nor scikit-learn.
"""

from hub_estimator.evaluation.example_losses import example_losses
from hub_estimator.evaluation.metrics import compute_metrics
from hub_estimator.evaluation.metrics_table import format_metrics
from hub_estimator.evaluation.outcomes import Outcomes, WorstExample
from hub_estimator.evaluation.worst_examples import WorstExamples

__all__ = [
  "Outcomes",
  "WorstExample",
  "WorstExamples",
  "compute_metrics",
  "example_losses",
  "format_metrics",
]
