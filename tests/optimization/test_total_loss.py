"""What is added to a head's loss, alone and through a real head."""

import pytest

from hub_estimator import errors, estimator
from hub_estimator.optimization import total_loss
from hub_estimator.tf_compat import tf

_COLLECTION = tf.compat.v1.GraphKeys.REGULARIZATION_LOSSES


def _summary_tags():
  """Evaluates all summaries of the default graph."""
  with tf.compat.v1.Session() as session:
    session.run(tf.compat.v1.global_variables_initializer())
    serialized = session.run(tf.compat.v1.summary.merge_all())
  summary = tf.compat.v1.Summary.FromString(serialized)
  return {value.tag: value.simple_value for value in summary.value}


def test_sum_of_the_collection_and_penalties():
  with tf.Graph().as_default():
    tf.compat.v1.add_to_collection(_COLLECTION, tf.constant(2.0))
    # A module may have been written in another precision.
    tf.compat.v1.add_to_collection(_COLLECTION, tf.constant(3.0, tf.float64))
    losses = total_loss.create_regularization_losses(
      penalties={"l2_sp": tf.constant(7.0)}, regularization_scale=0.5
    )
    with tf.compat.v1.Session() as session:
      # 0.5 (2 + 3); the penalty is not scaled.
      assert session.run(losses) == [2.5, 7.0]
    assert [loss.dtype for loss in losses] == [tf.float32] * 2
    assert _summary_tags() == {
      "penalty/regularization_losses": 2.5,
      "penalty/l2_sp": 7.0,
    }


def test_scale_zero_drops_the_collection_only():
  with tf.Graph().as_default():
    tf.compat.v1.add_to_collection(_COLLECTION, tf.constant(2.0))
    assert (
      total_loss.create_regularization_losses(regularization_scale=0) is None
    )
    losses = total_loss.create_regularization_losses(
      {"l2_sp": tf.constant(7.0)}, regularization_scale=0
    )
    with tf.compat.v1.Session() as session:
      assert session.run(losses) == [7.0]


def test_nothing_to_add_is_none():
  with tf.Graph().as_default():
    assert total_loss.create_regularization_losses() is None
    assert tf.compat.v1.summary.merge_all() is None


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_head_adds_them_to_its_loss(mode):
  with tf.Graph().as_default():
    w = tf.compat.v1.get_variable("w", initializer=[[2.0]])
    tf.compat.v1.add_to_collection(
      _COLLECTION, 0.25 * tf.reduce_sum(tf.square(w))
    )
    head = estimator.RegressionHead()
    # Fails if the collection is left out: the head does not read it.
    spec = head.create_estimator_spec(
      features={},
      mode=mode,
      logits=tf.matmul([[1.0], [3.0]], w),
      labels=tf.constant([[1.0], [3.0]]),
      train_op_fn=tf.identity,
      regularization_losses=total_loss.create_regularization_losses(),
    )
    with tf.compat.v1.Session() as session:
      session.run(tf.compat.v1.global_variables_initializer())
      session.run(tf.compat.v1.local_variables_initializer())
      # Predictions 2 and 6: ((2 - 1)^2 + (6 - 3)^2) / 2 = 5, and 0.25 * 4 = 1.
      assert session.run(spec.loss) == pytest.approx(6.0)
      if mode == "eval":
        value, update = spec.eval_metric_ops["regularization_loss"]
        session.run(update)
        assert session.run(value) == pytest.approx(1.0)
    if mode == "train":
      assert _summary_tags() == pytest.approx(
        {
          "loss": 6.0,
          "regularization_loss": 1.0,
          "penalty/regularization_losses": 1.0,
        }
      )


def test_negative_scale():
  with tf.Graph().as_default():
    with pytest.raises(
      errors.UserValueError,
      match=r"`Optimization\.regularization_scale` is at least 0; got -1",
    ):
      total_loss.create_regularization_losses(regularization_scale=-1)


def test_loss_that_is_not_a_scalar():
  with tf.Graph().as_default():
    with pytest.raises(
      errors.UserValueError,
      match=r"penalty 'l2_sp', the tensor 'two:0', has shape \(2,\): reduce",
    ):
      total_loss.create_regularization_losses(
        {"l2_sp": tf.constant([1.0, 2.0], name="two")}
      )
    tf.compat.v1.add_to_collection(_COLLECTION, tf.zeros([3], name="three"))
    with pytest.raises(
      errors.UserValueError,
      match=r"collection REGULARIZATION_LOSSES, the tensor 'three:0'",
    ):
      total_loss.create_regularization_losses()
