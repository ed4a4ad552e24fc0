"""Dropout, weights of examples and classes, label smoothing, mixup."""

import numpy as np
import pytest
import tiny_models

from hub_estimator import errors, estimator, models
from hub_estimator.estimator import ModeKeys
from hub_estimator.inputs import NumpyInput
from hub_estimator.inputs.pipeline import MIXUP_FRACTION, MIXUP_LABELS
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
# x w = [5, 7, 9] for x = [1, 1]; with this head the logits are [5, 7, 9] / 10.
KERNEL = np.eye(3, dtype=np.float32) / 10


def softmax_losses(logits):
  return np.log(np.exp(logits).sum()) - np.asarray(logits)


def loss_of(mode, head_fn, features=None, label=2, kernel=KERNEL, **arguments):
  """Returns the loss, without regularization, of x = [1, 1]."""
  data = tiny_models.create_input(**arguments.pop("data", {}))
  model = tiny_models.create_model(
    head_fn=head_fn,
    optimization=tiny_models.create_optimization(regularization_scale=0.0),
    encoder_trainable=False,
    **arguments,
  )
  with tf.Graph().as_default():
    tf1.train.create_global_step()
    values = {"x": np.ones([1, 2], np.float32), **(features or {})}
    spec = model.create_model_fn(data)(
      features={k: tf.constant(v) for k, v in values.items()},
      labels=tf.constant([[label]], tf.int64),
      mode=mode,
      config=None,
    )
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      (variable,) = (
        v for v in tf1.global_variables() if v.op.name == "logits/kernel"
      )
      variable.load(kernel, session)
      return session.run(spec.loss)


LOSSES = softmax_losses([0.5, 0.7, 0.9])
head_fn = models.create_multi_class_head_fn


@pytest.mark.parametrize("mode", [ModeKeys.TRAIN, ModeKeys.EVAL])
def test_the_plain_loss(mode):
  assert loss_of(mode, head_fn()) == pytest.approx(LOSSES[2], rel=1e-5)


def test_label_smoothing_is_for_training():
  smoothed = head_fn(label_smoothing=0.3)
  expected = 0.8 * LOSSES[2] + 0.1 * LOSSES[0] + 0.1 * LOSSES[1]
  assert loss_of(ModeKeys.TRAIN, smoothed) == pytest.approx(expected, rel=1e-5)
  assert loss_of(ModeKeys.EVAL, smoothed) == pytest.approx(LOSSES[2], rel=1e-5)


def test_class_weights_are_for_training():
  weighted = head_fn(class_weights={2: 3.0})
  assert loss_of(ModeKeys.TRAIN, weighted) == pytest.approx(
    3 * LOSSES[2], rel=1e-5
  )
  assert loss_of(ModeKeys.EVAL, weighted) == pytest.approx(LOSSES[2], rel=1e-5)


def test_balanced_class_weights_count_the_training_examples():
  # Labels 0 1 2 2 repeat over 20 examples, all for training but one of four of
  # each class: 4, 4 and 8 of 16, hence 16 / (3 × 8) for class 2.
  data = {"labels": [0, 1, 2, 2], "eval_fraction": 0.2}
  loss = loss_of(ModeKeys.TRAIN, head_fn(class_weights="balanced"), data=data)
  assert loss == pytest.approx(LOSSES[2] * 2 / 3, rel=1e-5)


@pytest.mark.parametrize("mode", [ModeKeys.TRAIN, ModeKeys.EVAL])
def test_example_weights(mode, tmp_path):
  arrays = tiny_models.arrays([0, 1, 2])
  weights = np.full([20], 0.5, np.float32)
  data = NumpyInput(
    {**arrays, "weights": weights},
    feature_name="x",
    batch_size=4,
    eval_fraction=0.25,
    shuffle=False,
  )
  assert data.weight_key
  model = tiny_models.create_model(
    optimization=tiny_models.create_optimization(regularization_scale=0.0),
    encoder_trainable=False,
  )
  losses = {}
  for key, value in (("weighted", 0.5), ("plain", 1.0)):
    with tf.Graph().as_default(), tf1.Session() as session:
      tf1.train.create_global_step()
      tf1.random.set_random_seed(1)
      spec = model.create_model_fn(data)(
        features={
          "x": tf.constant([[1.0, 1.0]]),
          data.weight_key: tf.constant([[value]]),
        },
        labels=tf.constant([[1]], tf.int64),
        mode=mode,
        config=None,
      )
      session.run(tf1.global_variables_initializer())
      losses[key] = session.run(spec.loss)
  assert losses["weighted"] == pytest.approx(losses["plain"] / 2, rel=1e-5)


def test_a_head_that_cannot_take_weights():
  data = tiny_models.create_input()
  data.weight_key = "example_weight"
  model = tiny_models.create_model(
    head_fn=lambda n: estimator.MultiClassHead(n)
  )
  with pytest.raises(errors.UserValueError, match="its head would ignore them"):
    model.check(data)


def test_mixup_mixes_the_losses_of_two_labels():
  mixed = {
    MIXUP_LABELS: np.array([[0]]),
    MIXUP_FRACTION: np.array([[0.75]], np.float32),
  }
  loss = loss_of(ModeKeys.TRAIN, head_fn(), features=mixed)
  assert loss == pytest.approx(0.75 * LOSSES[2] + 0.25 * LOSSES[0], rel=1e-5)


def test_mixup_and_a_head_that_ignores_it():
  mixed = {
    MIXUP_LABELS: np.array([[0]]),
    MIXUP_FRACTION: np.array([[0.75]], np.float32),
  }
  with pytest.raises(errors.UserValueError, match="The data has mixup"):
    loss_of(ModeKeys.TRAIN, estimator.MultiClassHead, features=mixed)


def test_dropout_is_for_training():
  # A rate so high that all of three values are dropped nearly always: what is
  # left are logits of 0.
  dropped = loss_of(ModeKeys.TRAIN, head_fn(), dropout_rate=0.999999)
  assert dropped == pytest.approx(np.log(3), rel=1e-5)
  kept = loss_of(ModeKeys.EVAL, head_fn(), dropout_rate=0.999999)
  assert kept == pytest.approx(LOSSES[2], rel=1e-5)


@pytest.mark.parametrize("rate", [-0.1, 1.0, "half"])
def test_a_dropout_rate_out_of_range(rate):
  with pytest.raises(
    (errors.UserValueError, errors.UserTypeError), match="dropout_rate"
  ):
    tiny_models.create_model(dropout_rate=rate)


@pytest.mark.parametrize(
  "create",
  [
    models.create_multi_class_head_fn,
    models.create_binary_head_fn,
    models.create_multi_label_head_fn,
  ],
)
def test_label_smoothing_out_of_range(create):
  with pytest.raises(errors.UserValueError, match="label_smoothing"):
    create(label_smoothing=1.0)
