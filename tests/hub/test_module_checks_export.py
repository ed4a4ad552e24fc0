"""The warnings of a module, logged when it is exported."""

import logging
import weakref

import checked_module_fns as fns
import hub_module_fns
import pytest

from hub_estimator import estimator, hub
from hub_estimator.hub.module_checks import checks, export_warnings
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

EXPECTED = [
  "no_regularization_loss",
  "fixed_dropout_rate",
  "uncommon_signature",
]


def bad(is_training=True):
  """y = dropout(x w), without a regularization loss."""
  x = hub_module_fns.placeholder([None, 2])
  w = tf1.get_variable("w", [2, 3])
  y = tf.matmul(x, w)
  if is_training:
    y = tf.nn.dropout(y, rate=0.5)
  hub.add_signature(inputs=x, outputs=y)


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
  monkeypatch.setattr(export_warnings, "_logged", set())
  monkeypatch.setattr(export_warnings, "_checked", weakref.WeakSet())


@pytest.fixture
def logged(caplog):
  """Returns the codes of what was logged since the last call."""
  caplog.set_level(logging.WARNING, logger="hub_estimator")

  def codes():
    records = [
      r for r in caplog.records if r.name == "hub_estimator.module_checks"
    ]
    found = [r.getMessage().rpartition(" [")[2][:-1] for r in records]
    caplog.clear()
    return found

  return codes


def export(spec, path, optimizer=None, tags=None):
  with tf.Graph().as_default():
    module = hub.Module(spec, trainable=True, tags=tags)
    if optimizer is not None:
      loss = tf.reduce_sum(module([[1.0, 2.0]]))
      optimizer.minimize(loss)
    with tf1.Session() as session:
      hub_module_fns.initialize(session)
      module.export(str(path), session)
  return str(path)


def ftrl():
  return tf1.train.FtrlOptimizer(0.1, l1_regularization_strength=0.5)


def test_module_export(tmp_path, logged, caplog):
  spec = hub.create_module_spec(bad)
  export(spec, tmp_path / "1")
  (record, *_) = [r for r in caplog.records if "no_regular" in r.getMessage()]
  assert record.name == "hub_estimator.module_checks"
  assert record.levelname == "WARNING"
  assert record.getMessage().startswith(
    "hub_estimator: module module_fn bad, graph {}: No regularization loss "
    "depends on the trainable weights: 1 weight with 6 parameters (w [2, 3])."
  )
  assert record.getMessage().endswith(" [no_regularization_loss]")
  assert logged() == EXPECTED
  # Once a process, whichever spec and session.
  export(spec, tmp_path / "2")
  export(hub.create_module_spec(bad), tmp_path / "3")
  assert logged() == []

  def another():
    bad()

  export(hub.create_module_spec(another), tmp_path / "4")
  assert logged() == EXPECTED


def test_a_good_module(tmp_path, logged):
  hub_module_fns.export(fns.good, tmp_path / "m", tags_and_args=fns.TAGS)
  assert logged() == []


def test_the_graph_of_the_session_is_the_training_graph(tmp_path, logged):
  spec = hub.create_module_spec(bad)
  export(spec, tmp_path / "1", ftrl())
  assert logged() == [*EXPECTED, "proximal_regularization"]


def test_who_loaded_a_module_is_told_of_his_optimizer(tmp_path, logged):
  path = export(hub.create_module_spec(bad), tmp_path / "1")
  logged()
  export(hub.load_module_spec(path), tmp_path / "2")
  assert logged() == []
  export(hub.load_module_spec(path), tmp_path / "3", ftrl())
  assert logged() == ["proximal_regularization"]


@pytest.mark.parametrize("prefix", ["", "model/encoder/"])
def test_spec_export(tmp_path, logged, prefix):
  spec = hub.create_module_spec(bad)
  with tf.Graph().as_default(), tf1.Session() as session:
    w = tf1.get_variable(f"{prefix}w", [2, 3], use_resource=True)
    ftrl().minimize(tf.reduce_sum(w))
    hub_module_fns.initialize(session)
    tf1.train.Saver().save(session, str(tmp_path / "model.ckpt"), 7)
  spec.export(
    str(tmp_path / "1"),
    checkpoint_path=str(tmp_path),
    name_transform_fn=lambda name: prefix + name,
  )
  assert logged() == [*EXPECTED, "proximal_regularization"]


def test_a_checkpoint_without_its_graph(tmp_path, logged):
  spec = hub.create_module_spec(bad)
  with tf.Graph().as_default(), tf1.Session() as session:
    w = tf1.get_variable("w", [2, 3], use_resource=True)
    ftrl().minimize(tf.reduce_sum(w))
    hub_module_fns.initialize(session)
    prefix = tf1.train.Saver().save(
      session, str(tmp_path / "model.ckpt"), write_meta_graph=False
    )
  spec.export(str(tmp_path / "1"), checkpoint_path=prefix)
  assert logged() == EXPECTED


def test_a_check_that_fails_fails_no_export(
  tmp_path, logged, monkeypatch, caplog
):
  def fail(variants):
    raise RuntimeError("a defect")

  monkeypatch.setattr(export_warnings, "publisher_warnings", fail)
  path = export(hub.create_module_spec(bad), tmp_path / "1")
  assert hub.load_module_spec(path).get_tags() == [frozenset()]
  (record,) = [r for r in caplog.records if "checks failed" in r.getMessage()]
  assert "module module_fn bad was exported" in record.getMessage()
  assert str(record.exc_info[1]) == "a defect"


def test_a_damaged_training_graph_fails_no_export(tmp_path, logged, caplog):
  spec = hub.create_module_spec(bad)
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.get_variable("w", [2, 3], use_resource=True)
    hub_module_fns.initialize(session)
    prefix = tf1.train.Saver().save(session, str(tmp_path / "model.ckpt"))
  (tmp_path / "model.ckpt.meta").write_bytes(b"\xff\xff\xff")
  spec.export(str(tmp_path / "1"), checkpoint_path=prefix)
  assert "checks failed" in caplog.text


# Through an Estimator.


def create_estimator(model_dir, spec, create_optimizer, saver=False):
  def model_fn(features, labels, mode):
    training = mode == estimator.ModeKeys.TRAIN
    tags = {"train"} if training else None
    module = hub.Module(spec, trainable=True, tags=tags)
    hub.register_module_for_export(module, "module")
    y = tf.reduce_sum(module(features["x"]))
    train_op = None
    if training:
      train_op = create_optimizer().minimize(
        y, tf1.train.get_global_step(), var_list=tf1.trainable_variables()
      )
    scaffold = None
    if saver:
      scaffold = tf1.train.Scaffold(saver=tf1.train.Saver())
    return estimator.EstimatorSpec(
      mode, predictions=y, loss=y, train_op=train_op, scaffold=scaffold
    )

  return estimator.Estimator(model_fn, model_dir=str(model_dir))


def serving_input_fn():
  x = tf1.placeholder(tf.float32, [None, 2])
  return estimator.export.ServingInputReceiver({"x": x}, {"x": x})


def input_fn():
  return {"x": tf.constant([[1.0, 2.0]])}, tf.constant([0])


@pytest.mark.parametrize("saver", [False, True])
@pytest.mark.parametrize("is_loaded", [False, True])
@pytest.mark.parametrize("is_proximal", [False, True])
def test_exporter(tmp_path, logged, saver, is_loaded, is_proximal):
  spec = hub.create_module_spec(bad, fns.TAGS)
  if is_loaded:
    spec = hub.load_module_spec(
      export(spec, tmp_path / "module", tags={"train"})
    )
    logged()
  trained = create_estimator(
    tmp_path / "run",
    spec,
    ftrl if is_proximal else lambda: tf1.train.AdamOptimizer(0.1),
    saver,
  )
  exporter = hub.LatestModuleExporter("tf_hub", serving_input_fn)
  expected = [] if is_loaded else list(EXPECTED)
  expected += ["proximal_regularization"] if is_proximal else []
  for steps in (1, 2):
    # The optimizer is only in the graph that was saved with the checkpoint.
    trained.train(input_fn, max_steps=steps)
    assert exporter.export(trained, str(tmp_path / "exports"))
    assert logged() == expected
    expected = []  # After the next evaluation nothing is said again.


def test_a_large_module_is_checked_quickly(monkeypatch):
  """Each node is visited a bounded number of times, whatever the size."""

  def module_fn(num_layers):
    x = fns.images()
    y = x
    for i in range(num_layers):
      with tf1.variable_scope(f"layer_{i}"):
        w = tf1.get_variable("w", [3, 3], regularizer=fns.l2)
        moving_mean = fns.statistics()
        mean = tf.reduce_mean(y, [0, 1, 2])
        fns.add_update(moving_mean, mean, 0.9)
        y = y + tf.nn.dropout(tf.einsum("bhwc,cd->bhwd", y - mean, w), rate=0.5)
    fns.add_signature(x, y)

  class Counting(checks.CheckedGraph):
    def __init__(self, variant):
      super().__init__(variant)
      self.nodes = CountingList(self.nodes)
      visits.append(self.nodes)

  class CountingList(list):
    num_reads = 0

    def __getitem__(self, position):
      self.num_reads += 1
      return super().__getitem__(position)

  visits = []
  monkeypatch.setattr(checks, "CheckedGraph", Counting)
  per_node = []
  for num_layers in (10, 40):
    spec = hub.create_module_spec(lambda n=num_layers: module_fn(n))
    assert fns.codes(hub.check_module_spec(spec)) == [
      "fixed_batch_norm_momentum",
      "fixed_dropout_rate",
    ]
    per_node.append(visits[-1].num_reads / len(visits[-1]))
  assert per_node[1] < 1.1 * per_node[0]
