"""A module, data and a model that are as small as they can be.

`import tiny_models` in a Gin config registers the module.
"""

import gin
import numpy as np

from hub_estimator import hub, models
from hub_estimator.inputs import NumpyInput
from hub_estimator.optimization import (
  Optimization,
  create_constant_schedule_fn,
  create_sgd_optimizer_fn,
)
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

# Σ w² = 1 + 4 + 9 + 16 + 25 + 36 = 91.
INITIAL_W = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def tiny_module_fn(is_training=False):
  """y = x w, with x [batch_size, 2] and w = [[1 2 3] [4 5 6]].

  Regularization loss: Σ w² / 2. In training the output is doubled, and the
  update op moves `mean` (0 at first) halfway to the batch's mean of y, and sets
  `w_seen` (0 at first) to what w is then.
  """
  x = tf1.placeholder(tf.float32, [None, 2], name="x")
  w = tf1.get_variable(
    "w", initializer=INITIAL_W, regularizer=lambda w: tf.reduce_sum(w * w) / 2
  )
  mean = tf1.get_variable("mean", initializer=[0.0] * 3, trainable=False)
  w_seen = tf1.get_variable(
    "w_seen", initializer=[[0.0] * 3] * 2, trainable=False
  )
  y = tf.matmul(x, w)
  if is_training:
    tf1.add_to_collection(
      tf1.GraphKeys.UPDATE_OPS,
      mean.assign_sub((mean - tf.reduce_mean(y, axis=0)) / 2).op,
    )
    tf1.add_to_collection(
      tf1.GraphKeys.UPDATE_OPS, w_seen.assign(w.read_value()).op
    )
    y = 2.0 * y
  hub.add_signature("default", {"x": x}, {"default": y})


@gin.register(module="tiny_models")
def tiny_module():
  """A ModuleSpec of `tiny_module_fn`: 6 trainable parameters of 15."""
  return hub.create_module_spec(
    tiny_module_fn,
    [(set(), {"is_training": False}), ({"train"}, {"is_training": True})],
  )


def export_module(path, module_fn=tiny_module_fn, tags_and_args=None):
  """Writes a module with its initial weights; returns its path."""
  spec = hub.create_module_spec(module_fn, tags_and_args)
  with tf.Graph().as_default():
    module = hub.Module(spec)
    with tf1.Session() as session:
      session.run([tf1.global_variables_initializer()])
      session.run([tf1.tables_initializer()])
      module.export(str(path), session)
  return str(path)


def arrays(labels, num_examples=20):
  """Features x [num_examples, 2] in 0..1, and labels that repeat."""
  random = np.random.RandomState(0)
  labels = np.asarray(labels)
  repeats = -(-num_examples // len(labels))
  return {
    "features": random.uniform(size=[num_examples, 2]).astype(np.float32),
    "labels": np.concatenate([labels] * repeats)[:num_examples],
  }


def create_input(labels=(0, 1, 2), **arguments):
  return NumpyInput(
    arrays(labels),
    feature_name="x",
    **{"batch_size": 4, "eval_fraction": 0.25, **arguments},
  )


def create_optimization(learning_rate=0.1, **arguments):
  return Optimization(
    create_constant_schedule_fn(learning_rate),
    create_sgd_optimizer_fn(momentum=0.0),
    **arguments,
  )


def create_model(spec=None, head_fn=None, optimization=None, **arguments):
  """A ModuleModel; arguments of the encoder are given with `encoder_`."""
  encoder_arguments = {
    name[len("encoder_") :]: arguments.pop(name)
    for name in list(arguments)
    if name.startswith("encoder_")
  }
  return models.ModuleModel(
    models.ModuleEncoder(spec or tiny_module(), **encoder_arguments),
    head_fn or models.create_multi_class_head_fn(),
    optimization or create_optimization(),
    **arguments,
  )
