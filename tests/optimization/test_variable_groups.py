"""Groups of variables: rates, one step for all, names that stay."""

import pytest

from hub_estimator import errors, optimization
from hub_estimator.optimization import (
  Optimization,
  VariableGroup,
  slot_variables,
)
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1

OPTIMIZER_FACTORIES = {
  "sgd": optimization.create_sgd_optimizer_fn,
  "adam": optimization.create_adam_optimizer_fn,
  "adagrad": optimization.create_adagrad_optimizer_fn,
  "adamw": optimization.create_adamw_optimizer_fn,
  "lamb": optimization.create_lamb_optimizer_fn,
}


def _optimization(optimizer_fn=None, learning_rate=0.1, **arguments):
  return Optimization(
    optimization.create_constant_schedule_fn(learning_rate),
    optimizer_fn or optimization.create_sgd_optimizer_fn(momentum=0.0),
    **arguments,
  )


def _run(step_op, fetches, num_steps=1):
  with v1.Session() as session:
    session.run(v1.global_variables_initializer())
    for _ in range(num_steps):
      session.run(step_op)
    return session.run(fetches)


@pytest.fixture(autouse=True)
def graph():
  with tf.Graph().as_default() as graph:
    yield graph


def test_each_group_has_its_rate_and_a_step_counts_once():
  a = v1.get_variable("a", initializer=1.0)
  b = v1.get_variable("b", initializer=1.0)
  c = v1.get_variable("c", initializer=1.0)
  fixed = v1.get_variable("fixed", initializer=1.0)
  groups = [
    VariableGroup("head", (a,)),
    VariableGroup("module/1", (b,), 0.5),
    VariableGroup("module/2", (c,), 0.0),
    VariableGroup("empty", ()),
  ]
  loss = 2.0 * a + 3.0 * b + 4.0 * c + fixed
  step_op = _optimization().build_train_op(loss, groups)
  values = _run(step_op, [a, b, c, fixed, v1.train.get_global_step()], 2)
  # a: 1 - 2 * 0.1 * 2; b: 1 - 2 * 0.05 * 3.
  assert values == [pytest.approx(0.6), pytest.approx(0.7), 1.0, 1.0, 2]
  assert v1.get_collection(v1.GraphKeys.TRAIN_OP) == [step_op]


def test_gradients_of_all_groups_are_clipped_together():
  a = v1.get_variable("a", initializer=0.0)
  b = v1.get_variable("b", initializer=0.0)
  # Norm 5, scaled to 2.5: 1.5 and 2.
  step_op = _optimization(clip_norm=2.5, learning_rate=1.0).build_train_op(
    3.0 * a + 4.0 * b, [VariableGroup("a", (a,)), VariableGroup("b", (b,), 10)]
  )
  assert _run(step_op, [a, b]) == [pytest.approx(-1.5), pytest.approx(-20.0)]


def test_gradients_of_all_groups_are_of_the_same_step():
  a = v1.get_variable("a", initializer=2.0, use_resource=False)
  b = v1.get_variable("b", initializer=3.0, use_resource=False)
  step_op = _optimization().build_train_op(
    a * b, [VariableGroup("a", (a,)), VariableGroup("b", (b,))]
  )
  # Gradients 3 and 2, of the values before the step.
  assert _run(step_op, [a, b]) == [pytest.approx(1.7), pytest.approx(2.8)]


def test_update_ops_run_before_any_group_moves():
  a = v1.get_variable("a", initializer=1.0)
  b = v1.get_variable("b", initializer=1.0)
  seen = v1.get_variable("seen", initializer=0.0, trainable=False)
  # A chain that takes its time and cannot be folded into a constant.
  slow = tf.random.uniform([500, 500])
  for _ in range(20):
    slow = tf.matmul(slow, slow) / 500.0
  with tf.control_dependencies([slow]):
    copied = v1.assign(seen, a.read_value() + b.read_value())
  step_op = _optimization().build_train_op(
    a + b,
    [VariableGroup("a", (a,)), VariableGroup("b", (b,))],
    update_ops=[copied],
  )
  assert _run(step_op, seen) == 2.0


def test_summaries_of_several_groups(tmp_path):
  a = v1.get_variable("a", initializer=1.0)
  b = v1.get_variable("b", initializer=1.0)
  with tf.name_scope("training"):
    _optimization().build_train_op(
      a + b, [VariableGroup("head", (a,)), VariableGroup("module/1", (b,), 0.5)]
    )
  with v1.Session() as session:
    session.run(v1.global_variables_initializer())
    summary = v1.Summary.FromString(session.run(v1.summary.merge_all()))
  assert {value.tag: value.simple_value for value in summary.value} == {
    "learning_rate": pytest.approx(0.1),
    "learning_rate/head": pytest.approx(0.1),
    "learning_rate/module/1": pytest.approx(0.05),
  }


def _build_groups(names, optimizer_fn, use_resource):
  """Builds a graph that trains some groups; {group: names of its slots}."""
  with tf.Graph().as_default() as graph:
    variables = {
      name: v1.get_variable(
        f"{name}/w", initializer=[1.0, 2.0], use_resource=use_resource
      )
      for name in ("module/1", "module/2", "head")
    }
    loss = tf.add_n([tf.reduce_sum(w * w) for w in variables.values()])
    groups = [VariableGroup(name, (variables[name],)) for name in names]
    with tf.name_scope("training"):
      _optimization(optimizer_fn).build_train_op(loss, groups)
    slots = slot_variables.slot_variables(graph)
    assert {v.op.name for v in v1.global_variables()} == {
      "global_step",
      *(v.op.name for v in variables.values()),
      *(v.op.name for v in slots),
    }
    found = {name: set() for name in names}
    for slot in slots:
      group = [n for n in names if f"{n}/" in slot.op.name]
      found[group[0]].add(slot.op.name)
    return found


@pytest.mark.parametrize("use_resource", [False, True], ids=["ref", "resource"])
@pytest.mark.parametrize("kind", sorted(OPTIMIZER_FACTORIES))
def test_names_of_slots_do_not_depend_on_other_groups(kind, use_resource):
  optimizer_fn = OPTIMIZER_FACTORIES[kind]()
  stages = [
    ["head"],
    ["module/2", "head"],
    ["module/1", "module/2", "head"],
    ["head", "module/1", "module/2"],
  ]
  found = [_build_groups(s, optimizer_fn, use_resource) for s in stages]
  assert found[0]["head"]
  for before, after in zip(found, found[1:]):
    for name in before:
      assert before[name] == after[name]


def test_names_of_slots_of_adam():
  found = _build_groups(
    ["module/1", "head"], optimization.create_adam_optimizer_fn(), True
  )
  assert found["head"] == {
    "head/w/Adam",
    "head/w/Adam_1",
    "optimizer/head/beta1_power",
    "optimizer/head/beta2_power",
  }


def test_without_groups_names_are_tensorflows():
  v1.get_variable("w", initializer=1.0)
  optimizer = _optimization(optimization.create_adam_optimizer_fn())
  optimizer.build_train_op(v1.trainable_variables()[0] ** 2)
  names = {v.op.name for v in slot_variables.slot_variables()}
  assert names == {"w/Adam", "w/Adam_1", "beta1_power", "beta2_power"}


def test_groups_share_no_name_and_no_variable():
  a = v1.get_variable("a", initializer=1.0)
  b = v1.get_variable("b", initializer=1.0)
  with pytest.raises(
    errors.UserValueError,
    match="two groups have the name 'x'; the variable 'b:0' is in 'x' and in "
    "'y'",
  ):
    _optimization().build_train_op(
      a + b,
      [
        VariableGroup("x", (a,)),
        VariableGroup("x", (b,)),
        VariableGroup("y", (b,)),
      ],
    )


@pytest.mark.parametrize("name", ["", "a b", "/a", "a/", "a:0", 3])
def test_bad_group_names(name):
  with pytest.raises(
    errors.UserValueError, match=r"`VariableGroup\.name` is a name such as"
  ):
    VariableGroup(name, ())


def test_bad_multiplier():
  with pytest.raises(
    errors.UserValueError,
    match=r"VariableGroup\.learning_rate_multiplier` is at least 0; got -1",
  ):
    VariableGroup("head", (), -1)


def test_groups_without_variables():
  with pytest.raises(errors.UserValueError, match="nothing to train"):
    _optimization().build_train_op(
      tf.constant(1.0), [VariableGroup("head", ())]
    )


def test_a_group_without_gradients_stays(graph):
  a = v1.get_variable("a", initializer=1.0)
  b = v1.get_variable("b", initializer=1.0)
  step_op = _optimization().build_train_op(
    a * 1.0, [VariableGroup("a", (a,)), VariableGroup("b", (b,))]
  )
  values = _run(step_op, [a, b, v1.train.get_global_step()])
  assert values == [pytest.approx(0.9), 1.0, 1]
