"""The variables that training adds to a model's: slots, powers, averages.

They are state of the optimizer, so a checkpoint that was written before their
group began to train does not have them: `growing_saver` starts them then.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Optional

from hub_estimator.tf_compat import tf

# A tuple: collections whose key is no string stay out of exported graphs.
_COLLECTION = ("hub_estimator", "slot_variables")


def slot_variables(graph: Optional[tf.Graph] = None) -> list[tf.Variable]:
  """Returns the variables that train ops of a graph added.

  Those are the slots of the optimizers, their variables that belong to a whole
  group (Adam's powers of beta), and the moving averages of weights.

  Args:
    graph: the graph; the default graph if None.

  Returns:
    global variables; partitioned ones as their parts.
  """
  return [variable for variable, _ in _entries(graph)]


def start_ops(graph: Optional[tf.Graph] = None) -> dict[str, tf.Operation]:
  """Returns {op name of a slot variable: op that gives it its first value}.

  The op is the variable's initializer, or for a moving average the op that
  copies what is averaged, whose value may be a restored one.
  """
  return {variable.op.name: op for variable, op in _entries(graph)}


def register(
  variables: Sequence[tf.Variable],
  ops: Optional[Sequence[tf.Operation]] = None,
) -> None:
  """Adds slot variables to those of their graph.

  Args:
    variables: the variables.
    ops: for each the op that gives it its first value; the initializers if
      None.
  """
  ops = ops or [variable.initializer for variable in variables]
  graph = tf.compat.v1.get_default_graph()
  known = {variable.op.name for variable in slot_variables(graph)}
  for variable, op in zip(variables, ops):
    if variable.op.name not in known:
      graph.add_to_collection(_COLLECTION, (variable, op))


@contextlib.contextmanager
def names_of_group(group_name: Optional[str]) -> Iterator[None]:
  """Names variables that optimizers create for a whole group after that group.

  TensorFlow names them alike in each optimizer ("beta1_power") and numbers
  them in the order of creation, so that a checkpoint would not fit a graph with
  one group more. In this context they are called
  "optimizer/<group>/beta1_power". Slots keep their names, such as "w/Adam_1":
  they stand under the names of their variables already.

  Args:
    group_name: the group's name; None changes nothing.
  """
  if group_name is None:
    yield
    return

  def create(next_creator, **kwargs):
    name = kwargs.get("name")
    if not name or "/" in name:
      return next_creator(**kwargs)
    # A head calls a `train_op_fn` in the name scope "training".
    with tf.compat.v1.name_scope(None):
      return next_creator(
        **{**kwargs, "name": f"optimizer/{group_name}/{name}"}
      )

  with tf.compat.v1.variable_creator_scope(create):
    yield


def _entries(graph):
  graph = graph or tf.compat.v1.get_default_graph()
  return graph.get_collection(_COLLECTION)
