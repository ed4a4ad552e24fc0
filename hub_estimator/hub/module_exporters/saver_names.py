"""Where a Saver reads each variable of a graph in a checkpoint."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from hub_estimator.hub.module import Module
from hub_estimator.tf_compat import tf

_ASSIGN_OPS = ("Assign", "AssignVariableOp")
_SAVER = tf.compat.v1.train.Saver


class UnknownNamesError(Exception):
  """A saver does not tell what it reads; the message says why."""


class _Place(NamedTuple):
  """A tensor of a checkpoint, or the slice of it that is read."""

  name: str
  slice_spec: str


class SaverNames:
  """Names in a checkpoint of the variables of a graph."""

  def __init__(self, names: Optional[dict[str, _Place]] = None):
    """Holds the names.

    Args:
      names: name of a variable's op -> its place; None for a checkpoint whose
        names are those of the variables.
    """
    self._names = names

  def name_of(self, variable: tf.Variable) -> str:
    """Returns a variable's name in the checkpoint; of a part, the whole's.

    Raises:
      UnknownNamesError: the saver does not restore it, or restores a part of a
        tensor as the whole.
    """
    slice_info = variable._get_save_slice_info()
    if self._names is None:
      return variable.op.name if slice_info is None else slice_info.full_name
    place = self._names.get(variable.op.name)
    if place is None:
      raise UnknownNamesError(f"it does not restore {variable.op.name}")
    if place.slice_spec != (slice_info.spec if slice_info else ""):
      raise UnknownNamesError(
        f"it restores {variable.op.name} from {place.name!r} by another "
        f"slice, {place.slice_spec!r}"
      )
    return place.name

  def names_of_module(self, module: Module) -> dict[str, str]:
    """Returns name in a module -> name in the checkpoint.

    Raises:
      UnknownNamesError: see `name_of`; or parts of a variable are read from
        tensors of their own.
    """
    names = {}
    for name, variable in module.variable_map.items():
      parts = variable if isinstance(variable, list) else [variable]
      found = {self.name_of(part) for part in parts}
      if len(found) > 1:
        raise UnknownNamesError(
          f"it restores the parts of {name} from tensors of their own: "
          f"{', '.join(sorted(found))}"
        )
      names[name] = found.pop()
    return names


def read_saver_names(
  saver: Any, graph: tf.Graph, checkpoint_path: str
) -> SaverNames:
  """Returns where a saver reads the variables of a graph.

  A saver whose `restore` is its own may have a method `names_in_checkpoint`,
  which takes a checkpoint's prefix and returns {name of a variable's op: name
  in the checkpoint}. Of others, the ops are read that restore: each assigns
  to a variable what a RestoreV2 gives.

  Args:
    saver: a `tf.compat.v1.train.Saver`; None for one of the variables' names.
    graph: its graph.
    checkpoint_path: the checkpoint's prefix.

  Raises:
    UnknownNamesError: neither tells.
  """
  if saver is None:
    return SaverNames()
  if hasattr(saver, "names_in_checkpoint"):
    names = saver.names_in_checkpoint(checkpoint_path)
    specs = {
      variable.op.name: variable._get_save_slice_info()
      for variable in graph.get_collection(
        tf.compat.v1.GraphKeys.GLOBAL_VARIABLES
      )
    }
    return SaverNames(
      {
        op_name: _Place(name, specs[op_name].spec if specs[op_name] else "")
        for op_name, name in names.items()
        if op_name in specs
      }
    )
  if getattr(type(saver), "restore", None) is not _SAVER.restore:
    raise UnknownNamesError(
      f"{type(saver).__name__}.restore is its own, and it has no "
      "names_in_checkpoint()"
    )
  if saver.saver_def is None:
    saver.build()
  if saver.saver_def is None:  # It has nothing to restore.
    return SaverNames({})
  return SaverNames(_restored(graph, saver.saver_def.restore_op_name))


def _restored(graph, restore_op_name) -> dict[str, _Place]:
  names = {}
  waiting = [graph.as_graph_element(restore_op_name.partition(":")[0])]
  while waiting:
    op = waiting.pop()
    if op.type in ("NoOp", "Identity"):
      waiting += op.control_inputs
    elif op.type in _ASSIGN_OPS:
      value = op.inputs[1]
      while value.op.type == "Identity":
        value = value.op.inputs[0]
      names[op.inputs[0].op.name] = _place(value)
    else:
      # Of a table or another object: it is no variable of a module.
      continue
  return names


def _place(value: tf.Tensor) -> _Place:
  op = value.op
  constants = [tf.get_static_value(t) for t in op.inputs[1:3]]
  if op.type != "RestoreV2" or any(c is None for c in constants):
    raise UnknownNamesError(
      f"it computes what it restores ({op.name} is a {op.type})"
    )
  return _Place(*(c[value.value_index].decode() for c in constants))
