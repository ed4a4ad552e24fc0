"""Feature selection by a group lasso, for the recipe head2toe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np

from hub_estimator import estimator
from hub_estimator.inputs import InputPipeline
from hub_estimator.models.feature_cache import EMBEDDING
from hub_estimator.recipes import FeatureSelection
from hub_estimator.tf_compat import tf

# Where a feature's weights are all zero the norm has no derivative.
_EPSILON = 1e-12
_STEPS_PER_REPORT = 20


def num_selected(num_features: int, selection: FeatureSelection) -> int:
  """Returns how many features are kept: at least one."""
  return max(1, round(selection.keep_fraction * num_features))


def select(
  embedding: tf.Tensor,
  selection: FeatureSelection,
  selected: Optional[Sequence[int]] = None,
) -> tf.Tensor:
  """Picks the selected features, by a variable that checkpoints hold.

  The variable, int64 [num_selected], enters GLOBAL_VARIABLES, so that a
  checkpoint alone says what its head was trained on.

  Args:
    embedding: [batch_size, num_features].
    selection: how many are kept.
    selected: their numbers; the first ones if None.

  Returns:
    [batch_size, num_selected].
  """
  count = num_selected(embedding.shape[-1], selection)
  initial = np.arange(count) if selected is None else np.asarray(selected)
  numbers = tf.compat.v1.get_variable(
    "selected_features",
    initializer=initial.astype(np.int64),
    trainable=False,
    use_resource=True,
  )
  picked = tf.gather(embedding, numbers, axis=1)
  return tf.ensure_shape(picked, [None, count])


def relevance_scores(
  input_pipeline: InputPipeline,
  head: estimator.Head,
  selection: FeatureSelection,
  train_steps: int,
  seed: int,
  report: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
  """Trains a linear head with a group lasso; returns each feature's score.

  The score of a feature is the norm of its weights in the head,
  s_i = sqrt(sum_j W_ij^2), after steps of Adam on

      L(W h) + lambda sum_i s_i.

  Args:
    input_pipeline: gives `EMBEDDING`, [batch_size, num_features].
    head: gives L.
    selection: lambda, the learning rate and the number of steps.
    train_steps: the number of steps if the selection has none.
    seed: of the head's first weights.
    report: called with the steps done and their total, every few steps.

  Returns:
    float32 [num_features].
  """
  num_steps = selection.selection_steps or train_steps
  mode = estimator.ModeKeys.TRAIN
  with tf.Graph().as_default():
    tf.compat.v1.random.set_random_seed(seed)
    iterator = tf.compat.v1.data.make_initializable_iterator(
      input_pipeline.input_fn(mode)()
    )
    features, labels = iterator.get_next()
    embedding = features[EMBEDDING]
    kernel = tf.compat.v1.get_variable(
      "kernel",
      [embedding.shape[-1], head.logits_dimension],
      initializer=tf.compat.v1.glorot_uniform_initializer(),
      use_resource=True,
    )
    bias = tf.compat.v1.get_variable(
      "bias",
      [head.logits_dimension],
      initializer=tf.compat.v1.zeros_initializer(),
      use_resource=True,
    )
    scores = tf.sqrt(tf.reduce_sum(tf.square(kernel), axis=1) + _EPSILON)
    loss = head.loss(
      labels,
      tf.matmul(embedding, kernel) + bias,
      features=features,
      mode=mode,
      regularization_losses=[selection.group_lasso * tf.reduce_sum(scores)],
    )
    train_op = tf.compat.v1.train.AdamOptimizer(
      selection.selection_learning_rate
    ).minimize(loss)
    with tf.compat.v1.Session() as session:
      session.run(
        [
          tf.compat.v1.global_variables_initializer(),
          tf.compat.v1.local_variables_initializer(),
          tf.compat.v1.tables_initializer(),
          iterator.initializer,
        ]
      )
      for step in range(1, num_steps + 1):
        session.run(train_op)
        if step % _STEPS_PER_REPORT == 0 or step == num_steps:
          report(step, num_steps)
      return session.run(scores)


def best_features(scores: np.ndarray, selection: FeatureSelection) -> list[int]:
  """Returns the numbers of the features to keep, in ascending order.

  Args:
    scores: [num_features], of `relevance_scores`.
    selection: how many are kept; of equal scores the first.
  """
  count = num_selected(len(scores), selection)
  return sorted(np.argsort(-scores, kind="stable")[:count].tolist())
