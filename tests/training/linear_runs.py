"""Runs of a linear network, and the same steps worked out in NumPy.

The module is h2 = (x W1 + b1) W2 + b2, the head h2 V + c, the loss the mean
squared error, the optimizer plain SGD on all examples at once: everything can
be worked out. `import linear_runs` in a Gin config registers the module.
"""

import gin
import numpy as np

from hub_estimator import hub
from hub_estimator.tf_compat import tf
from hub_estimator.training import launch as launching

tf1 = tf.compat.v1

RATE = 0.02
CONFIG = """
import linear_runs

include 'fine_tuning.gin'

MODULE_HANDLE = '{module}'
INPUT_PIPELINE = @NumpyInput()
HEAD = @create_regression_head_fn()
TRAIN_STEPS = 6
BATCH_SIZE = 4
LEARNING_RATE = {rate}

NumpyInput.source = '{source}'
NumpyInput.feature_name = 'x'
NumpyInput.batch_size = %BATCH_SIZE
NumpyInput.shuffle = False

Optimization.schedule_fn = @create_constant_schedule_fn()
create_constant_schedule_fn.learning_rate = %LEARNING_RATE
create_sgd_optimizer_fn.momentum = 0.0

train.eval_every_steps = 1
train.keep_checkpoint_max = None
"""
X = np.array([[1, 0], [0, 1], [1, 1], [1, -1]], np.float64)
TARGETS = np.array([[1], [0], [0.5], [2]], np.float64)
NAMES = ("W1", "b1", "W2", "b2")
WEIGHTS = {
  "W1": np.array([[0.5, -0.3], [0.2, 0.8]]),
  "b1": np.array([0.1, -0.1]),
  "W2": np.array([[0.4, 0.6], [-0.5, 0.3]]),
  "b2": np.array([0.05, 0.0]),
}


def module_fn(is_training=False, regularization=0.0):
  """Its {"train"} graph doubles the output, so that it is seen in the steps."""

  def variable(name):
    return tf1.get_variable(
      name,
      initializer=tf.constant(WEIGHTS[name], tf.float32),
      regularizer=(lambda w: regularization * tf.nn.l2_loss(w))
      if regularization
      else None,
    )

  x = tf1.placeholder(tf.float32, [None, 2])
  hidden = tf.nn.bias_add(tf.matmul(x, variable("W1")), variable("b1"))
  y = tf.nn.bias_add(tf.matmul(hidden, variable("W2")), variable("b2"))
  hub.add_signature(
    "default",
    {"x": x},
    {"default": 2 * y if is_training else y, "hidden": hidden},
  )


@gin.register(module="linear_runs")
def linear_module(regularization=0.0):
  return hub.create_module_spec(
    module_fn,
    [
      (set(), {"regularization": regularization}),
      ({"train"}, {"is_training": True, "regularization": regularization}),
    ],
  )


def write_config(folder, text="", **arguments):
  """Exports the module, writes data and a config; returns its path."""
  module, source = str(folder / "module"), str(folder / "data.npz")
  with tf.Graph().as_default(), tf1.Session() as session:
    built = hub.Module(linear_module(**arguments))
    session.run(tf1.global_variables_initializer())
    built.export(module, session)
  arrays = {"features": X.astype(np.float32), "labels": TARGETS}
  np.savez(
    source,
    **{
      f"{s}_{k}": v
      for s in ("train", "eval", "test")
      for k, v in arrays.items()
    },
  )
  path = folder / "run.gin"
  path.write_text(CONFIG.format(module=module, source=source, rate=RATE) + text)
  return path


def run(folder, *gin_params, text="", regularization=0.0, **options):
  """Trains; returns (results, [weights at step 0, at step 1, …])."""
  config = write_config(folder, text, regularization=regularization)
  launching.register_configurables()
  results = launching.launch(
    [str(config)], gin_params, str(folder / "run"), **options
  )
  return results, weights_by_step(folder / "run")


def run_again(folder, *gin_params, text="", **options):
  """Goes on with the run of `run`, in its folder and with its module."""
  config = folder / "run.gin"
  source, module = folder / "data.npz", folder / "module"
  config.write_text(
    CONFIG.format(module=module, source=source, rate=RATE) + text
  )
  results = launching.launch(
    [str(config)], gin_params, str(folder / "run"), **options
  )
  return results, weights_by_step(folder / "run")


def weights_by_step(model_dir):
  steps = sorted(
    int(path.name.split("-")[1].split(".")[0])
    for path in model_dir.glob("model.ckpt-*.index")
  )
  return {step: weights(model_dir / f"model.ckpt-{step}") for step in steps}


def weights(checkpoint):
  reader = tf.train.load_checkpoint(str(checkpoint))
  found = {name: reader.get_tensor(f"module/{name}") for name in NAMES}
  found["V"] = reader.get_tensor("logits/kernel")
  found["c"] = reader.get_tensor("logits/bias")
  return found


def gradients(w, in_training_mode, penalty=lambda w: {}):
  """Returns the gradients of the loss, {name: array}."""
  factor = 2.0 if in_training_mode else 1.0
  hidden = X @ w["W1"] + w["b1"]
  y = factor * (hidden @ w["W2"] + w["b2"])
  d_out = 2 * (y @ w["V"] + w["c"] - TARGETS) / len(X)
  d_y = factor * (d_out @ w["V"].T)
  d_hidden = d_y @ w["W2"].T
  found = {
    "W1": X.T @ d_hidden,
    "b1": d_hidden.sum(axis=0),
    "W2": hidden.T @ d_y,
    "b2": d_y.sum(axis=0),
    "V": y.T @ d_out,
    "c": d_out.sum(axis=0),
  }
  extra = penalty(w)
  return {k: v + extra.get(k, 0.0) for k, v in found.items()}


def expected(start, rates, num_steps, penalty=lambda w: {}):
  """Works the steps out.

  Args:
    start: the weights at step 0.
    rates: function of the step: {name: learning rate}, of those that train.
    num_steps: how many steps.
    penalty: function of the weights: {name: gradient} that is added.

  Returns:
    {step: weights}.
  """
  w = {k: np.asarray(v, np.float64) for k, v in start.items()}
  found = {0: w}
  for step in range(num_steps):
    step_rates = rates(step)
    # The module is in training mode as soon as anything of it trains.
    g = gradients(w, any(n in step_rates for n in NAMES), penalty)
    w = {k: v - step_rates.get(k, 0.0) * g[k] for k, v in w.items()}
    found[step + 1] = w
  return found


def assert_equal(found, wanted):
  assert set(found) == set(wanted)
  for step, values in wanted.items():
    for name, value in values.items():
      np.testing.assert_allclose(
        found[step][name], value, rtol=2e-5, atol=2e-6, err_msg=f"{name} {step}"
      )
