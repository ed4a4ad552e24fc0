"""A Saver for runs whose set of trained variables grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional, Union

from hub_estimator import errors
from hub_estimator.optimization import checkpoint_names, slot_variables
from hub_estimator.optimization.name_lists import list_names
from hub_estimator.tf_compat import tf

# Values are carried from a checkpoint to a session in lots of this size.
_LOT_BYTES = 256 * 2**20


class GrowingSaver(tf.compat.v1.train.Saver):
  """Saves as a Saver does; starts what a checkpoint does not have yet.

  A run that trains more variables from some step on (gradual unfreezing, a
  linear probe before fine-tuning) has a graph for each stage, and the graph of
  a new stage has slots that the last checkpoint lacks. `restore` reads what is
  there and gives those their first values. If nothing is missing it is a plain
  restore.

  Put it into the EstimatorSpec of TRAIN, where it also writes the checkpoints:

      spec._replace(scaffold=tf.compat.v1.train.Scaffold(
        saver=GrowingSaver(
          max_to_keep=config.keep_checkpoint_max,
          keep_checkpoint_every_n_hours=config.keep_checkpoint_every_n_hours)))

  An Estimator creates its own saver, with these two settings of RunConfig, only
  if the scaffold brings none.
  """

  def __init__(
    self,
    may_be_missing: Optional[
      Union[Iterable[str], Callable[[str], bool]]
    ] = None,
    max_to_keep: Optional[int] = 5,
    keep_checkpoint_every_n_hours: float = 10000.0,
    defer_build: bool = True,
    **saver_arguments: Any,
  ):
    """Configures the saver of all variables of a graph.

    Args:
      may_be_missing: names in the checkpoint that it may lack, or a function
        from such a name to a bool; by default those of
        `slot_variables.slot_variables()`. A partitioned variable has one name.
      max_to_keep: how many checkpoints stay; None or 0 for all.
      keep_checkpoint_every_n_hours: one checkpoint of every so many hours
        stays besides.
      defer_build: whether the ops are added to the graph when the Scaffold is
        finalized, and so with all variables; otherwise at once.
      **saver_arguments: further arguments of `tf.compat.v1.train.Saver`, but
        for `var_list`: it is always all variables.
    """
    self._may_be_missing = may_be_missing
    self._required_saver = None
    self._optional = {}
    super().__init__(
      max_to_keep=max_to_keep,
      keep_checkpoint_every_n_hours=keep_checkpoint_every_n_hours,
      defer_build=defer_build,
      # What an Estimator's own saver has, and names say nothing of the folder.
      **{"sharded": True, "save_relative_paths": True, **saver_arguments},
    )

  def build(self) -> None:
    """Adds the ops to the default graph; called when the Scaffold is."""
    super().build()
    if self._required_saver is not None or self._optional:
      return
    may_be_missing = self._predicate()
    required = []
    for saved in _saved_objects():
      name = _checkpoint_name(saved)
      if name is not None and may_be_missing(name):
        self._optional.setdefault(name, []).append(saved)
      else:
        required.append(saved)
    self._start_ops = slot_variables.start_ops()
    self._required_names = [
      name for name in map(_checkpoint_name, required) if name is not None
    ]
    # Names of ops as in the main saver: "save_1/…". It only ever restores.
    if required and self._optional:
      self._required_saver = tf.compat.v1.train.Saver(required)

  def restore(self, sess: tf.compat.v1.Session, save_path: str) -> None:
    """Restores what a checkpoint has, and starts what it may lack.

    No op is added: the graph may be finalized.

    Args:
      sess: the session.
      save_path: the checkpoint's prefix.

    Raises:
      UserValueError: the checkpoint lacks a variable that it may not lack.
      ValueError: there is no such checkpoint.
    """
    if not tf.compat.v1.train.checkpoint_exists(save_path):
      super().restore(sess, save_path)
      return
    reader = tf.train.load_checkpoint(save_path)
    self._check_required(reader, save_path)
    missing = [name for name in self._optional if not reader.has_tensor(name)]
    if not missing:
      super().restore(sess, save_path)
      return
    if self._required_saver is not None:
      self._required_saver.restore(sess, save_path)
    self._load(
      sess,
      reader,
      [
        variable
        for name, variables in self._optional.items()
        if name not in missing
        for variable in variables
      ],
    )
    started = [v for name in missing for v in self._optional[name]]
    # After the rest: a moving average starts from what was restored.
    sess.run([self._start_ops.get(v.op.name, v.initializer) for v in started])
    tf.get_logger().info(
      "%d variables of the optimizer are not in %s and start anew: %s",
      len(started),
      save_path,
      list_names(missing),
    )

  def _predicate(self) -> Callable[[str], bool]:
    given = self._may_be_missing
    if callable(given):
      return given
    if given is None:
      given = map(_checkpoint_name, slot_variables.slot_variables())
    return frozenset(given).__contains__

  def _check_required(self, reader, save_path) -> None:
    lacking = sorted(
      {name for name in self._required_names if not reader.has_tensor(name)}
    )
    if lacking:
      raise errors.UserValueError(
        f"Checkpoint {save_path} lacks {len(lacking)} of the graph's "
        f"variables: {list_names(lacking)}. Only variables of the optimizer "
        "may be missing in it: it is of another model. Give another model_dir, "
        "or go on with the model that wrote it."
      )

  def _load(self, sess, reader, variables) -> None:
    """Gives variables their values in a checkpoint, through initializers.

    They are fed with the values, so that no op has to be added to the graph.
    """
    for assignments, feeds in _lots(reader, variables):
      sess.run(assignments, feeds)


def _lots(
  reader: Any, variables: Iterable[tf.Variable]
) -> Iterator[tuple[list[tf.Operation], dict[str, Any]]]:
  """Yields initializers, and the values to feed them with, lot by lot."""
  assignments, feeds, size = [], {}, 0
  for variable in variables:
    assignment = variable.initializer
    # Its name: tensors do not hash.
    source = assignment.inputs[1].name
    value = _value(reader, variable)
    # Two variables may be initialized from one tensor: in two lots.
    if assignments and (source in feeds or size + value.nbytes > _LOT_BYTES):
      yield assignments, feeds
      assignments, feeds, size = [], {}, 0
    assignments.append(assignment)
    feeds[source] = value
    size += value.nbytes
  if assignments:
    yield assignments, feeds


def _saved_objects() -> list[Any]:
  """Returns what a Saver of the default graph saves."""
  return [
    *tf.compat.v1.global_variables(),
    *tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SAVEABLE_OBJECTS),
  ]


def _checkpoint_name(saved: Any) -> Optional[str]:
  """Returns a variable's name in a checkpoint; None for other objects."""
  is_variable = isinstance(saved, tf.Variable)
  return checkpoint_names.name_of(saved) if is_variable else None


def _value(reader: Any, variable: tf.Variable) -> Any:
  """Returns a variable's value in a checkpoint; of a part, that part."""
  value = reader.get_tensor(checkpoint_names.name_of(variable))
  slice_info = variable._get_save_slice_info()
  if slice_info is None:
    return value
  return value[
    tuple(
      slice(offset, offset + size)
      for offset, size in zip(slice_info.var_offset, slice_info.var_shape)
    )
  ]
