"""Exports that are loaded and compared with the model before they appear."""

import os

import hub_module_fns
import numpy as np
import pytest
from exported_estimators import Clock

from hub_estimator import errors, estimator, hub
from hub_estimator.hub.module_exporters import module_comparison
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def _input_fn():
  return tf.data.Dataset.from_tensors(({"x": [1.0, 2.0]}, [0.0])).repeat()


def _receiver(x, **receiver_tensors):
  return estimator.export.ServingInputReceiver(
    {"x": x}, receiver_tensors or {"x": x}
  )


def _serving_input_fn():
  return _receiver(hub_module_fns.placeholder(name="serving_x"))


def _trained(tmp_path, module_fn, apply, name="m", scaffold_fn=None):
  """An Estimator after one step, which adds 1 to each trained variable.

  Args:
    tmp_path: where its folder is to be.
    module_fn: of its module.
    apply: (module, x) -> y, of the model.
    name: what the module is exported as.
    scaffold_fn: () -> Scaffold, for PREDICT.
  """
  spec = hub.create_module_spec(module_fn)

  def model_fn(features, labels, mode):
    module = hub.Module(spec, trainable=True, name="encoder")
    hub.register_module_for_export(module, name)
    # So large that a session could not miss that it restores it.
    tf1.get_variable("head", initializer=np.zeros(4, np.float32))
    y = apply(module, features["x"])
    if mode == estimator.ModeKeys.PREDICT:
      scaffold = scaffold_fn() if scaffold_fn else None
      return estimator.EstimatorSpec(mode, predictions=y, scaffold=scaffold)
    step = tf1.train.get_or_create_global_step()
    train_op = tf.group(
      step.assign_add(1),
      *[v.assign(v + 1.0) for v in tf1.trainable_variables()],
    )
    return estimator.EstimatorSpec(
      mode, loss=tf.constant(0.0), train_op=train_op
    )

  result = estimator.Estimator(model_fn, str(tmp_path / "run"))
  result.train(_input_fn, steps=1)
  return result


def _export(trained, batch, serving_input_fn=_serving_input_fn):
  exporter = hub.LatestModuleExporter(
    "verified",
    serving_input_fn,
    clock=Clock(),
    verification_batch_fn=lambda: batch,
  )
  return exporter.export(trained, os.path.join(trained.model_dir, "exports"))


@pytest.fixture
def compared(monkeypatch):
  """What was compared: (signature, inputs, outputs), and "variables"."""
  found = []
  compare_outputs = module_comparison.compare_outputs
  compare_variables = module_comparison.compare_variables

  def outputs(path, tags, calls, what):
    found.extend(calls)
    compare_outputs(path, tags, calls, what)

  def variables(*arguments):
    found.append("variables")
    compare_variables(*arguments)

  monkeypatch.setattr(module_comparison, "compare_outputs", outputs)
  monkeypatch.setattr(module_comparison, "compare_variables", variables)
  return found


@pytest.fixture
def spoiled(monkeypatch):
  """Has modules written with 0.5 more in each variable."""

  def spoil(self, path, checkpoint_path, names=None):
    with tf.Graph().as_default():
      module = hub.Module(self.spec)
      with tf1.Session() as session:
        session.run(tf1.global_variables_initializer())
        for name, variable in module.variable_map.items():
          value = tf.train.load_variable(checkpoint_path, names[name])
          variable.load(value + np.asarray(0.5, value.dtype), session)
        module.export(path, session)
    return {}

  monkeypatch.setattr(hub.Module, "export_from_checkpoint", spoil)


def test_outputs_are_compared_with_those_of_the_model(tmp_path, compared):
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: m(x + 1.0))
  path = _export(trained, {"x": [1.0, 2.0]})
  # w = 4; the module is called with x + 1.
  (call,) = compared
  assert call.signature == "default"
  assert call.inputs["default"][0].tolist() == [2.0, 3.0]
  assert call.outputs["default"][0].tolist() == [8.0, 12.0]
  assert os.path.isdir(os.path.join(path, "m"))


def test_a_module_with_other_values_is_refused(tmp_path, spoiled):
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: m(x))
  with pytest.raises(errors.UserError) as caught:
    _export(trained, {"x": [1.0, 2.0]})
  # 4.5 x instead of 4 x.
  assert str(caught.value) == (
    f"The export of module 'm' from {trained.model_dir}/model.ckpt-1 was "
    "refused, and removed: loaded again, it does not give what the model "
    "gives. output 'default' of signature 'default': largest difference 1, of "
    "values up to 8. verification_batch_fn=None exports without this "
    "comparison."
  )
  assert os.listdir(os.path.join(trained.model_dir, "exports")) == []


def test_the_comparison_can_be_turned_off(tmp_path, spoiled):
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: m(x))
  exporter = hub.LatestModuleExporter("x", _serving_input_fn)
  assert exporter.export(trained, os.path.join(trained.model_dir, "exports"))


def test_a_module_that_is_not_called_has_its_variables_compared(
  tmp_path, compared
):
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: x)
  _export(trained, {"x": [1.0]})
  assert compared == ["variables"]


def test_a_module_that_is_not_called_with_other_values_is_refused(
  tmp_path, spoiled
):
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: x)
  with pytest.raises(
    errors.UserRuntimeError, match="variable 'w': its values differ"
  ):
    _export(trained, {"x": [1.0]})


def test_a_call_within_control_flow_has_its_variables_compared(
  tmp_path, compared, v1_control_flow
):
  trained = _trained(
    tmp_path,
    hub_module_fns.scale,
    lambda m, x: tf1.cond(x[0] > 0, lambda: m(x), lambda: x),
  )
  _export(trained, {"x": [1.0]})
  assert compared == ["variables"]


@pytest.mark.parametrize("kind", ["sparse", "ragged"])
def test_sparse_and_ragged_tensors(tmp_path, compared, kind):
  def apply(module, x):
    rows = tf.stack([x, x, x], axis=1)
    value = (
      tf.sparse.from_dense(rows)
      if kind == "sparse"
      else tf.RaggedTensor.from_tensor(rows)
    )
    module(value, signature=kind, as_dict=True)
    return x

  trained = _trained(tmp_path, hub_module_fns.multiple_signatures, apply)
  _export(trained, {"x": [1.0, 2.0]})
  (call,) = compared
  assert call.signature == kind
  # w = 4; the sparse tensor itself is an output, and the ragged one times w.
  factor = {"sparse": (1.0, 4.0), "ragged": (4.0, 1.0)}[kind]
  flat = call.outputs["default"][1 if kind == "sparse" else 0]
  assert flat.ravel().tolist() == [factor[0]] * 3 + [2 * factor[0]] * 3
  dense = call.outputs["dense"][0].ravel().tolist()
  assert dense == [factor[1]] * 3 + [2 * factor[1]] * 3


def test_several_calls_and_integers(tmp_path, compared):
  def apply(module, x):
    module(tf.cast(x, tf.int64), signature="integers")
    return module({"x": x, "y": x}, signature="sum", as_dict=True)["x"]

  trained = _trained(tmp_path, hub_module_fns.multiple_signatures, apply)
  _export(trained, {"x": [1.0]})
  assert [call.signature for call in compared] == ["integers", "sum"]
  assert compared[0].outputs["default"][0].tolist() == [2]
  assert compared[1].outputs["default"][0].tolist() == [2.0]


def test_outputs_that_differ_from_run_to_run_are_not_compared(
  tmp_path, compared
):
  def noisy():
    x = hub_module_fns.placeholder()
    w = tf1.get_variable("w", initializer=3.0)
    hub.add_signature(
      inputs=x,
      outputs={"default": x * w, "noise": x + tf.random.uniform([1])},
    )

  trained = _trained(tmp_path, noisy, lambda m, x: m(x))
  _export(trained, {"x": [1.0]})
  assert compared[0].outputs["noise"] is None
  assert compared[0].outputs["default"][0].tolist() == [4.0]


def test_tables_and_what_stands_before_the_module(tmp_path, compared):
  """The batch is text; a variable of the model scales what the module gets."""
  words = tmp_path / "words.txt"
  words.write_text("a\nb\n")

  def apply(module, x):
    return module(x * tf1.get_variable("before", initializer=1.0))

  def serving_input_fn():
    text = hub_module_fns.placeholder(dtype=tf.string, name="text")
    table = tf.lookup.StaticHashTable(
      tf.lookup.TextFileInitializer(
        str(words),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
      ),
      -1,
    )
    x = tf.cast(table.lookup(text), tf.float32)
    return _receiver(x, text=text)

  trained = _trained(tmp_path, hub_module_fns.scale, apply)
  _export(trained, {"text": ["b", "a", "c"]}, serving_input_fn)
  # "before" was 1 and is 2, w = 4.
  assert compared[0].inputs["default"][0].tolist() == [2.0, 0.0, -2.0]
  assert compared[0].outputs["default"][0].tolist() == [8.0, 0.0, -8.0]


def test_partitioned_variables(tmp_path, compared):
  def apply(module, x):
    return module(tf.stack([x, x], axis=1))

  trained = _trained(tmp_path, hub_module_fns.partitioned(1), apply)
  _export(trained, {"x": [1.0]})
  # [[0 1 2 3] [4 5 6 7]] and a step: the sum of both rows.
  assert compared[0].outputs["default"][0].tolist() == [[6.0, 8.0, 10.0, 12.0]]


def test_only_what_the_module_needs_is_restored(tmp_path, monkeypatch):
  """The head is in the graph and not in the checkpoint."""
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: m(x))
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.get_variable("encoder/w", initializer=8.0)
    session.run(tf1.global_variables_initializer())
    checkpoint = tf1.train.Saver().save(session, str(tmp_path / "no_head"))
  exporter = hub.LatestModuleExporter(
    "x", _serving_input_fn, verification_batch_fn=lambda: {"x": [1.0]}
  )
  assert exporter.export(trained, str(tmp_path / "exports"), checkpoint)


@pytest.mark.parametrize(
  "batch, problem",
  [
    ({}, "returns []: missing ['x'], unknown []"),
    ({"x": [1.0], "z": 1}, "returns ['x', 'z']: missing [], unknown ['z']"),
  ],
)
def test_a_batch_of_other_names(tmp_path, batch, problem):
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: m(x))
  with pytest.raises(errors.UserValueError) as caught:
    _export(trained, batch)
  assert str(caught.value) == (
    f"`verification_batch_fn` {problem}. The serving input's receiver tensors "
    "are: ['x']."
  )


def test_a_batch_that_the_model_cannot_take(tmp_path):
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: m(x))
  with pytest.raises(
    errors.UserValueError,
    match="The model cannot be run on the batch of `verification_batch_fn`, "
    r"which is fed to \['x'\]: ",
  ):
    _export(trained, {"x": [[1.0]]})


def test_a_damaged_checkpoint_is_found(tmp_path):
  trained = _trained(tmp_path, hub_module_fns.scale, lambda m, x: m(x))
  prefix = os.path.join(trained.model_dir, "model.ckpt-1")
  path = f"{prefix}.data-00000-of-00001"
  with open(path, "r+b") as file:
    file.write(b"x")  # Of encoder/w.
  with pytest.raises(tf.errors.DataLossError):
    _export(trained, {"x": [1.0]})
  assert os.listdir(os.path.join(trained.model_dir, "exports")) == []


# How near is near enough.


def _compare(
  tmp_path, module_fn, values, inputs, expected, signature="default"
):
  path = hub_module_fns.export(module_fn, tmp_path / "module", values)
  call = module_comparison.ComparedCall(
    "default",
    {"default": [np.asarray(inputs)]},
    {"default": [np.asarray(expected)]},
  )
  module_comparison.compare_outputs(path, (), [call], "It")


def _of(values):
  return np.asarray(values, np.float32)


@pytest.mark.parametrize(
  "expected, problem",
  [
    # w = 5; 1e-5 of a value and 1e-6 of the largest are let pass.
    ([5.0, 5e6, np.nan, np.inf], None),
    ([5.0 + 4.9, 5e6, np.nan, np.inf], None),
    ([5.0, 5e6 + 50, np.nan, np.inf], None),
    ([5.0 + 5.1, 5e6, np.nan, np.inf], "largest difference 5.1, of values up"),
    ([5.0, 5e6 + 60, np.nan, np.inf], "largest difference 60, of values up"),
    ([np.nan, 5e6, np.nan, np.inf], "other values are NaN or infinite"),
    ([5.0, 5e6, np.nan, -np.inf], "other values are NaN or infinite"),
    ([5.0], r"shape \[4\] instead of \[1\]"),
  ],
)
def test_floats(tmp_path, expected, problem):
  arguments = (
    tmp_path,
    hub_module_fns.scale,
    {"w": 5.0},
    _of([1.0, 1e6, np.nan, np.inf]),
    _of(expected),
  )
  if problem is None:
    _compare(*arguments)
    return
  with pytest.raises(errors.UserRuntimeError, match=problem):
    _compare(*arguments)


def test_integers_and_text_are_exact(tmp_path):
  words = tmp_path / "words.txt"
  words.write_text("a\nb\n")
  table = hub_module_fns.table(words)
  text = np.array([b"a", b"b", b"c"], object)
  _compare(tmp_path / "1", table, {}, text, np.array([0, 1, -1]))
  with pytest.raises(errors.UserError, match="1 of 3 values differ"):
    _compare(tmp_path / "2", table, {}, text, np.array([0, 1, 2]))

  def echo():
    x = hub_module_fns.placeholder(dtype=tf.string)
    hub.add_signature(inputs=x, outputs=x + "!")

  _compare(tmp_path / "3", echo, {}, text[:1], np.array([b"a!"], object))
  with pytest.raises(errors.UserError, match="1 of 1 values differ"):
    _compare(tmp_path / "4", echo, {}, text[:1], np.array([b"a"], object))


def test_half_precision(tmp_path):
  def double():
    x = hub_module_fns.placeholder(dtype=tf.bfloat16)
    hub.add_signature(inputs=x, outputs=x * 2)

  x = np.ones(2, tf.bfloat16.as_numpy_dtype)
  _compare(tmp_path / "1", double, {}, x, 2 * x)
  with pytest.raises(errors.UserError, match="largest difference"):
    _compare(tmp_path / "2", double, {}, x, 4 * x)


# Which path the values take.


def _renaming_scaffold():
  names = {f"renamed/{v.op.name}": v for v in tf1.global_variables()}
  return tf1.train.Scaffold(saver=tf1.train.Saver(names, sharded=True))


def _save_renamed(tmp_path, value):
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.get_variable("renamed/encoder/w", initializer=value)
    session.run(tf1.global_variables_initializer())
    return tf1.train.Saver().save(session, str(tmp_path / "renamed"))


def test_a_savers_names_need_no_session(tmp_path, monkeypatch):
  trained = _trained(
    tmp_path, hub_module_fns.scale, lambda m, x: m(x), "m", _renaming_scaffold
  )
  checkpoint = _save_renamed(tmp_path, 8.0)
  exporter = hub.LatestModuleExporter("x", _serving_input_fn)
  monkeypatch.setattr(tf1, "Session", None)
  path = exporter.export(trained, str(tmp_path / "exports"), checkpoint)
  variables = os.path.join(path, "m", "variables", "variables")
  assert tf.train.load_variable(variables, "w") == 8.0


class _OwnSaver(tf1.train.Saver):
  """Restores 9 whatever the checkpoint says."""

  def restore(self, sess, save_path):
    for variable in tf1.global_variables():
      sess.run(variable.initializer)
      if variable.op.name == "encoder/w":
        variable.load(9.0, sess)


def test_a_saver_that_restores_its_own_way_has_a_session(tmp_path, log_records):
  trained = _trained(
    tmp_path,
    hub_module_fns.scale,
    lambda m, x: m(x),
    "m",
    lambda: tf1.train.Scaffold(saver=_OwnSaver()),
  )
  path = _export(trained, {"x": [1.0]})
  variables = os.path.join(path, "m", "variables", "variables")
  assert tf.train.load_variable(variables, "w") == 9.0
  messages = [r.getMessage() for r in log_records]
  reason = "_OwnSaver.restore is its own, and it has no names_in_checkpoint()."
  prefix = f"{trained.model_dir}/model.ckpt-1"
  assert (
    f"Exporter 'verified': a session restores the whole model from {prefix}, "
    "which takes time and memory, with the saver of the model_fn's Scaffold: "
    f"{reason}" in messages
  )
  assert any("was not compared with the model" in m for m in messages)


def test_it_is_said_which_values_were_not_copied(tmp_path, log_records):
  trained = _trained(tmp_path, hub_module_fns.partitioned(1), lambda m, x: x)
  tf1.logging.set_verbosity(tf1.logging.INFO)
  _export(trained, {"x": [1.0]})
  messages = [r.getMessage() for r in log_records]
  assert (
    "Exporter 'verified': variable w of module 'm' was read and written, not "
    "copied: the checkpoint has it in slices that are no rows of it."
  ) in messages
