"""Our stand-in for TensorFlow 2.15's estimator_training behaves like it.

`init_run_config` is tested twice: ours directly, on every TensorFlow, and
through `RunConfig`, which on TensorFlow 2.15 calls TensorFlow's own. The runs
at the end go through whatever `RunConfig` and `Estimator` call.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import types

import pytest

from hub_estimator import errors
from hub_estimator import estimator as tfe
from hub_estimator.tf_compat import estimator_training, tf

# Has no public name; it is what `RunConfig(experimental_distribute=)` takes.
from tensorflow.python.distribute import distribute_config  # isort: skip

_ROOT = pathlib.Path(__file__).parents[2]
_CLUSTER = {
  "chief": ["host0:2222"],
  "worker": ["host1:2222", "host2:2222"],
  "ps": ["host3:2222"],
}
_MASTER_CLUSTER = {"master": ["host0:2222"], "worker": ["host1:2222"]}
_REMOTE_CLUSTER = {"worker": ["host1:2222"]}


def _strategy():
  return tf.distribute.OneDeviceStrategy("/cpu:0")


def _init_through_run_config(monkeypatch, tf_config, **strategies):
  monkeypatch.setenv("TF_CONFIG", json.dumps(tf_config))
  return tfe.RunConfig(**strategies)


def _init_with_ours(monkeypatch, tf_config, **strategies):
  monkeypatch.delenv("TF_CONFIG", raising=False)
  config = tfe.RunConfig()
  for name, value in strategies.items():
    setattr(config, f"_{name}", value)
  monkeypatch.setenv("TF_CONFIG", json.dumps(tf_config))
  estimator_training.init_run_config(config, tf_config)
  return config


@pytest.fixture(params=[_init_through_run_config, _init_with_ours])
def init(request, monkeypatch):
  def init_run_config(tf_config=None, **strategies):
    return request.param(monkeypatch, tf_config or {}, **strategies)

  return init_run_config


def _distribute(**values):
  return distribute_config.DistributeConfig(**values)


def test_local_strategy_needs_no_coordinator(init):
  strategy = _strategy()
  config = init(train_distribute=strategy)
  assert config._distribute_coordinator_mode is None
  assert config.train_distribute is strategy
  assert (config.task_type, config.task_id) == ("worker", 0)
  assert (config.num_worker_replicas, config.num_ps_replicas) == (1, 0)
  assert config.is_chief
  assert config.master == ""
  assert not config.cluster_spec
  assert not estimator_training.should_run_distribute_coordinator(config)


def test_strategy_and_cluster_make_independent_workers(init):
  config = init(
    {"cluster": _CLUSTER, "task": {"type": "worker", "index": 1}},
    train_distribute=_strategy(),
  )
  assert config._distribute_coordinator_mode == "independent_worker"
  assert config.cluster_spec.as_dict() == _CLUSTER
  # The coordinator, not TF_CONFIG, tells the task later.
  assert (config.task_type, config.task_id) == ("worker", 0)
  assert estimator_training.should_run_distribute_coordinator(config)


def test_cluster_with_a_master_needs_no_coordinator(init):
  config = init(
    {"cluster": _MASTER_CLUSTER, "task": {"type": "worker", "index": 0}},
    train_distribute=_strategy(),
  )
  assert config._distribute_coordinator_mode is None
  assert config.task_type == "worker"
  assert config.num_worker_replicas == 2  # The master counts.
  assert not config.is_chief


def test_evaluation_strategy_alone_needs_no_coordinator(init):
  config = init(
    {"cluster": _CLUSTER, "task": {"type": "worker", "index": 1}},
    eval_distribute=_strategy(),
  )
  assert config._distribute_coordinator_mode is None
  assert (config.task_type, config.task_id) == ("worker", 1)
  assert config.global_id_in_cluster == 2  # chief 0, workers 1 and 2
  # Workers talk to parameter servers alone.
  assert list(config.session_config.device_filters) == [
    "/job:ps",
    "/job:worker/task:1",
  ]


def test_remote_cluster_makes_a_standalone_client(init):
  strategy = _strategy()
  config = init(
    experimental_distribute=_distribute(
      train_distribute=strategy,
      eval_distribute=strategy,
      remote_cluster=_REMOTE_CLUSTER,
    )
  )
  assert config._distribute_coordinator_mode == "standalone_client"
  assert config.train_distribute is config.eval_distribute is strategy
  cluster_spec = tf.train.ClusterSpec(config.cluster_spec)
  assert cluster_spec.as_dict() == _REMOTE_CLUSTER
  assert estimator_training.should_run_distribute_coordinator(config)


def test_cluster_given_twice(monkeypatch):
  with pytest.raises(errors.UserValueError) as raised:
    _init_with_ours(
      monkeypatch,
      {"cluster": _CLUSTER},
      experimental_distribute=_distribute(
        train_distribute=_strategy(), remote_cluster=_REMOTE_CLUSTER
      ),
    )
  message = str(raised.value)
  assert "A cluster is given once" in message
  assert "host3:2222" in message
  assert "Unset the one that is not meant." in message


@pytest.mark.parametrize("name", ["train_distribute", "eval_distribute"])
def test_strategy_given_twice(init, monkeypatch, name):
  strategies = {
    name: _strategy(),
    "experimental_distribute": _distribute(**{name: _strategy()}),
  }
  with pytest.raises(ValueError):
    init(**strategies)
  with pytest.raises(errors.UserValueError) as raised:
    _init_with_ours(monkeypatch, {}, **strategies)
  assert str(raised.value) == (
    f"A strategy is given once: RunConfig got both `{name}` and "
    f"`experimental_distribute.{name}`. Leave one of them out."
  )


@pytest.mark.parametrize(
  "mode, cluster_spec",
  [("another", {"worker": ["a:1"]}), ("independent_worker", {})],
)
def test_no_coordinator_for_odd_modes(mode, cluster_spec):
  config = types.SimpleNamespace(
    _distribute_coordinator_mode=mode, cluster_spec=cluster_spec
  )
  assert not estimator_training.should_run_distribute_coordinator(config)


def test_no_coordinator_for_a_config_without_strategies():
  config = tfe.RunConfig()
  assert not estimator_training.should_run_distribute_coordinator(config)


def test_train_and_evaluate_without_a_mode():
  estimator = types.SimpleNamespace(config=tfe.RunConfig())
  with pytest.raises(errors.UserValueError, match="train_distribute=None"):
    estimator_training.train_and_evaluate(estimator, None, None, None)


def _estimator(mode, cluster_spec, between_graph=False):
  strategy = types.SimpleNamespace(
    extended=types.SimpleNamespace(experimental_between_graph=between_graph)
  )
  config = types.SimpleNamespace(
    _distribute_coordinator_mode=mode,
    _train_distribute=strategy,
    _eval_distribute=strategy,
    cluster_spec=cluster_spec,
    session_config=None,
  )
  return types.SimpleNamespace(_config=config)


_METHODS = {
  "Estimator.train": estimator_training.estimator_train,
  "Estimator.evaluate": estimator_training.estimator_evaluate,
}


@pytest.mark.parametrize("method", sorted(_METHODS))
@pytest.mark.parametrize(
  "estimator, message",
  [
    (
      _estimator(
        "standalone_client", {"worker": ["a:1"], "evaluator": ["b:1"]}
      ),
      "cannot run a cluster with an evaluator job; this one has the jobs "
      "['evaluator', 'worker']",
    ),
    (
      _estimator("independent_worker", {"worker": ["a:1"]}),
      "this RunConfig has the mode 'independent_worker'",
    ),
    (
      _estimator("standalone_client", {"worker": ["a:1"]}, between_graph=True),
      "cannot run SimpleNamespace from a standalone client",
    ),
  ],
  ids=["evaluator", "mode", "between_graph"],
)
def test_what_only_train_and_evaluate_can_run(method, estimator, message):
  with pytest.raises(errors.UserValueError) as raised:
    _METHODS[method](estimator, None, [])
  assert str(raised.value).startswith(f"`{method}` ")
  assert message in str(raised.value)
  assert str(raised.value).endswith("Call `train_and_evaluate` instead.")


@pytest.mark.parametrize(
  "task_type, task_id, num_workers, num_ps, global_id",
  [
    ("chief", 0, 3, 1, 0),
    ("worker", 1, 3, 1, 2),
    ("ps", 0, 3, 1, 3),
    (None, None, 3, 1, 0),  # One client in front of the cluster.
    ("evaluator", 0, 0, 0, None),
  ],
)
def test_task_of_the_coordinator_is_written_into_run_config(
  task_type, task_id, num_workers, num_ps, global_id
):
  cluster = {**_CLUSTER, "evaluator": ["host4:2222"]}
  if task_type != "evaluator":
    cluster = _CLUSTER
  config = tfe.RunConfig()
  context = types.SimpleNamespace(
    cluster_spec=tf.train.ClusterSpec(cluster),
    task_type=task_type,
    task_id=task_id,
    master_target="grpc://host:2222",
    is_chief=task_type != "worker",
  )
  estimator_training._fill_in_task(config, context)
  assert (config.task_type, config.task_id) == (task_type, task_id)
  assert config.num_worker_replicas == num_workers
  assert config.num_ps_replicas == num_ps
  assert config.global_id_in_cluster == global_id
  assert config.is_chief == (task_type != "worker")
  assert config.master == config.evaluation_master == "grpc://host:2222"
  # An evaluator works alone.
  assert bool(config.cluster_spec) == (task_type != "evaluator")


def test_task_without_a_cluster_is_local():
  config = tfe.RunConfig()
  context = types.SimpleNamespace(
    cluster_spec=None,
    task_type=None,
    task_id=None,
    master_target="",
    is_chief=True,
  )
  estimator_training._fill_in_task(config, context)
  assert (config.num_worker_replicas, config.num_ps_replicas) == (1, 0)
  assert config.global_id_in_cluster == 0


# The model of the conformance suite: from weight = 0 two steps reach 0.555.
_PROGRAM = """
import sys
import numpy as np
from hub_estimator import estimator as tfe
from hub_estimator.tf_compat import tf

x = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)

def model_fn(features, labels, mode):
  weight = tf.compat.v1.get_variable(
    "weight", [], initializer=tf.compat.v1.zeros_initializer())
  def train_op_fn(loss):
    return tf.compat.v1.train.GradientDescentOptimizer(0.01).minimize(
      loss, tf.compat.v1.train.get_global_step())
  return tfe.RegressionHead().create_estimator_spec(
    features, mode, logits=weight * features["x"], labels=labels,
    train_op_fn=train_op_fn, trainable_variables=[weight])

def input_fn():
  return tf.data.Dataset.from_tensors(({"x": x}, 2 * x)).repeat(10)

def train_and_evaluate(config):
  estimator = tfe.Estimator(model_fn, sys.argv[1], config)
  tfe.train_and_evaluate(
    estimator, tfe.TrainSpec(input_fn, max_steps=2),
    tfe.EvalSpec(input_fn, steps=1, start_delay_secs=0, throttle_secs=0))
  return estimator

def check(estimator):
  np.testing.assert_allclose(
    estimator.get_variable_value("weight"), 0.555, rtol=1e-5)
  assert estimator.get_variable_value("global_step") == 2
"""


def _start(program, model_dir, tf_config=None):
  return subprocess.Popen(
    [sys.executable, "-c", _PROGRAM + program, str(model_dir)],
    env={
      **os.environ,
      "PYTHONPATH": str(_ROOT),
      "TF_CONFIG": json.dumps(tf_config or {}),
    },
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def _finish(process):
  try:
    output, error_output = process.communicate(timeout=120)
  finally:
    process.kill()
  assert process.returncode == 0, error_output[-3000:]
  return output


def test_run_on_two_devices(tmp_path):
  # Both replicas see the same batch, so their mean gradient is the usual one.
  process = _start(
    """
devices = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
  devices[0], [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(
  ["/cpu:0", "/cpu:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())
check(train_and_evaluate(tfe.RunConfig(train_distribute=strategy)))
print(strategy.num_replicas_in_sync)
""",
    tmp_path,
  )
  assert _finish(process) == "2\n"


def test_run_as_independent_workers(tmp_path):
  with socket.socket() as free:
    free.bind(("localhost", 0))
    port = free.getsockname()[1]
  cluster = {"chief": [f"localhost:{port}"], "evaluator": ["localhost:1"]}
  chief = _start(
    """
strategy = tf.distribute.experimental.MultiWorkerMirroredStrategy()
config = tfe.RunConfig(train_distribute=strategy, save_checkpoints_steps=1)
check(train_and_evaluate(config))
""",
    tmp_path,
    {"cluster": cluster, "task": {"type": "chief", "index": 0}},
  )
  # An evaluator has no workers: it takes a strategy for its own devices.
  evaluator = _start(
    """
config = tfe.RunConfig(train_distribute=tf.distribute.MirroredStrategy())
train_and_evaluate(config)
""",
    tmp_path,
    {"cluster": cluster, "task": {"type": "evaluator", "index": 0}},
  )
  try:
    _finish(chief)
    _finish(evaluator)
  finally:
    chief.kill()
    evaluator.kill()
  assert (tmp_path / "eval").is_dir()


def test_run_as_a_standalone_client(tmp_path):
  process = _start(
    """
from tensorflow.python.distribute.distribute_config import DistributeConfig

server = tf.compat.v1.train.Server.create_local_server()
strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
config = tfe.RunConfig(experimental_distribute=DistributeConfig(
  train_distribute=strategy, eval_distribute=strategy,
  remote_cluster={"worker": [server.target[len("grpc://"):]]}))
estimator = tfe.Estimator(model_fn, sys.argv[1], config)
estimator.train(input_fn, max_steps=2)
check(estimator)
print("loss %.4f" % estimator.evaluate(input_fn, steps=1)["loss"])
""",
    tmp_path,
  )
  # (0.555 - 2)² * 7.5 = 15.6602
  assert _finish(process) == "loss 15.6602\n"
