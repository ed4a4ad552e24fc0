"""Estimators on TensorFlow's distribute coordinator.

TensorFlow 2.15 has this as `tensorflow.python.distribute.estimator_training`;
2.16 dropped it. tensorflow-estimator calls the five functions below: RunConfig
when it is given a strategy, `train_and_evaluate` when a cluster is to be run
through the coordinator, and Estimator's `train` and `evaluate` when one client
drives a remote cluster.

There are three ways to run, and RunConfig remembers which one as
`_distribute_coordinator_mode`:

 -  None: local, or the cluster has a `master` job, or there is no strategy.
    RunConfig reads TF_CONFIG itself and no coordinator takes part.
 -  INDEPENDENT_WORKER: TF_CONFIG describes a cluster, and every task runs this
    same program. The coordinator reads the task from TF_CONFIG.
 -  STANDALONE_CLIENT: `experimental_distribute.remote_cluster` describes a
    cluster of plain TensorFlow servers, which this one program drives.
"""

import copy
from typing import Any, Callable, Optional

from tensorflow.python.distribute import (
  distribute_coordinator,
  distribute_coordinator_context,
  multi_worker_util,
)
from tensorflow.python.platform import tf_logging as logging
from tensorflow.python.training import server_lib

from hub_estimator import errors

_Mode = distribute_coordinator.CoordinatorMode
_CHIEF = "chief"
_EVALUATOR = "evaluator"


def init_run_config(config: Any, tf_config: dict[str, Any]) -> None:
  """Decides how a RunConfig with a strategy runs, and fills in its cluster.

  Args:
    config: the `RunConfig` under construction: its strategies are set, its
      cluster is not.
    tf_config: the parsed environment variable TF_CONFIG; empty if unset.

  Raises:
    UserValueError: a strategy is given twice, or the cluster is.
  """
  for name in ("train_distribute", "eval_distribute"):
    _take_strategy(config, name)
  cluster_spec = server_lib.ClusterSpec(tf_config.get("cluster", {}))
  # A single local worker, until the coordinator or TF_CONFIG says otherwise.
  config._init_distributed_setting_from_environment_var({})

  remote_cluster = getattr(
    config._experimental_distribute, "remote_cluster", None
  )
  if config._train_distribute and remote_cluster:
    if cluster_spec:
      raise errors.UserValueError(
        "A cluster is given once: TF_CONFIG describes the cluster "
        f"{cluster_spec.as_dict()} and `experimental_distribute."
        f"remote_cluster` of RunConfig describes {remote_cluster}. Unset the "
        "one that is not meant."
      )
    config._cluster_spec = remote_cluster
    config._distribute_coordinator_mode = _Mode.STANDALONE_CLIENT
  elif (
    config._train_distribute
    and cluster_spec
    and "master" not in cluster_spec.jobs
  ):
    # Only the cluster: the coordinator gives each task its part of it.
    config._cluster_spec = cluster_spec
    config._distribute_coordinator_mode = _Mode.INDEPENDENT_WORKER
  else:
    config._init_distributed_setting_from_environment_var(tf_config)
    config._maybe_overwrite_session_config_for_distributed_training()
    config._distribute_coordinator_mode = None
  logging.info(
    "Distribute coordinator: %s",
    config._distribute_coordinator_mode or "not used",
  )


def should_run_distribute_coordinator(config: Any) -> bool:
  """Whether `train_and_evaluate` runs through the coordinator.

  Args:
    config: a `RunConfig`, with or without a strategy.
  """
  mode = getattr(config, "_distribute_coordinator_mode", None)
  if mode is None:
    return False
  if mode not in (_Mode.STANDALONE_CLIENT, _Mode.INDEPENDENT_WORKER):
    logging.warning("Unknown distribute coordinator mode %r: ignored.", mode)
    return False
  if not config.cluster_spec:
    logging.warning(
      "Distribute coordinator mode %r without a cluster: running locally.", mode
    )
    return False
  return True


def train_and_evaluate(
  estimator: Any, train_spec: Any, eval_spec: Any, executor_cls: Callable
) -> None:
  """Runs `tf.estimator.train_and_evaluate` through the coordinator.

  Args:
    estimator: the `Estimator`; every task works on a copy of it.
    train_spec: its `TrainSpec`. With a standalone client, its hooks run on the
      chief alone: a hook's tensors belong to one graph.
    eval_spec: its `EvalSpec`, for the evaluator task.
    executor_cls: the class that runs the continuous evaluation, called with
      estimator, train_spec and eval_spec.

  Raises:
    UserValueError: the estimator's RunConfig has no coordinator mode.
  """
  config = estimator.config
  mode = getattr(config, "_distribute_coordinator_mode", None)
  if not mode:
    raise errors.UserValueError(
      "Running through the distribute coordinator needs a RunConfig with a "
      "`train_distribute` strategy and a cluster, from TF_CONFIG or "
      f"`experimental_distribute.remote_cluster`; this one has train_distribute"
      f"={config.train_distribute!r} and no coordinator mode."
    )

  def train_task(strategy):
    task_estimator, context = _copy_for_task(estimator, strategy, "train")
    # Otherwise the copy's `train` would start the coordinator once more.
    task_estimator._config._distribute_coordinator_mode = None
    runs_hooks = mode == _Mode.INDEPENDENT_WORKER or context.is_chief
    task_estimator.train(
      input_fn=train_spec.input_fn,
      max_steps=train_spec.max_steps,
      hooks=list(train_spec.hooks) if runs_hooks else [],
    )

  def evaluate_task(strategy):
    task_estimator, _ = _copy_for_task(estimator, strategy, "eval")
    task_estimator._config._distribute_coordinator_mode = None
    executor = executor_cls(task_estimator, train_spec, eval_spec)
    executor._start_continuous_evaluation()

  distribute_coordinator.run_distribute_coordinator(
    train_task,
    config.train_distribute,
    evaluate_task,
    config.eval_distribute,
    mode=mode,
    # An independent worker's coordinator reads cluster and task from TF_CONFIG.
    cluster_spec=(
      config.cluster_spec if mode == _Mode.STANDALONE_CLIENT else None
    ),
    session_config=config.session_config,
  )


def estimator_train(
  estimator: Any, train_distributed_fn: Callable, hooks: list[Any]
) -> Any:
  """Runs `Estimator.train` on a remote cluster.

  Args:
    estimator: the `Estimator`; every task works on a copy of it.
    train_distributed_fn: called in each task with the copy, its configured
      strategy and its hooks.
    hooks: training hooks, run on the chief alone.

  Returns:
    The estimator copy that was trained.

  Raises:
    UserValueError: the cluster or the strategy is one that only
      `train_and_evaluate` can run.
  """

  def train_task(strategy, task_estimator, task_hooks):
    train_distributed_fn(task_estimator, strategy, task_hooks)
    return task_estimator

  return _run_on_remote_cluster(estimator, "train", train_task, hooks)


def estimator_evaluate(
  estimator: Any, evaluate_distributed_fn: Callable, hooks: list[Any]
) -> Any:
  """Runs `Estimator.evaluate` on a remote cluster.

  Args:
    estimator: the `Estimator`; every task works on a copy of it.
    evaluate_distributed_fn: called in each task with the copy, its configured
      strategy and its hooks.
    hooks: evaluation hooks, run on the chief alone.

  Returns:
    What `evaluate_distributed_fn` returned: the metrics.

  Raises:
    UserValueError: the cluster or the strategy is one that only
      `train_and_evaluate` can run.
  """

  def evaluate_task(strategy, task_estimator, task_hooks):
    return evaluate_distributed_fn(task_estimator, strategy, task_hooks)

  return _run_on_remote_cluster(estimator, "eval", evaluate_task, hooks)


def _take_strategy(config: Any, name: str) -> None:
  """Moves a strategy of `experimental_distribute` to RunConfig itself."""
  strategy = getattr(config._experimental_distribute, name, None)
  if not strategy:
    return
  if getattr(config, f"_{name}"):
    raise errors.UserValueError(
      f"A strategy is given once: RunConfig got both `{name}` and "
      f"`experimental_distribute.{name}`. Leave one of them out."
    )
  setattr(config, f"_{name}", strategy)


def _run_on_remote_cluster(
  estimator: Any, kind: str, task_fn: Callable, hooks: Optional[list[Any]]
) -> Any:
  """Runs `task_fn` as the one client of a remote cluster.

  Args:
    estimator: the `Estimator` to copy for each task.
    kind: "train" or "eval", which says whose strategy is used.
    task_fn: called with strategy, estimator copy and hooks.
    hooks: hooks of the chief.

  Returns:
    What `task_fn` returned.
  """
  config = estimator._config
  mode = config._distribute_coordinator_mode
  strategy = getattr(config, f"_{kind}_distribute")
  method = {"train": "Estimator.train", "eval": "Estimator.evaluate"}[kind]
  cluster_spec = multi_worker_util.normalize_cluster_spec(config.cluster_spec)
  way_out = "Call `train_and_evaluate` instead."
  if _EVALUATOR in cluster_spec.jobs:
    raise errors.UserValueError(
      f"`{method}` cannot run a cluster with an evaluator job; this one has "
      f"the jobs {sorted(cluster_spec.jobs)}. {way_out}"
    )
  if mode != _Mode.STANDALONE_CLIENT:
    raise errors.UserValueError(
      f"`{method}` runs a cluster only from a standalone client, whose "
      "cluster is `experimental_distribute.remote_cluster`; this RunConfig "
      f"has the mode {mode!r}, with its cluster from TF_CONFIG. {way_out}"
    )
  if strategy.extended.experimental_between_graph:
    # Each worker would return its own result, and there is no merging them.
    raise errors.UserValueError(
      f"`{method}` cannot run {type(strategy).__name__} from a standalone "
      "client, because each of its workers builds a graph of its own. "
      f"{way_out}"
    )

  def run_task(task_strategy):
    task_estimator, context = _copy_for_task(estimator, task_strategy, kind)
    return task_fn(
      task_strategy, task_estimator, hooks if context.is_chief else []
    )

  return distribute_coordinator.run_distribute_coordinator(
    run_task,
    strategy,
    mode=mode,
    cluster_spec=cluster_spec,
    session_config=config.session_config,
  )


def _copy_for_task(estimator: Any, strategy: Any, kind: str) -> tuple[Any, Any]:
  """Returns a copy of the estimator for the task at hand, and its context.

  Args:
    estimator: the `Estimator` to copy.
    strategy: the strategy, as the coordinator configured it for this task.
    kind: "train" or "eval", which says whose strategy it is.
  """
  context = distribute_coordinator_context.get_current_worker_context()
  task_estimator = copy.deepcopy(estimator)
  setattr(task_estimator, f"_{kind}_distribution", strategy)
  setattr(task_estimator._config, f"_{kind}_distribute", strategy)
  _fill_in_task(task_estimator._config, context)
  return task_estimator, context


def _fill_in_task(config: Any, context: Any) -> None:
  """Writes the coordinator's task into a RunConfig."""
  # RunConfig's own arithmetic. Its module imports this one: hence here.
  from tensorflow_estimator.python.estimator import run_config

  config._service = None
  config._cluster_spec = context.cluster_spec
  config._task_type = context.task_type
  config._task_id = context.task_id
  config._master = context.master_target
  config._evaluation_master = context.master_target
  config._is_chief = context.is_chief
  config._num_ps_replicas = 0
  config._num_worker_replicas = 1
  config._global_id_in_cluster = 0
  if not context.cluster_spec:
    return
  if context.task_type == _EVALUATOR:
    # An evaluator works alone: it must not wait for the training cluster.
    config._cluster_spec = server_lib.ClusterSpec({})
    config._num_worker_replicas = 0
    config._global_id_in_cluster = None
    return
  config._num_ps_replicas = run_config._count_ps(context.cluster_spec)
  config._num_worker_replicas = run_config._count_worker(
    context.cluster_spec, chief_task_type=_CHIEF
  )
  # One client in front of a remote cluster has no task type.
  if context.task_type:
    config._global_id_in_cluster = run_config._get_global_id_in_cluster(
      context.cluster_spec,
      context.task_type,
      context.task_id,
      chief_task_type=_CHIEF,
    )
