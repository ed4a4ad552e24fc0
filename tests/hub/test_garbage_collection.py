"""Collections of cyclic garbage while graphs are made."""

import gc
import threading
import weakref

import pytest

from hub_estimator import hub
from hub_estimator.hub import garbage_collection
from hub_estimator.tf_compat import tf


class _Cycle:
  def __init__(self):
    self.itself = self


@pytest.fixture
def deferred():
  gc.enable()
  yield garbage_collection.CollectionDeferral()
  gc.enable()


def test_collections_are_off_inside_and_on_again_after_an_error(deferred):
  with pytest.raises(ValueError, match="inside"):
    with deferred():
      with deferred():
        assert not gc.isenabled()
      assert not gc.isenabled()
      raise ValueError("inside")
  assert gc.isenabled()


def test_a_program_that_has_switched_them_off_finds_them_off(deferred):
  gc.disable()
  with deferred():
    assert not gc.isenabled()
  assert not gc.isenabled()


def test_the_last_of_several_threads_switches_them_on(deferred):
  entered, leave = threading.Event(), threading.Event()

  def stay():
    with deferred():
      entered.set()
      leave.wait(60)

  thread = threading.Thread(target=stay)
  with deferred():
    thread.start()
    assert entered.wait(60)
  assert not gc.isenabled()
  leave.set()
  thread.join()
  assert gc.isenabled()


def test_garbage_is_found_when_the_objects_have_doubled(deferred):
  garbage = _Cycle()
  gone = weakref.ref(garbage)
  gc.collect()  # It is old now: only a full collection finds it.
  with deferred():
    pass  # Learns how many objects there are.
  num_objects = len(gc.get_objects())
  del garbage
  with deferred():
    few = [[] for _ in range(num_objects // 2)]
  assert gone() is not None
  with deferred():
    many = [[] for _ in range(num_objects // 2 + 10_000)]
  assert gone() is None
  assert len(few) + len(many) > num_objects


def test_graphs_that_are_dropped_are_collected():
  def module_fn():
    x = tf.compat.v1.placeholder(tf.float32, [None])
    hub.add_signature(inputs=x, outputs=x + 1.0)

  spec = hub.create_module_spec(module_fn)
  with tf.Graph().as_default() as graph:
    module = hub.Module(spec)
    module([1.0])
  assert gc.isenabled()
  gone = weakref.ref(graph)
  del graph, module
  gc.collect()
  assert gone() is None
