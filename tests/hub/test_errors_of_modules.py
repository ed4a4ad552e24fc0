"""The errors of modules that the contract names (section 4).

One row for each, in the order of the contract. An error says the rule, what
was given and what there is instead, in one line; it is a UserError, which a
command prints and tests elsewhere look at more closely.
"""

from concurrent import futures

import error_rows
import hub_module_fns
import pytest
from error_rows import TAGS, export, spec

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
fns = hub_module_fns

# What rows call with the folder of a test: it raises the error.


def _two_outputs_of_a_state_op():
  tf.raw_ops.AnonymousIteratorV2(output_types=[tf.float32], output_shapes=[[]])
  fns.double()


def _no_default_output():
  x = fns.placeholder()
  hub.add_signature(inputs=x, outputs={"a": x, "b": x})


def _variable_with_tags(name):
  x = fns.placeholder()
  hub.add_signature(
    inputs=x, outputs=x * tf1.get_variable(name, initializer=1.0)
  )


def _call(build_inputs, module_fn=fns.multiple_signatures, **arguments):
  """Returns a row that calls a module."""
  return lambda path: hub.Module(spec(module_fn))(build_inputs(), **arguments)


def _call_elsewhere(path):
  module = hub.Module(spec())
  with tf.Graph().as_default():
    module([1.0])


def _apply_with_half_of_an_op(path):
  def module_fn():
    a, b = tf.split(tf.zeros([2]), 2)
    with tf1.colocate_with(a.op):
      y = tf.identity(b)
    hub.add_signature(inputs={"a": a}, outputs=y)

  hub.Module(spec(module_fn))({"a": [1.0]})


def _name_scope_is_taken(path):
  with tf.name_scope("module"):
    tf.constant(1.0)
  hub.Module(spec())


def _instantiate_eagerly(path):
  module_spec = spec()
  # A new thread has no default graph.
  with futures.ThreadPoolExecutor(1) as executor:
    if not executor.submit(tf.executing_eagerly).result():
      pytest.skip("Eager execution has been disabled in this process.")
    executor.submit(hub.Module, module_spec).result()


def _unregistered_op(path):
  export(path)
  file = path / "m" / "saved_model.pb"
  file.write_bytes(file.read_bytes().replace(b"VarHandleOp", b"VarHandleXx"))
  hub.Module(str(path / "m"))


def _export_from(other_graph, other_session):
  def row(path):
    module = hub.Module(spec())
    own, other = tf1.get_default_graph(), tf.Graph()
    session = tf1.Session(graph=other if other_session else own)
    try:
      with (other if other_graph else own).as_default():
        module.export(str(path / "m"), session)
    finally:
      session.close()

  return row


def _variable_of_another_variant(path):
  handle = export(
    path,
    _variable_with_tags,
    tags_and_args=[(set(), {"name": "w"}), ({"b"}, {"name": "bias"})],
  )
  hub.Module(handle, tags={"b"})


def _evaluate(path):
  with hub.eval_function_for_module(spec(fns.multiple_signatures)) as f:
    f([1.0], signature="nope")


# (id, type, text, what raises it)
_ROWS = [
  (
    "4 no spec",
    ValueError,
    "Unknown module spec type: .*int.*Give a handle or a ModuleSpec",
    lambda path: hub.Module(3),
  ),
  (
    "4 no such variant",
    ValueError,
    r"No such graph variant: tags=\['a', 'b'\]\. .* are: \{\}, \{train\}",
    lambda path: hub.Module(spec(fns.batch_norm, TAGS), tags=["b", "a"]),
  ),
  (
    "4 eager",
    RuntimeError,
    r"cannot be instantiated in eager execution.*tf\.Graph\(\)",
    _instantiate_eagerly,
  ),
  (
    "4 unregistered op",
    tf.errors.NotFoundError,
    r"ops that are not registered here: \['VarHandleXx'\]",
    _unregistered_op,
  ),
  (
    "4 name scope",
    RuntimeError,
    "variable_scope module was unused but the corresponding name_scope was "
    "already taken",
    _name_scope_is_taken,
  ),
  (
    "4 state op",
    ValueError,
    r"\(AnonymousIteratorV2\) holds state and has 2 outputs",
    lambda path: hub.Module(spec(_two_outputs_of_a_state_op)),
  ),
  (
    "4 another graph",
    RuntimeError,
    "Module must be applied in the graph it was instantiated for",
    _call_elsewhere,
  ),
  (
    "4 no inputs",
    TypeError,
    "Signature expects no inputs",
    _call(lambda: [1.0], signature="w"),
  ),
  (
    "4 several inputs",
    TypeError,
    r"expects multiple inputs\. Use a dict\. Its inputs are: \['x', 'y'\]",
    _call(lambda: [1.0], signature="sum"),
  ),
  (
    "4 missing and extra",
    TypeError,
    r"missing \['y'\], extra given \['z'\]\. .* are: \['x', 'y'\]",
    _call(lambda: {"x": [1.0], "z": [2.0]}, signature="sum"),
  ),
  (
    "4 shape",
    TypeError,
    r"Can't convert 'default': Got Tensor of float32 with shape \(1, 1\)\. "
    r"Expected Tensor of float32 with shape \(None,\)",
    _call(lambda: [[1.0]]),
  ),
  (
    "4 kind",
    TypeError,
    "Can't convert 'default': Got SparseTensor. Expected Tensor",
    _call(lambda: tf.sparse.from_dense([1.0])),
  ),
  (
    "4 dtype",
    ValueError,
    r"Can't convert 'default': Got a Tensor of int32\. Expected Tensor of "
    "float32",
    _call(lambda: tf.constant([1])),
  ),
  (
    "4 unsupported type of an argument",
    ValueError,
    "Passed argument of type IndexedSlices, which is not supported",
    _call(lambda: tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]), [1])),
  ),
  (
    "4 unknown signature",
    ValueError,
    r"Signature 'nope' is missing from meta graph\. .*\['default'\]",
    _call(lambda: [1.0], fns.scale, signature="nope"),
  ),
  (
    "4 colocation",
    ValueError,
    "Failed to rewrite colocation constraints while applying hub.Module: .* is "
    "colocated with split, 1 of whose 2 outputs are fed",
    _apply_with_half_of_an_op,
  ),
  (
    "4 no default output",
    TypeError,
    r"There is no output named 'default'\. Use as_dict=True\. .*\['a', 'b'\]",
    _call(lambda: [1.0], _no_default_output),
  ),
  (
    "4 export from another graph",
    RuntimeError,
    "exported with its own graph",
    _export_from(other_graph=True, other_session=False),
  ),
  (
    "4 export with another session",
    RuntimeError,
    "with a session of the graph",
    _export_from(other_graph=False, other_session=True),
  ),
  (
    "4 a variable that was not exported",
    ValueError,
    r"Tensor bias is not found in .* checkpoint.*\['b'\] needs it.*holds: w",
    _variable_of_another_variant,
  ),
  ("4 evaluated signature", KeyError, r"nope.*\['default', ", _evaluate),
]


@pytest.mark.parametrize(
  ("error", "text", "row"),
  [row[1:] for row in _ROWS],
  ids=[row[0] for row in _ROWS],
)
def test_errors(error, text, row, tmp_path, graph):
  error_rows.check_error(error, text, row, tmp_path)
