"""Tiny Estimators whose modules are exported."""

import os

import hub_module_fns
import numpy as np

from hub_estimator import estimator, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

TIME = 1500000000


class Clock:
  """Says the seconds it is told to."""

  def __init__(self, seconds=TIME):
    self.seconds = seconds

  def __call__(self):
    return self.seconds + 0.5


def input_fn():
  return tf.data.Dataset.from_tensors(({"x": [1.0, 2.0]}, [0.0, 0.0])).repeat()


def serving_input_fn():
  x = hub_module_fns.placeholder(name="serving_x")
  return estimator.export.ServingInputReceiver({"x": x}, {"x": x})


def create_estimator(model_dir, modules, make_scaffold=None, **run_config):
  """An Estimator that adds 1 to every variable in each step.

  Args:
    model_dir: its folder.
    modules: {export name: module_fn}; empty for none.
    make_scaffold: () -> Scaffold, for PREDICT.
    **run_config: of RunConfig.
  """
  specs = {name: hub.create_module_spec(fn) for name, fn in modules.items()}

  def model_fn(features, labels, mode):
    y = features["x"]
    for name, spec in specs.items():
      with tf1.variable_scope("encoders"):
        module = hub.Module(spec, trainable=True, name=name)
      hub.register_module_for_export(module, name)
      if "w" in module.variable_map and not isinstance(
        module.variable_map["w"], list
      ):
        y = module(y)
    tf1.get_variable("optimizer_slot", initializer=np.zeros(4, np.float32))
    if mode == estimator.ModeKeys.PREDICT:
      return estimator.EstimatorSpec(
        mode,
        predictions={"y": y},
        scaffold=make_scaffold() if make_scaffold else None,
      )
    step = tf1.train.get_or_create_global_step()
    train_op = tf.group(
      step.assign_add(1),
      *[v.assign(v + 1.0) for v in tf1.trainable_variables()],
    )
    return estimator.EstimatorSpec(
      mode, loss=tf.reduce_sum(y), train_op=train_op
    )

  config = estimator.RunConfig(
    tf_random_seed=1, save_checkpoints_steps=1, **run_config
  )
  return estimator.Estimator(model_fn, str(model_dir), config)


def scale_of(path):
  """w, as an application of an exported `scale` shows it."""
  with tf.Graph().as_default():
    return hub_module_fns.run(hub.Module(os.fspath(path))([1.0])).tolist()
