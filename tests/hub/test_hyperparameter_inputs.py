"""Scalar inputs with defaults: a module's critical hyperparameters."""

import pathlib
import subprocess
import sys

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
run = hub_module_fns.run


def tunable(is_training=False):
  """Dropout and a moving mean, both with a hyperparameter to set.

  "default": x -> y. "tunable": also dropout_rate (0.5 if left out) and momentum
  (0.75 if left out). y is x w, w = 1, after dropout if training, plus the
  moving mean (0 at first), which training moves to the mean of x.
  """
  x = hub_module_fns.placeholder()
  rate = hub.hyperparameter_input("rate", 0.5)
  momentum = hub.hyperparameter_input("momentum", 0.75)
  w = tf1.get_variable("w", initializer=1.0)
  moving_mean = tf1.get_variable(
    "moving_mean", initializer=0.0, trainable=False
  )
  y = x * w + moving_mean
  if is_training:
    delta = (moving_mean - tf.reduce_mean(x)) * (1.0 - momentum)
    tf1.add_to_collection("update_ops", moving_mean.assign_sub(delta).op)
    y = tf.nn.dropout(x * w, rate=rate)
  hub.add_signature("default", {"x": x}, {"default": y})
  hub.add_signature(
    "tunable",
    {"x": x, "dropout_rate": rate, "momentum": momentum},
    {"default": y},
  )


TAGS = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]


@pytest.fixture(params=["created", "loaded"])
def spec(request, tmp_path):
  if request.param == "created":
    return hub.create_module_spec(tunable, TAGS)
  return hub.load_module_spec(
    hub_module_fns.export(tunable, tmp_path / "module", tags_and_args=TAGS)
  )


def dropped(values):
  return np.mean(np.asarray(values) == 0)


def test_a_call_may_leave_hyperparameters_out(spec, graph):
  tf1.set_random_seed(1)
  module = hub.Module(spec, tags={"train"})
  x = np.ones([4000], np.float32)
  outputs = [
    module(x),
    module(x, signature="tunable"),
    module({"x": x}, signature="tunable"),
    module({"x": x, "momentum": 0.1}, signature="tunable"),
    module({"x": x, "dropout_rate": 0.125}, signature="tunable"),
    module({"x": x, "dropout_rate": 0.0}, signature="tunable"),
  ]
  values = run(outputs)
  for value in values[:4]:
    assert dropped(value) == pytest.approx(0.5, abs=0.05)
    assert set(value) == {0.0, 2.0}  # Kept ones by 1 / (1 - rate).
  assert dropped(values[4]) == pytest.approx(0.125, abs=0.03)
  assert dropped(values[5]) == 0.0


@pytest.mark.parametrize(
  ("inputs", "expected"), [({}, 2.0), ({"momentum": 0.0}, 8.0)]
)
def test_an_update_op_takes_the_momentum(spec, graph, inputs, expected):
  module = hub.Module(spec, trainable=True, tags={"train"})
  module({"x": [8.0], **inputs}, signature="tunable")
  (update,) = graph.get_collection("update_ops")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    session.run(update)
    moved = session.run(module.variable_map["moving_mean"])
  # 0 · 0.75 + 8 · 0.25; with a momentum of 0 all the way.
  assert moved == expected


def test_a_tensor_can_set_it(spec, graph):
  module = hub.Module(spec, tags={"train"})
  rate = tf1.placeholder(tf.float32, [])
  output = module(
    {"x": np.ones([4000]), "dropout_rate": rate}, signature="tunable"
  )
  for value in (0.25, 0.75):
    assert dropped(run(output, {rate: value})) == pytest.approx(value, abs=0.05)


def test_evaluation_has_the_same_inputs_and_ignores_the_rate(spec, graph):
  module = hub.Module(spec)
  assert set(module.get_input_info_dict("tunable")) == {
    "x",
    "dropout_rate",
    "momentum",
  }
  outputs = [
    module({"x": [1.0, 2.0], "dropout_rate": 0.9}, signature="tunable"),
    module([1.0, 2.0], signature="tunable"),
  ]
  assert [value.tolist() for value in run(outputs)] == [[1.0, 2.0]] * 2


def test_only_what_a_call_needs_is_imported(spec, graph):
  module = hub.Module(spec)
  module([1.0], signature="tunable")
  types = hub_module_fns.op_types(graph, "module_apply_tunable")
  assert "PlaceholderWithDefault" not in types.values()
  module = hub.Module(spec, name="training", tags={"train"})
  module({"x": [1.0], "dropout_rate": 0.1}, signature="tunable")
  types = hub_module_fns.op_types(graph, "training_apply_tunable")
  assert "PlaceholderWithDefault" not in types.values()
  module([1.0])
  types = hub_module_fns.op_types(graph, "training_apply_default")
  assert list(types.values()).count("PlaceholderWithDefault") == 1


def test_an_output_that_is_the_default(graph):
  def module_fn():
    rate = hub.hyperparameter_input("rate", 0.5)
    x = hub_module_fns.placeholder()
    hub.add_signature(inputs={"x": x, "rate": rate}, outputs={"rate": rate})

  module = hub.Module(hub.create_module_spec(module_fn))
  default = module([1.0], as_dict=True)["rate"]
  given = module({"x": [1.0], "rate": 0.25}, as_dict=True)["rate"]
  assert run([default, given]) == [0.5, 0.25]


# Required inputs raise what they always raised.


def two_required():
  x, y = hub_module_fns.placeholder(), hub_module_fns.placeholder(name="y")
  scale = hub.hyperparameter_input("scale", 2.0)
  hub.add_signature("two", {"x": x, "y": y, "scale": scale}, (x + y) * scale)
  offset = hub.hyperparameter_input("offset", 1.0)
  hub.add_signature("one", scale, scale * 3.0)
  hub.add_signature("both", {"a": scale, "b": offset}, scale + offset)
  hub.add_signature("none", outputs=scale)
  # Not scalars, hence not hyperparameters: upstream's rules.
  vector = tf1.placeholder_with_default([1.0, 2.0], [2], name="vector")
  any_shape = tf1.placeholder_with_default(1.0, None, name="any_shape")
  hub.add_signature("vector", vector, vector)
  hub.add_signature("any_shape", any_shape, any_shape)


@pytest.fixture
def module(graph):
  return hub.Module(hub.create_module_spec(two_required))


@pytest.mark.parametrize(
  ("signature", "inputs", "message"),
  [
    (
      "two",
      [1.0],
      r"Signature expects multiple inputs. Use a dict. Its inputs are: "
      r"\['scale', 'x', 'y'\], of which \['scale'\] may be left out.",
    ),
    ("two", None, r"Signature expects multiple inputs. Use a dict."),
    (
      "two",
      {"y": [1.0]},
      r"Cannot convert dict_inputs: missing \['x'\], extra given \[\]. The "
      r"signature's inputs are: \['scale', 'x', 'y'\], of which \['scale'\] "
      r"may be left out.",
    ),
    (
      "two",
      {"x": [1.0], "y": [1.0], "scal": 3.0},
      r"Cannot convert dict_inputs: missing \[\], extra given \['scal'\].",
    ),
    ("two", {"x": [1.0], "y": [1.0], "scale": [3.0]}, "Can't convert 'scale'"),
    ("both", 1.0, r"Signature expects multiple inputs. Use a dict."),
    ("none", 1.0, r"Signature expects no inputs."),
    ("vector", None, r"missing \['default'\]"),
    ("any_shape", None, r"missing \['default'\]"),
  ],
)
def test_errors(module, signature, inputs, message):
  with pytest.raises(TypeError, match=message):
    module(inputs, signature=signature)


@pytest.mark.parametrize(
  ("signature", "inputs", "expected"),
  [
    ("two", {"x": [1.0], "y": [3.0]}, [8.0]),
    ("two", {"x": [1.0], "y": [3.0], "scale": 0.5}, [2.0]),
    # A single input takes a single value, also if it has a default.
    ("one", 5.0, 15.0),
    ("one", None, 6.0),
    ("one", {}, 6.0),
    ("both", None, 3.0),
    ("both", {"b": 4.0}, 6.0),
    ("none", None, 2.0),
    ("vector", [3.0, 4.0], [3.0, 4.0]),
  ],
)
def test_values(module, signature, inputs, expected):
  assert run(module(inputs, signature=signature)).tolist() == expected


def test_eval_function():
  spec = hub.create_module_spec(two_required)
  with hub.eval_function_for_module(spec) as evaluate:
    given = {"x": [1.0], "y": [3.0]}
    assert evaluate(given, signature="two").tolist() == [8.0]
    assert evaluate({**given, "scale": 0.5}, signature="two").tolist() == [2.0]
    assert evaluate(signature="both") == 3.0
    with pytest.raises(TypeError, match="missing"):
      evaluate({"x": [1.0]}, signature="two")


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      ("rate", "0.5"),
      "hyperparameter_input\\('rate'\\): default is '0.5' of "
      "str, and it has to be a number.",
    ),
    (("rate", None), "default is None of NoneType"),
    (("rate", True), "default is True of bool"),
    (
      ("rate", 0.5, tf.int32),
      "dtype is int32, and a hyperparameter is of a "
      "float type, such as tf.float32.",
    ),
  ],
)
def test_mistakes_of_a_declaration(graph, arguments, message):
  with pytest.raises(TypeError, match=message):
    hub.hyperparameter_input(*arguments)


def test_dtypes(graph):
  half = hub.hyperparameter_input("half", np.float32(0.25), tf.float16)
  assert (half.dtype, half.shape, half.op.name) == (tf.float16, [], "half")
  assert run(half) == 0.25


UPSTREAM = """
import sys
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

tf1 = tf.compat.v1
with tf.Graph().as_default():
  module = hub.Module(sys.argv[1], trainable=True, tags={"train"})
  x = np.ones([4000], np.float32)
  try:
    module({"x": x}, signature="tunable")
  except TypeError as error:
    print("refused:", error)
  outputs = [
    module(x),
    module(
      {"x": x, "dropout_rate": 0.125, "momentum": 0.5}, signature="tunable"
    ),
  ]
  updates = tf1.get_collection("update_ops")
  with tf1.Session() as session:
    session.run(tf1.global_variables_initializer())
    for output in session.run(outputs):
      print("dropped", np.mean(output == 0))
    for update in updates:
      session.run(tf1.global_variables_initializer())
      session.run(update)
      print("moved to", session.run(module.variable_map["moving_mean"]))
"""


def test_tensorflow_hub_uses_the_signature_without_them(tmp_path):
  version = pytest.importorskip("tensorflow_hub").__version__
  if not version.startswith("0.15."):
    pytest.skip(f"tensorflow_hub {version} has no TF1 Hub modules")
  path = hub_module_fns.export(tunable, tmp_path / "m", tags_and_args=TAGS)
  script = tmp_path / "upstream.py"
  script.write_text(UPSTREAM)
  lines = subprocess.run(
    [sys.executable, script, path],
    check=True,
    capture_output=True,
    text=True,
    cwd=pathlib.Path(__file__).parent,
  ).stdout.splitlines()
  assert lines[0].startswith("refused: ")
  assert "dropout_rate" in lines[0]
  rates = [float(line.split()[1]) for line in lines if "dropped" in line]
  assert rates == pytest.approx([0.5, 0.125], abs=0.05)
  # To the mean, 1, by the default momentum of 0.75, then by 0.5.
  moved = [float(line.split()[2]) for line in lines if "moved" in line]
  assert moved == [0.25, 0.5]
