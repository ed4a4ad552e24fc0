"""Section 4 of the format: loops and conditions inside and around a module.

Every test runs on what `tf.cond` and `tf.while_loop` were in TensorFlow 1 or
are in TensorFlow 2; the programs at the end also after
`tf.compat.v1.disable_v2_behavior()`, in a process of their own.
"""

import os
import pathlib
import subprocess
import sys

import hub_module_fns
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
run = hub_module_fns.run


def _apply(module_fn, tmp_path, values):
  """Returns outputs and gradients to w and x of a loaded module, per value."""
  path = hub_module_fns.export(module_fn, tmp_path / "module")
  fetches = []
  with tf.Graph().as_default():
    module = hub.Module(path, trainable=True)
    for value in values:
      x = tf.constant(value)
      y = module(x)
      fetches.append([y, *tf1.gradients(y, [module.variable_map["w"], x])])
    return [[float(v) for v in triple] for triple in run(fetches)]


# [y, dy/dw, dy/dx] for w = 3:
# cond: 2 w = 6, x = 2, w = 3; (-2)² w + 1 = 13, x² = 4, 2 w x = -12.
COND = [[6.0, 2.0, 3.0], [13.0, 4.0, -12.0]]
# while: y = x (w³ + w² + w + 1) = 40 x, x (3 w² + 2 w + 1) = 34 x.
WHILE = [[80.0, 68.0, 40.0], [-80.0, -68.0, 40.0]]
# nested, w = 2, x = 2: y = 2 -> 2 w² + 2 w + 2 = 14 > 10 -> 14 - 2 w = 10:
#   y = x (w² + w + 1 - w) = x (w² + 1): 10, 2 w x = 8, w² + 1 = 5.
# x = 1: 1 -> 7 -> 7 w² + w + 1 = 31 = w⁴ + w³ + w² + w + 1, all times x:
#   31, 4 w³ + 3 w² + 2 w + 1 = 49, 31.
NESTED = [[10.0, 8.0, 5.0], [31.0, 49.0, 31.0]]


def test_v1_cond(tmp_path, v1_control_flow):
  results = _apply(hub_module_fns.cond_gradient, tmp_path, [2.0, -2.0])
  assert results == COND


def test_v1_while_loop(tmp_path, v1_control_flow):
  results = _apply(hub_module_fns.while_gradient, tmp_path, [2.0, -2.0])
  assert results == WHILE


def test_v1_nested_contexts(tmp_path, v1_control_flow):
  results = _apply(hub_module_fns.nested_control_flow, tmp_path, [2.0, 1.0])
  assert results == NESTED


def test_v2_cond(tmp_path, v2_control_flow):
  results = _apply(hub_module_fns.cond_gradient, tmp_path, [2.0, -2.0])
  assert results == COND


def test_v2_while_loop(tmp_path, v2_control_flow):
  results = _apply(hub_module_fns.while_gradient, tmp_path, [2.0, -2.0])
  assert results == WHILE


def test_v2_nested_functions(tmp_path, v2_control_flow):
  results = _apply(hub_module_fns.nested_control_flow, tmp_path, [2.0, 1.0])
  assert results == NESTED


def test_v2_functions_are_those_of_their_application(
  tmp_path, graph, v2_control_flow
):
  # What another process wrote may have the names of functions of this one:
  # here the same names, and other constants.
  path = hub_module_fns.export(
    hub_module_fns.while_gradient, tmp_path / "module"
  )
  file = tmp_path / "module" / "saved_model.pb"
  spec = hub.load_module_spec(path)
  meta_graph = tf1.MetaGraphDef()
  meta_graph.CopyFrom(spec.variant().meta_graph)
  changed = 0
  for function in meta_graph.graph_def.library.function:
    for node in function.node_def:
      if node.op == "AddV2" and node.attr["T"].type == 1:
        node.op = "Sub"
        changed += 1
  assert changed == 1
  assert file.exists()
  other = hub.ModuleSpec([meta_graph])
  x = tf.constant(2.0)
  ys = [hub.Module(spec)(x), hub.Module(other)(x)]
  # y = 3 y - x from y = 2: 4, 10, 28.
  assert run(ys) == [80.0, 28.0]


def test_a_tf_function_inside(tmp_path):
  @tf.function
  def square(x):
    return x * x

  def module_fn():
    x = hub_module_fns.placeholder([])
    w = tf1.get_variable("w", initializer=3.0)
    hub.add_signature(inputs=x, outputs=square(x) * w)

  # 3 x² = 12, x² = 4, 6 x = 12.
  assert _apply(module_fn, tmp_path, [2.0]) == [[12.0, 4.0, 12.0]]


def test_a_function_that_is_called_as_an_op(graph):
  """As functions were before TensorFlow 2, and still are in old modules."""

  @tf.function
  def square(x):
    return x * x

  def module_fn():
    x = hub_module_fns.placeholder([])
    hub.add_signature(inputs=x, outputs=square(x))

  meta_graph = tf1.MetaGraphDef()
  meta_graph.CopyFrom(hub.create_module_spec(module_fn).variant().meta_graph)
  (call,) = [n for n in meta_graph.graph_def.node if "f" in n.attr]
  call.op = call.attr["f"].func.name
  call.attr.clear()
  spec = hub.ModuleSpec([meta_graph])
  y = hub.Module(spec)(hub.Module(spec)(3.0))
  assert run(y) == 81.0


@pytest.mark.parametrize(
  ("module_fn", "expected"),
  [
    # Twice: w (w x) = 4.5; 2 w x = 3; w² = 9.
    (hub_module_fns.cond_gradient, [4.5, 3.0, 9.0]),
    # 40 (40 x) = 800; 2 · 40 · 34 x = 1360; 1600.
    (hub_module_fns.while_gradient, [800.0, 1360.0, 1600.0]),
  ],
)
@pytest.mark.parametrize("instantiate_inside", [False, True])
def test_a_module_in_a_v1_while_loop(
  module_fn, expected, instantiate_inside, tmp_path, graph, v1_control_flow
):
  path = hub_module_fns.export(module_fn, tmp_path / "module")
  modules = []
  if not instantiate_inside:
    modules.append(hub.Module(path, trainable=True))

  def body(i, x):
    if instantiate_inside:
      modules.append(hub.Module(path, trainable=True))
    return i + 1, modules[-1](x)

  x = tf.constant(0.5)
  _, y = tf1.while_loop(lambda i, x: i < 2, body, [0, x])
  gradients = tf1.gradients(y, [modules[0].variable_map["w"], x])
  assert len(modules) == 1
  assert run([y, *gradients]) == expected
  for variable in modules[0].variables:
    assert variable.initializer._get_control_flow_context() is None


def test_a_module_in_a_v1_cond(tmp_path, graph, v1_control_flow):
  module = hub.Module(
    hub_module_fns.export(hub_module_fns.while_gradient, tmp_path / "module"),
    trainable=True,
  )
  p = tf1.placeholder(tf.bool, [])
  x = tf.constant(0.5)
  y = tf1.cond(p, lambda: module(x), lambda: x)
  fetches = [y, *tf1.gradients(y, [module.variable_map["w"], x])]
  assert run(fetches, {p: True}) == [20.0, 17.0, 40.0]
  assert run(fetches, {p: False}) == [0.5, 0.0, 1.0]


def test_inputs_that_are_outputs_and_unused_ones_in_a_v1_loop(
  graph, v1_control_flow
):
  module = hub.Module(
    hub.create_module_spec(hub_module_fns.multiple_signatures)
  )
  x = tf.constant([1.0])
  passed = []

  def body(i, y):
    outputs = module({"x": x, "y": y}, signature="sum", as_dict=True)
    passed.append(outputs["x"])
    return i + 1, outputs["default"] + outputs["x"]

  _, y = tf1.while_loop(lambda i, y: i < 2, body, [0, tf.constant([0.0])])
  assert run(y).tolist() == [4.0]  # Twice y + x + x.
  assert [tensor.op.type for tensor in passed] == ["Enter"]  # Of the loop.


def test_ref_variables_in_a_v1_while_loop(tmp_path, graph, v1_control_flow):
  def module_fn():
    x = hub_module_fns.placeholder([])
    w = tf1.Variable(3.0, use_resource=False, name="w")
    _, y = tf1.while_loop(
      lambda i, y: i < 3, lambda i, y: (i + 1, y * w + x), [0, x]
    )
    hub.add_signature(inputs=x, outputs=y)

  assert _apply(module_fn, tmp_path, [2.0, -2.0]) == WHILE


@pytest.mark.parametrize(
  ("module_fn", "signature", "expected"),
  [
    # 3 (3 x) = 9 x; 2 · 3 (1 + 2); 9 for each.
    (hub_module_fns.scale_ref, None, [[9.0, 18.0], 18.0, [9.0, 9.0]]),
    (hub_module_fns.multiple_signatures, None, [[9.0, 18.0], 18.0, [9.0, 9.0]]),
    (
      hub_module_fns.multiple_signatures,
      "sparse",
      [[9.0, 18.0, 0.0], 18.0, [9.0, 9.0, 0.0]],
    ),
    (
      hub_module_fns.multiple_signatures,
      "ragged",
      [[9.0, 18.0, 0.0], 18.0, [9.0, 9.0, 9.0]],
    ),
  ],
)
def test_modules_of_all_kinds_in_a_v1_while_loop(
  module_fn, signature, expected, tmp_path, graph, v1_control_flow
):
  path = hub_module_fns.export(module_fn, tmp_path / "module")
  module = hub.Module(path, trainable=True)

  def apply(x):
    if signature == "sparse":
      y = module(tf.sparse.from_dense([x]), signature="sparse", as_dict=True)[
        "dense"
      ]
      return tf.reshape(y, [3])
    if signature == "ragged":
      y = module(tf.RaggedTensor.from_tensor([x]), signature="ragged")
      return y.to_tensor(shape=[1, 3])[0]
    return module(x)

  x = tf.constant([1.0, 2.0, 0.0] if signature else [1.0, 2.0])
  _, y = tf1.while_loop(
    lambda i, x: i < 2, lambda i, x: (i + 1, apply(x)), [0, x]
  )
  gradients = tf1.gradients(y, [*module.variables, x])
  assert [v.tolist() for v in run([y, *gradients])] == expected


def test_a_module_with_loops_can_be_exported_again(
  tmp_path, graph, v1_control_flow
):
  path = hub_module_fns.export(
    hub_module_fns.nested_control_flow, tmp_path / "first"
  )

  def module_fn():
    inner = hub.Module(path, trainable=True)
    x = hub_module_fns.placeholder([])
    hub.add_signature(inputs=x, outputs=inner(x))

  second = hub_module_fns.export(module_fn, tmp_path / "second")
  module = hub.Module(second, trainable=True)
  x = tf.constant(2.0)
  y = module(x)
  gradients = tf1.gradients(y, [module.variable_map["module/w"], x])
  assert run([y, *gradients]) == NESTED[0]


_PROGRAM = """
import sys
import tensorflow.compat.v1 as tf1
tf1.disable_v2_behavior()
import hub_module_fns
from hub_estimator import hub
from hub_estimator.tf_compat import tf

for name, value, expected in [
  ("cond_gradient", -2.0, [13.0, 4.0, -12.0]),
  ("while_gradient", 2.0, [80.0, 68.0, 40.0]),
  ("nested_control_flow", 1.0, [31.0, 49.0, 31.0]),
  ("scale_ref", [2.0], [[6.0], 2.0, [3.0]]),
]:
  path = hub_module_fns.export(
    getattr(hub_module_fns, name), sys.argv[1] + "/" + name
  )
  for source in (path, sys.argv[2] + "/" + name):
    with tf.Graph().as_default():
      module = hub.Module(source, trainable=True)
      x = tf.constant(value)
      y = module(x)
      fetches = [y, *tf1.gradients(y, [module.variable_map["w"], x])]
      got = [v.tolist() for v in hub_module_fns.run(fetches)]
      kind = "VariableV2" if name == "scale_ref" else "VarHandleOp"
      assert module.variable_map["w"].op.type == kind, (name, source)
      assert got == expected, (name, source, got)
print("all is well")
"""


def test_after_disable_v2_behavior(tmp_path, v2_control_flow):
  # Modules of both kinds of control flow, in a process without TensorFlow 2.
  for name in (
    "cond_gradient",
    "while_gradient",
    "nested_control_flow",
    "scale_ref",
  ):
    hub_module_fns.export(getattr(hub_module_fns, name), tmp_path / "v2" / name)
  here = pathlib.Path(__file__).parent
  paths = [str(here), str(here.parents[1]), os.environ.get("PYTHONPATH", "")]
  result = subprocess.run(
    [
      sys.executable,
      "-c",
      _PROGRAM,
      str(tmp_path / "v1"),
      str(tmp_path / "v2"),
    ],
    env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    capture_output=True,
    text=True,
  )
  assert "all is well" in result.stdout, result.stderr[-4000:]


def _scan_and_map():
  x = hub_module_fns.placeholder()
  w = tf1.get_variable("w", initializer=2.0)
  hub.add_signature(
    inputs=x,
    outputs={
      "scan": tf.scan(lambda total, x: total * w + x, x),
      "map": tf.map_fn(lambda x: x * w, x),
    },
  )


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_scan_and_map(version, tmp_path, graph, request):
  request.getfixturevalue(f"{version}_control_flow")
  path = hub_module_fns.export(_scan_and_map, tmp_path / "module")
  module = hub.Module(path, trainable=True)
  x = tf.constant([1.0, 2.0, 3.0])
  w = module.variable_map["w"]
  scan, mapped = module(x, as_dict=True), module(x, as_dict=True)
  fetches = [
    scan["scan"],
    mapped["map"],
    *tf1.gradients(scan["scan"], [w, x]),
    *tf1.gradients(mapped["map"], w),
  ]
  # 1, 1 w + 2, (w + 2) w + 3: the derivatives to w are 0 + 1 + (2 w + 2), to x
  # 1 + w + w², 1 + w, 1; and those of x w to w are 1 + 2 + 3.
  assert [value.tolist() for value in run(fetches)] == [
    [1.0, 4.0, 11.0],
    [2.0, 4.0, 6.0],
    7.0,
    [7.0, 3.0, 1.0],
    6.0,
  ]


def test_a_v1_while_loop_with_maximum_iterations(
  tmp_path, graph, v1_control_flow
):
  def module_fn():
    x = hub_module_fns.placeholder([])
    w = tf1.get_variable("w", initializer=2.0)
    n = tf1.get_variable("n", initializer=3, trainable=False)
    y = tf1.while_loop(
      lambda y: y < 1e9, lambda y: y * w, [x], maximum_iterations=n
    )
    hub.add_signature(inputs=x, outputs=y)

  # x w³ = 8, 3 x w² = 12, w³ = 8.
  assert _apply(module_fn, tmp_path, [1.0]) == [[8.0, 12.0, 8.0]]


def test_a_fed_predicate_of_a_v1_cond_in_a_v1_loop(
  tmp_path, graph, v1_control_flow
):
  def module_fn():
    x = hub_module_fns.placeholder([])
    p = hub_module_fns.placeholder([], tf.bool, "p")
    w = tf1.get_variable("w", initializer=2.0)
    y = tf1.cond(p, lambda: x * w, lambda: x + w)
    hub.add_signature(inputs={"x": x, "p": p}, outputs=y)

  path = hub_module_fns.export(module_fn, tmp_path / "module")
  module = hub.Module(path, trainable=True)
  _, y = tf1.while_loop(
    lambda i, y: i < 4,
    lambda i, y: (i + 1, module({"x": y, "p": tf.equal(i % 2, 0)})),
    [0, tf.constant(1.0)],
  )
  (gradient,) = tf1.gradients(y, module.variable_map["w"])
  # ((1 w) + w) w + w = 2 w² + w = 10, 4 w + 1 = 9.
  assert run([y, gradient]) == [10.0, 9.0]


def test_an_update_op_in_a_v1_cond(tmp_path, graph, v1_control_flow):
  def module_fn():
    x = hub_module_fns.placeholder([])
    w = tf1.get_variable("w", initializer=2.0, trainable=False)
    update = tf1.cond(x > 0, lambda: w.assign_add(x), lambda: w.read_value())
    tf1.add_to_collection("update_ops", update.op)
    hub.add_signature(inputs=x, outputs=x * w)

  path = hub_module_fns.export(module_fn, tmp_path / "module")
  module = hub.Module(path, trainable=True)
  module(3.0)
  module(-1.0)
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    session.run(graph.get_collection("update_ops"))
    assert session.run(module.variable_map["w"]) == 5.0


def test_a_context_knows_what_it_takes_from_outside(graph, v1_control_flow):
  def module_fn():
    x = tf1.placeholder(tf.float32, [], name="x")
    y = tf.identity(x, name="y")
    doubled = tf1.cond(y > 0.0, lambda: y * 2.0, lambda: -y, name="branch")
    hub.add_signature(inputs=x, outputs=doubled)

  hub.Module(hub.create_module_spec(module_fn))(1.0)
  contexts = graph.get_collection(tf1.GraphKeys.COND_CONTEXT)
  taken = [
    dict(context.to_proto().values_def.external_values) for context in contexts
  ]
  scope = "module_apply_default"
  assert len(taken) == 2
  for values in taken:
    (inner,) = [v for k, v in values.items() if k == f"{scope}/y:0"]
    assert inner.startswith(f"{scope}/branch/")
    assert graph.get_tensor_by_name(inner).op.type == "Switch"
