"""Pairs through one module, and hyperparameters of a signature."""

import numpy as np
import pytest
import tiny_models

from hub_estimator import errors, hub, models
from hub_estimator.estimator import ModeKeys
from hub_estimator.models.pair_encoder import PairEncoder
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def encode(encoder, features, mode=ModeKeys.PREDICT):
  with tf.Graph().as_default(), tf1.Session() as session:
    module = encoder.instantiate(mode)
    embedding = encoder.encode(
      module, {k: tf.constant(v) for k, v in features.items()}, mode
    )
    session.run(tf1.global_variables_initializer())
    return session.run(embedding)


def specs(*names, size=2):
  return {name: tf.TensorSpec([None, size], tf.float32) for name in names}


def test_a_pair_is_both_their_difference_and_their_product():
  encoder = PairEncoder(tiny_models.tiny_module(), features=("a", "b"))
  # w = [[1 2 3] [4 5 6]].
  found = encode(
    encoder,
    {
      "a": np.array([[1, 0]], np.float32),
      "b": np.array([[0, 1]], np.float32),
    },
  )
  u, v = [1, 2, 3], [4, 5, 6]
  np.testing.assert_allclose(found, [[*u, *v, 3, 3, 3, 4, 10, 18]])


def test_both_calls_share_the_variables():
  encoder = PairEncoder(tiny_models.tiny_module(), features=("a", "b"))
  with tf.Graph().as_default():
    module = encoder.instantiate(ModeKeys.TRAIN)
    encoder.encode(
      module, {"a": tf.ones([1, 2]), "b": tf.ones([1, 2])}, ModeKeys.TRAIN
    )
    assert len(tf1.trainable_variables()) == 1


def test_the_data_has_both_features():
  encoder = PairEncoder(tiny_models.tiny_module(), features=("a", "b"))
  encoder.check_features(specs("a", "b"))
  with pytest.raises(errors.UserValueError) as caught:
    encoder.check_features(specs("a", "c"))
  assert str(caught.value) == (
    "PairEncoder.features = ('a', 'b'): the data has no feature 'b'. Its "
    "features are ['a', 'c']."
  )
  with pytest.raises(errors.UserValueError, match="takes a Tensor"):
    encoder.check_features(specs("a", "b", size=3))


@pytest.mark.parametrize("features", ["ab", ("a",), ("a", "b", "c"), (1, 2)])
def test_a_pair_has_two_names(features):
  with pytest.raises(errors.UserTypeError, match="a list of two names"):
    PairEncoder(tiny_models.tiny_module(), features=features)


def test_all_outputs_of_a_pair():
  encoder = PairEncoder(tiny_models.tiny_module(), features=("a", "b"))
  with tf.Graph().as_default():
    module = encoder.instantiate(ModeKeys.PREDICT)
    embedding = encoder.encode_all_outputs(
      module, {"a": tf.ones([5, 2]), "b": tf.ones([5, 2])}, target_size=8
    )
    assert embedding.shape.as_list() == [5, 12]


def scaled_module_fn():
  x = tf1.placeholder(tf.float32, [None, 2])
  scale = hub.hyperparameter_input("scale", 2.0)
  w = tf1.get_variable("w", initializer=[[1.0], [1.0]])
  hub.add_signature("default", {"x": x, "scale": scale}, scale * (x @ w))


@pytest.mark.parametrize(
  ("arguments", "training", "inference"),
  [
    ({}, 2.0, 2.0),
    ({"hyperparameters": {"scale": 3.0}}, 3.0, 3.0),
    ({"training_hyperparameters": {"scale": 5.0}}, 5.0, 2.0),
    (
      {
        "hyperparameters": {"scale": 3.0},
        "training_hyperparameters": {"scale": 5.0},
      },
      5.0,
      3.0,
    ),
  ],
)
def test_hyperparameters(arguments, training, inference):
  encoder = models.ModuleEncoder(
    hub.create_module_spec(scaled_module_fn), **arguments
  )
  x = {"x": np.array([[1, 0]], np.float32)}
  assert encode(encoder, x, ModeKeys.TRAIN) == [[training]]
  assert encode(encoder, x, ModeKeys.EVAL) == [[inference]]
  assert encode(encoder, x, ModeKeys.PREDICT) == [[inference]]


def test_a_hyperparameter_that_the_signature_does_not_have():
  with pytest.raises(errors.UserValueError) as caught:
    models.ModuleEncoder(
      hub.create_module_spec(scaled_module_fn),
      training_hyperparameters={"rate": 1.0},
    )
  assert str(caught.value).endswith(
    "has no input 'rate' with a default. Those it has: scale."
  )
