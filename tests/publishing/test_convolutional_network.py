"""The convolutional network: graphs, signatures, losses, update ops."""

import numpy as np
import pytest

from hub_estimator import hub
from hub_estimator.publishing.convolutional_network import (
  convolutional_network,
)
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

# pytest sets filters of its own and shows what the package silences.
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")


def create_spec(**arguments):
  return convolutional_network(
    **{"image_size": (6, 5), "num_filters": (2, 3), **arguments}
  )


def images(num_images, seed=0):
  random = np.random.RandomState(seed)
  return random.uniform(size=[num_images, 6, 5, 1]).astype(np.float32)


def test_signatures_and_variables():
  spec = create_spec()
  assert spec.get_tags() == [set(), {"train"}]
  for tags in spec.get_tags():
    assert spec.get_signature_names(tags) == [
      "default",
      "image_feature_vector",
      "tunable",
    ]
    assert {
      name: info.get_shape().as_list()
      for name, info in spec.get_input_info_dict("tunable", tags).items()
    } == {
      "images": [None, 6, 5, 1],
      "dropout_rate": [],
      "batch_norm_momentum": [],
    }
    assert set(spec.get_output_info_dict("tunable", tags)) == set(
      spec.get_output_info_dict("image_feature_vector", tags)
    )
    (info,) = spec.get_input_info_dict("image_feature_vector", tags).values()
    assert info.dtype == tf.float32
    assert info.get_shape().as_list() == [None, 6, 5, 1]
    shapes = {
      name: info.get_shape().as_list()
      for name, info in spec.get_output_info_dict(
        "image_feature_vector", tags
      ).items()
    }
    # 6 x 5 pooled twice, rounded up: 3 x 3, 2 x 2; 2 x 2 x 3 = 12.
    assert shapes == {
      "block_1": [None, 3, 3, 2],
      "block_2": [None, 2, 2, 3],
      "default": [None, 12],
    }
  with tf.Graph().as_default():
    module = hub.Module(spec, trainable=True, tags={"train"})
    trainable = {
      v.op.name: v.shape.as_list() for v in tf1.trainable_variables()
    }
    losses = tf1.losses.get_regularization_losses()
    assert tf1.local_variables() == []
    module(images(1), signature="image_feature_vector")
    # Moving mean and variance of two blocks.
    assert len(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)) == 4
  assert trainable == {
    "module/block_1/conv/kernel": [3, 3, 1, 2],
    "module/block_1/batch_norm/gamma": [2],
    "module/block_1/batch_norm/beta": [2],
    "module/block_2/conv/kernel": [3, 3, 2, 3],
    "module/block_2/batch_norm/gamma": [3],
    "module/block_2/batch_norm/beta": [3],
  }
  assert len(losses) == 2


def test_the_losses_are_half_the_squares():
  with tf.Graph().as_default(), tf1.Session() as session:
    hub.Module(create_spec(l2_scale=0.5), trainable=True)
    session.run(tf1.global_variables_initializer())
    losses = session.run(tf1.losses.get_regularization_losses())
    kernels = session.run(
      [v for v in tf1.trainable_variables() if "kernel" in v.name]
    )
  assert sorted(losses) == pytest.approx(
    sorted(0.5 * (kernel**2).sum() / 2 for kernel in kernels), rel=1e-5
  )


def test_batch_norm_by_its_tags():
  # Of a batch of one image, one filter and no dropout. In training: the batch's
  # statistics, whatever the images' scale. In inference: the moving ones, 0 and
  # 1 at first, so that the features grow with the images.
  spec = create_spec(num_filters=(1,), dropout_rate=0.0)
  features = {}
  for tags in (None, {"train"}):
    with tf.Graph().as_default(), tf1.Session() as session:
      module = hub.Module(spec, trainable=True, tags=tags)
      outputs = [module(images(4)), module(100.0 * images(4))]
      session.run(tf1.global_variables_initializer())
      # A kernel whose features are not all negative.
      (kernel,) = [v for v in tf1.trainable_variables() if "kernel" in v.name]
      kernel.load(np.ones(kernel.shape), session)
      features[tags is None] = session.run(outputs)
  small, large = features[True]
  np.testing.assert_allclose(large, 100 * small, rtol=1e-4)
  small, large = features[False]
  np.testing.assert_allclose(large, small, atol=0.02)


def test_dropout_is_for_training():
  spec = create_spec(dropout_rate=0.5)
  for tags, is_random in ((None, False), ({"train"}, True)):
    with tf.Graph().as_default(), tf1.Session() as session:
      output = hub.Module(spec, tags=tags)(images(8))
      session.run(tf1.global_variables_initializer())
      first, second = session.run(output), session.run(output)
    assert (first != second).any() == is_random


def test_moving_averages_move_by_the_momentum():
  spec = create_spec(num_filters=(1,), batch_norm_momentum=0.75)
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(spec, trainable=True, tags={"train"})
    module(images(4))
    session.run(tf1.global_variables_initializer())
    (kernel,) = [v for v in tf1.trainable_variables() if "kernel" in v.name]
    # The convolution copies the image: only the kernel's middle is not 0.
    value = np.zeros(kernel.shape)
    value[1, 1] = 1.0
    kernel.load(value, session)
    session.run(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS))
    moving = session.run(module.variable_map["block_1/batch_norm/moving_mean"])
  # From 0 a quarter of the way to the mean.
  assert moving == pytest.approx(images(4).mean() / 4, rel=1e-5)


@pytest.mark.parametrize(
  ("inputs", "expected"),
  [({}, 0.25), ({"batch_norm_momentum": 0.5}, 0.5)],
)
def test_the_momentum_can_be_set(inputs, expected):
  spec = create_spec(num_filters=(1,), batch_norm_momentum=0.75)
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(spec, trainable=True, tags={"train"})
    module({"images": images(4), **inputs}, signature="tunable")
    session.run(tf1.global_variables_initializer())
    variance = module.variable_map["block_1/batch_norm/moving_variance"]
    session.run(tf1.get_collection(tf1.GraphKeys.UPDATE_OPS))
    (moving,) = session.run(variance)
  # From 1 a part of the way to the batch's, which is nearly 0 to the kernel's
  # small weights; in any case the same part in every run.
  assert 1.0 - moving <= expected + 1e-6
  assert 1.0 - moving > 0.6 * expected


@pytest.mark.parametrize(
  ("inputs", "rate"), [({}, 0.5), ({"dropout_rate": 0.0}, 0.0)]
)
def test_the_dropout_rate_can_be_set(inputs, rate):
  spec = create_spec(num_filters=(40,), dropout_rate=0.5)
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.set_random_seed(1)
    module = hub.Module(spec, tags={"train"})
    outputs = module(
      {"images": images(64), **inputs}, signature="tunable", as_dict=True
    )
    session.run(tf1.global_variables_initializer())
    block, features = session.run([outputs["block_1"], outputs["default"]])
  is_dropped = (features == 0) & (block.reshape(features.shape) > 0)
  share = is_dropped.sum() / (block > 0).sum()
  assert share == pytest.approx(rate, abs=0.05)


def test_inference_ignores_the_hyperparameters():
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(create_spec())
    outputs = [
      module(images(4), signature="tunable"),
      module(
        {
          "images": images(4),
          "dropout_rate": 0.9,
          "batch_norm_momentum": 0.1,
        },
        signature="tunable",
      ),
    ]
    session.run(tf1.global_variables_initializer())
    left, right = session.run(outputs)
  np.testing.assert_array_equal(left, right)


def test_it_follows_the_advice_to_publishers():
  assert hub.check_module_spec(create_spec(num_channels=3)) == []
  # Gray images are no common signature.
  (warning,) = hub.check_module_spec(create_spec())
  assert warning.code == "uncommon_signature"
  (warning,) = hub.check_module_spec(create_spec(num_channels=3, l2_scale=0.0))
  assert warning.code == "no_regularization_loss"


def _initial_kernel(seed):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    tf.compat.v1.random.set_random_seed(seed)
    module = hub.Module(convolutional_network())
    session.run(tf.compat.v1.global_variables_initializer())
    return session.run(module.variable_map["block_1/conv/kernel"]).tolist()


def test_initial_weights_follow_the_seed_of_the_graph():
  assert _initial_kernel(1) == _initial_kernel(1)
  assert _initial_kernel(1) != _initial_kernel(2)
