"""Predictor: predictions of a run's model, for programs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional, Union

import numpy as np

from hub_estimator import errors
from hub_estimator.inputs import argument_checks
from hub_estimator.inputs.label_encoding import CLASS, REGRESSION
from hub_estimator.tf_compat import tf
from hub_estimator.training import feature_checks, run_folder
from hub_estimator.training.inference_session import InferenceSession

# A class of several is predicted above this probability, as
# tensorflow-estimator's MultiLabelHead has it.
THRESHOLD = 0.5

# Opening a run has Gin hold its bindings for a moment, and Gin has but one set.
_opening = threading.Lock()


class Predictor:
  """Predicts with a checkpoint of a run, from its folder alone.

      with hub_estimator.Predictor("run") as predictor:
        predictor.predict(["so good", "so bad"])["class_names"]

  The graph is built and the session made once. Any number of threads may call
  it at the same time. It leaves the program's Gin bindings, its default graph
  and eager execution as they are.

  Attributes:
    checkpoint: the prefix of the checkpoint.
    kind: "class", "multi_label" or "regression".
    class_names: in the order of the probabilities; None for regression.
    batch_size: the most examples that the model gets at once.
  """

  def __init__(
    self,
    model_dir: Union[str, os.PathLike],
    checkpoint_path: Optional[str] = None,
    best: bool = False,
    batch_size: Optional[int] = None,
  ):
    """Builds the model and restores it.

    Args:
      model_dir: the run's folder.
      checkpoint_path: a checkpoint's prefix, or its name in the folder; the
        newest one if None.
      best: take the checkpoint of the best evaluation.
      batch_size: the most examples that the model gets at once; as in training
        if None.

    Raises:
      UserError: it is no folder of a run, or has no such checkpoint.
    """
    with _opening:
      folder = run_folder.open_run(os.fspath(model_dir))
    self._start(folder, folder.checkpoint(checkpoint_path, best), batch_size)

  @classmethod
  def of_folder(
    cls,
    folder: run_folder.RunFolder,
    checkpoint: str,
    batch_size: Optional[int] = None,
  ) -> Predictor:
    """Returns a Predictor of a run that is open.

    Args:
      folder: the run's.
      checkpoint: a checkpoint's prefix.
      batch_size: the most examples that the model gets at once.
    """
    predictor = cls.__new__(cls)
    predictor._start(folder, checkpoint, batch_size)
    return predictor

  def _start(self, folder, checkpoint, batch_size) -> None:
    if batch_size is None:
      batch_size = folder.description["batch_size"]
    argument_checks.check_count("Predictor", "batch_size", batch_size)
    self.checkpoint = checkpoint
    self.batch_size = batch_size
    self._specs = folder.run.input_pipeline.feature_spec()
    model = InferenceSession(folder, checkpoint)
    model.finalize()
    self.kind = model.kind
    self.class_names = model.class_names
    self._model: Optional[InferenceSession] = model
    self._names = np.array(self.class_names, object)
    self._row_shape = model.scores.shape[1:].as_list()
    self._score_dtype = model.scores.dtype.as_numpy_dtype
    names = list(self._specs)
    receivers = model.receiver.receiver_tensors
    self._feature_names = names
    self._run = model.session.make_callable(
      model.scores, [receivers[name] for name in names]
    )

  def predict(self, features: Any) -> dict[str, np.ndarray]:
    """Returns what the model says of examples.

    Args:
      features: name -> array-like [num_examples, …], as the run's data has
        them: texts as str or bytes, images as float arrays in the range that
        the module takes. Of a model with a single feature that feature alone
        will do, such as a list of texts. Any number of examples.

    Returns:
      a dict of arrays with a row for each example, in order. Classes:
      "probabilities" [num_examples, num_classes] float32, "class_ids"
      [num_examples] int64, "class_names" [num_examples] str. Multi-label:
      "probabilities", "labels" [num_examples, num_classes] int64, 1 for a
      probability above 0.5, "class_names" [num_examples] lists of str.
      Regression: "predictions" [num_examples, num_targets] float32.

    Raises:
      UserError: features of other names, shapes or dtypes than the run's, or
        the Predictor is closed.
    """
    arrays, number = feature_checks.check_features(features, self._specs)
    parts = [
      self._scores(
        {
          name: array[start : start + self.batch_size]
          for name, array in arrays.items()
        }
      )
      for start in range(0, number, self.batch_size)
    ]
    if not parts:
      parts = [np.zeros([0, *self._row_shape], self._score_dtype)]
    return self._complete(np.concatenate(parts) if parts[1:] else parts[0])

  def predict_batches(
    self, batches: Iterable[Any]
  ) -> Iterator[dict[str, np.ndarray]]:
    """Yields `predict` of each of many batches, one after the other.

    Args:
      batches: of features as `predict` takes them; taken one at a time.
    """
    for features in batches:
      yield self.predict(features)

  def close(self) -> None:
    """Frees the session, once; `predict` raises from then on."""
    model, self._model = self._model, None
    if model is not None:
      model.close()

  def __enter__(self) -> Predictor:
    return self

  def __exit__(self, *unused: Any) -> None:
    self.close()

  def _scores(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
    if self._model is not None:
      try:
        return self._run(*(features[name] for name in self._feature_names))
      except (RuntimeError, tf.errors.CancelledError):
        if self._model is not None:
          raise
    raise errors.UserRuntimeError(
      "The Predictor is closed: make a new one, or close it later."
    )

  def _complete(self, scores: np.ndarray) -> dict[str, np.ndarray]:
    if self.kind == REGRESSION:
      return {"predictions": scores}
    if self.kind == CLASS:
      class_ids = scores.argmax(axis=1)
      return {
        "probabilities": scores,
        "class_ids": class_ids.astype(np.int64),
        "class_names": self._names[class_ids],
      }
    labels = scores > THRESHOLD
    class_names = np.empty([len(scores)], object)
    for row, is_predicted in enumerate(labels):
      class_names[row] = self._names[is_predicted].tolist()
    return {
      "probabilities": scores,
      "labels": labels.astype(np.int64),
      "class_names": class_names,
    }
