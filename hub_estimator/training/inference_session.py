"""A PREDICT graph with the values of a checkpoint, in one session."""

from __future__ import annotations

from typing import Callable, Optional

from hub_estimator import estimator
from hub_estimator.inputs.label_encoding import REGRESSION
from hub_estimator.tf_compat import tf
from hub_estimator.training.head_scores import find_scores
from hub_estimator.training.run_folder import RunFolder

_V1 = tf.compat.v1


class InferenceSession:
  """The model of a run as it predicts, built and restored once.

  The values are those that the EstimatorSpec of PREDICT says: of its scaffold's
  saver, which takes moving averages, if it has one.

  Attributes:
    graph: it can be added to until `finalize`.
    session: of the graph; variables have the checkpoint's values and tables are
      filled.
    receiver: what the graph receives, and the features made of it.
    spec: the EstimatorSpec.
    kind: "class", "multi_label" or "regression"; see `label_encoding`.
    scores: float32 [batch_size, num_classes] probabilities, or [batch_size,
      num_targets] predictions.
    class_names: a name for each column of the probabilities; its number where
      the data has no names. None for regression.
    local_init_op: fills the tables.
  """

  def __init__(
    self,
    folder: RunFolder,
    checkpoint: str,
    receiver_fn: Optional[Callable] = None,
  ):
    """Builds the graph and restores it.

    Args:
      folder: the run's.
      checkpoint: its prefix.
      receiver_fn: makes the ServingInputReceiver; that of the run's data if
        None.

    Raises:
      UserError: a checkpoint that lacks variables of the model, or a head whose
        predictions are of no known kind.
    """
    data = folder.run.input_pipeline
    config = folder.run.create_config(None)
    model_fn = folder.create_model_fn()
    if receiver_fn is None:
      receiver_fn = data.serving_input_receiver_fn()
    self.graph = tf.Graph()
    with self.graph.as_default():
      _V1.random.set_random_seed(config.tf_random_seed)
      _V1.train.create_global_step()
      self.receiver = receiver_fn()
      self.spec = model_fn(
        features=self.receiver.features,
        labels=None,
        mode=estimator.ModeKeys.PREDICT,
        config=config,
      )
      scaffold = self.spec.scaffold or _V1.train.Scaffold()
      saver = scaffold.saver
      if saver is None:
        saver = _V1.train.Saver()
      else:
        saver.build()  # Its ops, if it put that off; else nothing.
      self.local_init_op = scaffold.local_init_op
      if self.local_init_op is None:
        self.local_init_op = tf.group(
          _V1.local_variables_initializer(), _V1.tables_initializer()
        )
      self.session = _V1.Session(config=config.session_config)
      try:
        saver.restore(self.session, checkpoint)
        self.session.run(self.local_init_op)
      except BaseException:
        self.session.close()
        raise
    self.kind, self.scores = find_scores(
      self.spec.predictions, data.label_spec()
    )
    self.class_names = None
    if self.kind != REGRESSION:
      names = list(data.class_names or [])
      count = self.scores.shape[-1]
      # A head may have more classes than the data.
      self.class_names = names[:count] + [
        str(number) for number in range(len(names), count)
      ]

  def finalize(self) -> None:
    """Refuses further ops, which would make every later run slower."""
    self.graph.finalize()

  def close(self) -> None:
    """Frees the session."""
    self.session.close()
