"""Section 4 of the format: modules of every kind of state."""

import hub_module_fns
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
run = hub_module_fns.run


def _train_step(module, x):
  """Runs one step of SGD at 0.1 on y; returns w before and after."""
  y = tf.reduce_sum(module(x))
  train_op = tf1.train.GradientDescentOptimizer(0.1).minimize(y)
  w = module.variable_map["w"]
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    before = session.run(w)
    session.run(train_op)
    return before, session.run(w)


@pytest.mark.parametrize(
  "module_fn", [hub_module_fns.scale, hub_module_fns.scale_ref]
)
def test_plain_and_ref_variables(module_fn, tmp_path, graph):
  path = hub_module_fns.export(module_fn, tmp_path / "module", {"w": 5.0})
  module = hub.Module(path, trainable=True)
  kind = "VariableV2" if "ref" in module_fn.__name__ else "VarHandleOp"
  assert module.variable_map["w"].op.type == kind
  before, after = _train_step(module, [2.0, 3.0])
  # dy/dw is the sum of x, 5.
  assert before == 5.0
  assert after == pytest.approx(4.5)


def test_ref_variables_of_a_saved_model(tmp_path, graph):
  path = str(tmp_path / "saved_model")
  with tf.Graph().as_default(), tf1.Session() as session:
    x = hub_module_fns.placeholder()
    w = tf1.Variable(5.0, use_resource=False, name="w")
    session.run(tf1.global_variables_initializer())
    tf1.saved_model.simple_save(session, path, {"x": x}, {"default": x * w})
  spec = hub.create_module_spec_from_saved_model(path)
  module = hub.Module(spec, tags=["serve"], trainable=True)
  assert module.variable_map["w"].op.type == "VariableV2"
  y = module([2.0], signature="serving_default")
  assert run(y).tolist() == [10.0]
  module_path = str(tmp_path / "module")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    module.export(module_path, session)
  again = hub.Module(module_path, tags=["serve"])
  y = again({"x": [3.0]}, signature="serving_default")
  assert run(y).tolist() == [15.0]


@pytest.mark.parametrize("axis", [0, 1])
def test_partitioned_variables(axis, tmp_path, graph):
  path = hub_module_fns.export(
    hub_module_fns.partitioned(axis), tmp_path / "module"
  )
  with tf1.variable_scope("vs"):
    module = hub.Module(path, trainable=True)
  y = module([[1.0, 2.0]])
  # [1 2] @ [[0 1 2 3] [4 5 6 7]].
  assert run(y).tolist() == [[8.0, 11.0, 14.0, 17.0]]
  assert len(graph.get_collection("trainable_variables")) == 2
  gradients = tf1.gradients(y, module.variables)
  columns = 4 if axis == 0 else 2
  expected = {
    0: [[[1.0] * 4], [[2.0] * 4]],
    1: [[[1.0] * columns, [2.0] * columns]] * 2,
  }
  assert [g.tolist() for g in run(gradients)] == expected[axis]
  # An outer checkpoint has one entry, which is read back in parts.
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    saver = tf1.train.Saver()
    checkpoint = saver.save(session, str(tmp_path / "outer"))
    assert tf.train.list_variables(checkpoint) == [("vs/module/w", [2, 4])]
    saver.restore(session, checkpoint)
    assert session.run(y).tolist() == [[8.0, 11.0, 14.0, 17.0]]


def test_tables_with_a_vocabulary(tmp_path, graph):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  path = hub_module_fns.export(
    hub_module_fns.table(vocabulary), tmp_path / "module"
  )
  vocabulary.unlink()  # The module has its own copy.
  module = hub.Module(path)
  second = hub.Module(path)
  ids = [module(["b", "x"]), module(["a"]), second(["a"])]
  assert [i.tolist() for i in run(ids)] == [[1, -1], [0], [0]]


def test_batch_norm_with_training_tags(tmp_path, graph):
  path = hub_module_fns.export(
    hub_module_fns.batch_norm,
    tmp_path / "module",
    {"moving_mean": 2.0},
    hub_module_fns.BATCH_NORM_TAGS,
  )
  module = hub.Module(path, trainable=True, tags={"train"})
  y = module([2.0, 4.0])
  (update,) = graph.get_collection("update_ops")
  assert [v.name for v in graph.get_collection("trainable_variables")] == [
    "module/beta:0"
  ]
  trained = str(tmp_path / "trained")
  with tf1.Session() as session:
    hub_module_fns.initialize(session)
    # The batch's mean is 3, beta 1.
    assert session.run(y).tolist() == [0.0, 2.0]
    session.run(update)  # Halfway from 2 to 3.
    module.export(trained, session)
  with tf.Graph().as_default():
    y = hub.Module(trained)([2.5])
    assert run(y).tolist() == [1.0]  # 2.5 - 2.5 + 1


def test_a_module_made_of_modules(tmp_path, graph):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  inner_path = hub_module_fns.export(
    hub_module_fns.table(vocabulary), tmp_path / "inner_table"
  )
  scale_path = hub_module_fns.export(
    hub_module_fns.scale, tmp_path / "inner_scale", {"w": 5.0}
  )

  def module_fn():
    with tf1.variable_scope("encoder"):
      scale = hub.Module(scale_path, trainable=True)
    ids = hub.Module(inner_path, name="table")
    words = hub_module_fns.placeholder(dtype=tf.string)
    bias = tf1.get_variable("bias", initializer=0.5)
    hub.add_signature(
      inputs=words, outputs=scale(tf.cast(ids(words), tf.float32)) + bias
    )

  path = hub_module_fns.export(module_fn, tmp_path / "outer")
  for folder in ("inner_table", "inner_scale"):
    (tmp_path / folder).rename(tmp_path / f"{folder}_moved")
  assert sorted(
    name for name, _ in tf.train.list_variables(f"{path}/variables/variables")
  ) == ["bias", "encoder/module/w"]
  module = hub.Module(path, trainable=True)
  assert sorted(module.variable_map) == ["bias", "encoder/module/w"]
  assert len(graph.get_collection("trainable_variables")) == 2
  # Ids 1 and -1, times 5, plus 0.5.
  assert run(module(["b", "x"])).tolist() == [5.5, -4.5]


def test_a_module_made_of_modules_names_no_path_of_its_making(tmp_path):
  scale_path = hub_module_fns.export(
    hub_module_fns.scale, tmp_path / "private" / "scale", {"w": 5.0}
  )

  def module_fn():
    x = hub_module_fns.placeholder()
    hub.add_signature(inputs=x, outputs=hub.Module(scale_path)(x))

  path = tmp_path / "outer"
  hub_module_fns.export(module_fn, path)
  assert b"private" not in (path / "saved_model.pb").read_bytes()


def test_a_checkpoint_that_an_output_reads_keeps_its_path(tmp_path, graph):
  scale_path = hub_module_fns.export(
    hub_module_fns.scale, tmp_path / "scale", {"w": 5.0}
  )

  def module_fn():
    (w,) = tf.raw_ops.RestoreV2(
      prefix=f"{scale_path}/variables/variables",
      tensor_names=["w"],
      shape_and_slices=[""],
      dtypes=[tf.float32],
    )
    hub.add_signature(outputs=w)

  path = hub_module_fns.export(module_fn, tmp_path / "reader")
  assert run(hub.Module(path)()) == 5.0


def test_variables_that_initialize_each_other(tmp_path, graph):
  def module_fn():
    v = tf1.get_variable("v", initializer=2.0)
    w = tf1.get_variable("w", initializer=v.initial_value * 3.0)
    hub.add_signature(outputs=v * w)

  module = hub.Module(hub.create_module_spec(module_fn))
  assert run(module()) == 12.0
  path = hub_module_fns.export(module_fn, tmp_path / "module", {"v": 4.0})
  assert run(hub.Module(path)()) == 24.0


def test_string_integer_and_bfloat16_variables(tmp_path, graph):
  def module_fn():
    for name, value in (
      ("text", tf.constant(["a", "ü"])),
      ("steps", tf.constant(7, tf.int64)),
      ("half", tf.constant([1.5], tf.bfloat16)),
      ("flag", tf.constant(True)),
    ):
      variable = tf1.get_variable(
        name, initializer=value, trainable=False, use_resource=name != "text"
      )
      hub.add_signature(name, outputs=tf.identity(variable))

  path = hub_module_fns.export(module_fn, tmp_path / "module")
  module = hub.Module(path)
  values = run({n: module(signature=n) for n in module.get_signature_names()})
  assert values["text"].tolist() == [b"a", "ü".encode()]
  assert values["steps"] == 7
  assert values["half"].tolist() == [1.5]
  assert values["flag"]


def test_a_variable_of_unknown_shape(tmp_path, graph):
  def module_fn():
    w = tf1.Variable(
      tf.ones([2]), shape=tf.TensorShape([None]), use_resource=True, name="w"
    )
    hub.add_signature(outputs=w + 1.0)

  path = hub_module_fns.export(module_fn, tmp_path / "module")
  assert run(hub.Module(path)()).tolist() == [2.0, 2.0]


def test_large_modules_are_written_in_parts(tmp_path, graph, monkeypatch):
  from hub_estimator.hub import exporting, variable_files

  monkeypatch.setattr(variable_files, "_PART_BYTES", 100)
  monkeypatch.setattr(exporting, "_GROUP_BYTES", 150)

  def module_fn():
    total = 0.0
    for i in range(5):
      w = tf1.get_variable(f"w{i}", initializer=tf.fill([20], float(i)))
      total = total + tf.reduce_sum(w)
    hub.add_signature(outputs=total)

  fetched = []
  run_session = tf1.Session.run

  def count(session, fetches, *arguments, **options):
    if isinstance(fetches, dict):
      fetched.append(sorted(fetches))
    return run_session(session, fetches, *arguments, **options)

  monkeypatch.setattr(tf1.Session, "run", count)
  path = hub_module_fns.export(module_fn, tmp_path / "module")
  # Two of 80 bytes are more than a group's 150.
  assert fetched == [["w0", "w1"], ["w2", "w3"], ["w4"]]
  files = sorted(
    file.name for file in (tmp_path / "module/variables").iterdir()
  )
  # 80 bytes each, so each has a part of its own.
  assert files == [f"variables.data-0000{i}-of-00005" for i in range(5)] + [
    "variables.index"
  ]
  assert run(hub.Module(path)()) == 200.0
