"""Losses for heads, against values worked out by hand."""

import numpy as np
import pytest

from hub_estimator.inputs.pipeline import MIXUP_FRACTION, MIXUP_LABELS
from hub_estimator.models import losses
from hub_estimator.tf_compat import tf

# Softmax of these is (1/2, 1/4, 1/4).
LOGITS = [[np.log(2.0), 0.0, 0.0]]


def evaluate(loss_fn, labels, logits, features=None):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    features = {k: tf.constant(v) for k, v in (features or {}).items()}
    return session.run(
      loss_fn(tf.constant(labels), tf.constant(logits, tf.float32), features)
    )


def test_softmax():
  loss = evaluate(losses.create_softmax_loss_fn(), [[0]], LOGITS)
  np.testing.assert_allclose(loss, [[np.log(2)]], rtol=1e-6)


def test_smoothed_softmax():
  # Targets 0.3/3 + 0.7 = 0.8, 0.1, 0.1: 0.8 ln 2 + 0.2 ln 4.
  loss = evaluate(losses.create_softmax_loss_fn(0.3), [[0]], LOGITS)
  np.testing.assert_allclose(loss, [[1.2 * np.log(2)]], rtol=1e-6)


def test_weighted_softmax():
  loss_fn = losses.create_softmax_loss_fn(class_weights=[1.0, 2.0, 3.0])
  loss = evaluate(loss_fn, [[0], [2]], LOGITS * 2)
  np.testing.assert_allclose(loss, [[np.log(2)], [3 * np.log(4)]], rtol=1e-6)


def test_sigmoid():
  # sigmoid(ln 3) = 3/4.
  logits = [[np.log(3.0)], [np.log(3.0)]]
  plain = losses.create_sigmoid_loss_fn()
  loss = evaluate(plain, [[1], [0]], logits)
  np.testing.assert_allclose(loss, [[np.log(4 / 3)], [np.log(4)]], rtol=1e-6)
  weighted = losses.create_sigmoid_loss_fn(class_weights=[2.0, 5.0])
  loss = evaluate(weighted, [[1], [0]], logits)
  np.testing.assert_allclose(
    loss, [[5 * np.log(4 / 3)], [2 * np.log(4)]], rtol=1e-6
  )
  # The target of 1 is 0.9.
  loss = evaluate(losses.create_sigmoid_loss_fn(0.2), [[1], [1]], logits)
  expected = 0.9 * np.log(4 / 3) + 0.1 * np.log(4)
  np.testing.assert_allclose(loss, [[expected]] * 2, rtol=1e-6)


def test_multi_label():
  logits = [[np.log(3.0), np.log(3.0)]]
  loss = evaluate(losses.create_multi_label_loss_fn(), [[1, 0]], logits)
  expected = (np.log(4 / 3) + np.log(4)) / 2
  np.testing.assert_allclose(loss, [[expected]], rtol=1e-6)
  weighted = losses.create_multi_label_loss_fn(class_weights=[4.0, 0.0])
  loss = evaluate(weighted, [[1, 0]], logits)
  np.testing.assert_allclose(loss, [[2 * np.log(4 / 3)]], rtol=1e-6)


def test_squared_error():
  loss_fn = losses.create_squared_loss_fn()
  loss = evaluate(loss_fn, [[1.0, 5.0]], [[4.0, 3.0]])
  np.testing.assert_allclose(loss, [[9.0, 4.0]])


@pytest.mark.parametrize("fraction", [1.0, 0.75, 0.0])
def test_mixup_mixes_losses(fraction):
  loss = evaluate(
    losses.create_softmax_loss_fn(),
    [[0]],
    LOGITS,
    {
      MIXUP_LABELS: np.array([[1]]),
      MIXUP_FRACTION: np.array([[fraction]], np.float32),
    },
  )
  expected = fraction * np.log(2) + (1 - fraction) * np.log(4)
  np.testing.assert_allclose(loss, [[expected]], rtol=1e-6)
