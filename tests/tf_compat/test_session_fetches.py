"""Kept fetches give the results that fetches give."""

import pytest
from tensorflow.python.client import session as session_lib

from hub_estimator.tf_compat import tf
from hub_estimator.tf_compat.session_fetches import kept_fetches

v1 = tf.compat.v1


@pytest.fixture
def handlers(monkeypatch):
  """The fetches that TensorFlow worked out, in order."""
  worked_out = []
  original = session_lib._FetchHandler

  def create(graph, fetches, *arguments, **options):
    worked_out.append(fetches)
    return original(graph, fetches, *arguments, **options)

  monkeypatch.setattr(session_lib, "_FetchHandler", create)
  return worked_out


def test_the_same_fetches_are_worked_out_once(handlers):
  with tf.Graph().as_default(), v1.Session() as session:
    counter = v1.get_variable("c", initializer=0, use_resource=True)
    session.run(v1.global_variables_initializer())
    step, ten = tf.identity(v1.assign_add(counter, 1)), tf.constant(10)
    handlers.clear()
    with kept_fetches():
      for expected in (1, 2, 3):
        # New containers of the same tensors, as hooks make them.
        result = session.run({"caller": [step.op, step], "hook": (ten, ten)})
        assert result == {"caller": [None, expected], "hook": (10, 10)}
      assert len(handlers) == 1
      assert session.run(ten) == 10
      assert session.run([ten, step]) == [10, 4]
      assert session.run({"other": ten}) == {"other": 10}
      assert session.run((ten,)) == (10,)
      assert len(handlers) == 5
    handlers.clear()
    for _ in range(2):
      assert session.run(ten) == 10
    assert len(handlers) == 2


def test_fed_and_other_fetches_are_worked_out_as_ever(handlers):
  with tf.Graph().as_default(), v1.Session() as session:
    x = v1.placeholder(tf.float32, [], name="x")
    y = x * 2.0
    sparse = tf.SparseTensor([[0]], [1.0], [2])
    with kept_fetches():
      for value in (1.0, 2.0):
        assert session.run(y, {x: value}) == 2.0 * value
        assert session.run("mul:0", {"x:0": value}) == 2.0 * value
        assert session.run({"s": sparse})["s"].values.tolist() == [1.0]
      assert len(handlers) == 6


def test_graphs_are_told_apart():
  with kept_fetches():
    for expected in (1, 2):
      with tf.Graph().as_default(), v1.Session() as session:
        assert session.run([tf.constant(expected)]) == [expected]


def test_an_error_ends_it():
  original = session_lib._FetchHandler
  with pytest.raises(KeyError), kept_fetches():
    raise KeyError
  assert session_lib._FetchHandler is original
