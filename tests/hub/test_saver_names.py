"""Where a Saver reads the variables of a module."""

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import hub
from hub_estimator.hub.module_exporters.saver_names import (
  UnknownNamesError,
  read_saver_names,
)
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def _module(module_fn, name="encoder"):
  return hub.Module(hub.create_module_spec(module_fn), name=name)


def _names(saver, module):
  return read_saver_names(saver, module.graph, "model").names_of_module(module)


@pytest.mark.parametrize(
  "module_fn", [hub_module_fns.scale, hub_module_fns.scale_ref]
)
def test_names_of_variables(graph, module_fn):
  module = _module(module_fn)
  assert _names(None, module) == {"w": "encoder/w"}
  assert _names(tf1.train.Saver(), module) == {"w": "encoder/w"}
  saver = tf1.train.Saver({"other": module.variable_map["w"]})
  assert _names(saver, module) == {"w": "other"}


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("defer_build", [False, True])
def test_savers_of_all_kinds(graph, sharded, defer_build):
  module = _module(hub_module_fns.regularized)
  with tf.device("/gpu:0"):
    tf1.get_variable("elsewhere", initializer=1.0)
  saver = tf1.train.Saver(sharded=sharded, defer_build=defer_build)
  assert _names(saver, module) == {"a": "encoder/a", "b": "encoder/b"}


@pytest.mark.parametrize("axis", [0, 1])
def test_parts(graph, axis):
  module = _module(hub_module_fns.partitioned(axis))
  assert _names(None, module) == {"w": "encoder/w"}
  assert _names(tf1.train.Saver(), module) == {"w": "encoder/w"}


def test_parts_from_tensors_of_their_own(graph):
  module = _module(hub_module_fns.partitioned(0))
  for part in module.variable_map["w"]:
    part._set_save_slice_info(None)
  saver = tf1.train.Saver(
    {f"p{i}": part for i, part in enumerate(module.variable_map["w"])}
  )
  with pytest.raises(
    UnknownNamesError,
    match="it restores the parts of w from tensors of their own: p0, p1",
  ):
    _names(saver, module)


def test_a_variable_that_is_not_restored(graph):
  module = _module(hub_module_fns.scale)
  other = tf1.get_variable("other", initializer=1.0)
  with pytest.raises(UnknownNamesError, match="it does not restore encoder/w"):
    _names(tf1.train.Saver([other]), module)


def test_another_slice(graph):
  module = _module(hub_module_fns.partitioned(0))
  saver = tf1.train.Saver()
  for part in module.variable_map["w"]:
    part._set_save_slice_info(None)
  with pytest.raises(
    UnknownNamesError,
    match="it restores encoder/w/part_0 from 'encoder/w' by another slice, "
    "'2 4 0,1:0,4'",
  ):
    _names(saver, module)


def test_a_saver_that_computes(graph):
  """Its values are reshaped, and so need not be the checkpoint's bytes."""
  module = _module(hub_module_fns.scale)
  with pytest.raises(
    UnknownNamesError, match=r"it computes what it restores \(.*Reshape"
  ):
    _names(tf1.train.Saver(reshape=True), module)


class _Saver(tf1.train.Saver):
  def restore(self, sess, save_path):
    pass


def test_a_restore_of_its_own(graph):
  module = _module(hub_module_fns.scale)
  with pytest.raises(
    UnknownNamesError,
    match=r"_Saver.restore is its own, and it has no names_in_checkpoint\(\)",
  ):
    _names(_Saver(), module)


class _SayingSaver(_Saver):
  def names_in_checkpoint(self, save_path):
    return {"encoder/w": f"{save_path}/w", "not in the graph": "x"}


def test_a_restore_of_its_own_that_says_its_names(graph):
  module = _module(hub_module_fns.scale)
  assert _names(_SayingSaver(), module) == {"w": "model/w"}


def test_copies_of_renamed_parts(graph, tmp_path):
  """Rows, renamed: the bytes of both slices, one after the other."""
  module = _module(hub_module_fns.partitioned(0))
  parts = module.variable_map["w"]
  for part in parts:
    part._get_save_slice_info().full_name = "renamed"
  saver = tf1.train.Saver()
  with tf1.Session() as session:
    session.run(tf1.global_variables_initializer())
    checkpoint = saver.save(session, str(tmp_path / "model"))
  names = _names(saver, module)
  assert names == {"w": "renamed"}
  path = str(tmp_path / "module")
  assert module.export_from_checkpoint(path, checkpoint, names) == {}
  np.testing.assert_array_equal(
    tf.train.load_variable(f"{path}/variables/variables", "w"),
    [[0, 1, 2, 3], [4, 5, 6, 7]],
  )
