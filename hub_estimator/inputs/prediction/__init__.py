"""Reading new examples, by the description of a run's input pipeline.

Importing this package does not import TensorFlow.
"""

from hub_estimator.inputs.prediction.creation import create_example_reader
from hub_estimator.inputs.prediction.example_reader import (
  STANDARD_INPUT,
  ExampleReader,
  PredictionBatch,
)

__all__ = [
  "STANDARD_INPUT",
  "ExampleReader",
  "PredictionBatch",
  "create_example_reader",
]
