"""Contract section 4: eval_function_for_module."""

import re

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def several_kinds():
  """Signatures with dense, sparse and ragged values, one input, two, none."""
  x = tf1.placeholder(tf.float32, [None, 2])
  w = tf1.get_variable("w", initializer=[2.0, 3.0])
  hub.add_signature(inputs=x, outputs=x * w)
  a = tf1.placeholder(tf.int64, [])
  s = tf1.sparse_placeholder(tf.float32, [None, 3])
  hub.add_signature(
    "two",
    inputs={"a": a, "s": s},
    outputs={"sum": tf.sparse.reduce_sum(s), "same": s, "a": a},
  )
  hub.add_signature("none", outputs=w.value())
  r = tf1.ragged.placeholder(tf.float32, 1)
  hub.add_signature("ragged", inputs=r, outputs={"default": r, "n": r.nrows()})
  t = tf1.placeholder(tf.string, [None])
  hub.add_signature("text", inputs=t, outputs=tf.strings.length(t))
  with tf.name_scope("colon"):
    hub.add_signature("a:b", inputs=x, outputs=-x)


@pytest.fixture(scope="module")
def evaluate():
  spec = hub.create_module_spec(several_kinds)
  with hub.eval_function_for_module(spec) as function:
    yield function


def test_takes_and_returns_values(evaluate):
  result = evaluate([[1, 2]])
  assert isinstance(result, np.ndarray)
  np.testing.assert_array_equal(result, [[2.0, 6.0]])
  np.testing.assert_array_equal(
    evaluate({"default": np.ones([2, 2], np.float64)}), [[2, 3], [2, 3]]
  )
  np.testing.assert_array_equal(evaluate(signature="none"), [2.0, 3.0])


def test_as_dict_gives_all_outputs(evaluate):
  sparse = tf1.SparseTensorValue([[0, 1]], [5.0], [1, 3])
  outputs = evaluate({"a": 7, "s": sparse}, signature="two", as_dict=True)
  assert set(outputs) == {"sum", "same", "a"}
  assert (outputs["sum"], outputs["a"]) == (5.0, 7)
  assert outputs["same"].indices.tolist() == [[0, 1]]


def test_ragged_values_and_strings(evaluate):
  value = tf1.ragged.constant_value([[1.0], [2.0, 3.0]], dtype=np.float32)
  assert evaluate(value, signature="ragged").to_list() == [[1.0], [2.0, 3.0]]
  assert evaluate(["a", b"bcd"], signature="text").tolist() == [1, 3]


def test_a_signature_whose_name_is_no_scope_works(evaluate):
  # tensorflow_hub gives each signature a variable scope of its name.
  assert evaluate([[1.0, 2.0]], signature="a:b").tolist() == [[-1.0, -2.0]]


@pytest.mark.parametrize(
  "arguments, keywords, error, message",
  [
    ([], {"signature": "x"}, KeyError, "'x'.*'default', 'none'"),
    ([], {}, TypeError, r"missing \['default'\]"),
    ([{"y": 1}], {}, TypeError, r"extra given \['y'\]"),
    ([1], {"signature": "two"}, TypeError, "multiple inputs. Use a dict"),
    ([1], {"signature": "none"}, TypeError, "expects no inputs"),
    ([[[1, 2]], "two"], {}, TypeError, "'two' as a second one"),
    ([[1, 2, 3]], {}, ValueError, r"shape \(3,\).*shape \(None, 2\)"),
    (["abc"], {}, ValueError, "'default': could not convert.*float32"),
    ([[[1], [1, 2]]], {}, ValueError, "Can't convert 'default'"),
    (
      [tf1.SparseTensorValue([[0, 1]], [5.0], [1, 3])],
      {},
      TypeError,
      "SparseTensorValue. Expected one for a Tensor",
    ),
    (
      [{"a": 7, "s": [[1.0, 2.0, 3.0]]}],
      {"signature": "two", "as_dict": True},
      TypeError,
      "give a SparseTensorValue",
    ),
    (
      [{"a": 7, "s": tf1.SparseTensorValue([[0, 1]], [5.0], [1, 4])}],
      {"signature": "two", "as_dict": True},
      ValueError,
      r"\(1, 4\).*\(None, 3\)",
    ),
    (
      [{"a": 7, "s": tf1.SparseTensorValue([[0, 1]], [5.0], [1, 3])}],
      {"signature": "two"},
      TypeError,
      r"no output named 'default'.*\['a', 'same', 'sum'\]",
    ),
  ],
)
def test_input_errors(evaluate, arguments, keywords, error, message):
  with pytest.raises(error, match=message):
    evaluate(*arguments, **keywords)


def test_a_tensor_of_a_graph_is_refused(evaluate, graph):
  with pytest.raises(TypeError, match="a tensor of a graph"):
    evaluate(tf.zeros([1, 2]))


def test_the_callers_graph_stays_default_and_unchanged(graph):
  spec = hub.create_module_spec(several_kinds)
  with hub.eval_function_for_module(spec) as evaluate:
    assert tf1.get_default_graph() is graph
    evaluate([[1.0, 2.0]])
  assert not graph.get_operations()


def test_works_from_eager_execution(scale_module):
  assert tf.executing_eagerly()
  with hub.eval_function_for_module(scale_module) as evaluate:
    assert evaluate([2.0]).tolist() == [10.0]


def test_tags_and_tables(tmp_path):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  path = hub_module_fns.export(
    hub_module_fns.table(vocabulary),
    tmp_path / "module",
    tags_and_args=[(set(), {}), ({"t"}, {})],
  )
  with hub.eval_function_for_module(path, tags={"t"}) as evaluate:
    assert evaluate(["b", "a"]).tolist() == [1, 0]
  with pytest.raises(ValueError, match=re.escape("tags=['u']")):
    with hub.eval_function_for_module(path, tags={"u"}):
      pass


def test_calling_it_after_the_block_is_an_error(scale_spec):
  with hub.eval_function_for_module(scale_spec) as evaluate:
    pass
  with pytest.raises(RuntimeError, match="after its `with` block had ended"):
    evaluate([1.0])


def test_no_error_of_the_callers_block_is_swallowed(scale_spec):
  with pytest.raises(tf.errors.OutOfRangeError):
    with hub.eval_function_for_module(scale_spec):
      raise tf.errors.OutOfRangeError(None, None, "of the caller")


def test_something_that_is_no_spec_is_refused():
  with pytest.raises(ValueError, match="Unknown module spec type"):
    with hub.eval_function_for_module(3):
      pass
