"""Section 6 of the format: exporting modules as an Estimator trains."""

import os

import exported_estimators
import hub_module_fns
import pytest
from exported_estimators import (
  TIME,
  Clock,
  create_estimator,
  input_fn,
  scale_of,
  serving_input_fn,
)

from hub_estimator import errors, estimator, handles, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
run = hub_module_fns.run


@pytest.fixture
def trained(tmp_path):
  """An Estimator with `scale`, trained for two steps: w = 3, 4, 5."""
  result = create_estimator(tmp_path / "run", {"scale": hub_module_fns.scale})
  result.train(input_fn, steps=2)
  return result


def _exporter(**kwargs):
  kwargs.setdefault("clock", Clock())
  return hub.LatestModuleExporter("tf_hub", serving_input_fn, **kwargs)


# register_module_for_export


def test_the_same_name_twice_in_a_graph_is_refused(scale_spec, graph):
  hub.register_module_for_export(hub.Module(scale_spec), "a")
  hub.register_module_for_export(hub.Module(scale_spec), "b")
  with pytest.raises(ValueError) as caught:
    hub.register_module_for_export(hub.Module(scale_spec), "a")
  assert str(caught.value) == (
    "There is already a module registered to be exported as 'a'. Registered "
    "names: ['a', 'b']."
  )
  assert isinstance(caught.value, errors.UserError)
  with tf.Graph().as_default():
    hub.register_module_for_export(hub.Module(scale_spec), "a")


# LatestModuleExporter


def test_name():
  assert _exporter().name == "tf_hub"
  assert isinstance(_exporter(), estimator.Exporter)


@pytest.mark.parametrize("exports_to_keep", [0, -1])
def test_exports_to_keep_is_positive(exports_to_keep):
  with pytest.raises(ValueError, match="must be a positive number") as caught:
    _exporter(exports_to_keep=exports_to_keep)
  assert isinstance(caught.value, errors.UserError)


def test_the_newest_checkpoint_is_exported_and_not_an_older_one(
  trained, tmp_path
):
  path = _exporter().export(trained, str(tmp_path / "exports"))
  assert path == str(tmp_path / "exports" / str(TIME))
  assert scale_of(os.path.join(path, "scale")) == [5.0]
  # The model was trained on: the next export has the newer values.
  trained.train(input_fn, steps=1)
  path = _exporter(clock=Clock(TIME + 9)).export(
    trained, str(tmp_path / "exports")
  )
  assert scale_of(os.path.join(path, "scale")) == [6.0]


def test_a_given_checkpoint_is_exported(trained, tmp_path):
  checkpoint = str(tmp_path / "run" / "model.ckpt-1")
  path = _exporter().export(
    trained, str(tmp_path / "exports"), checkpoint_path=checkpoint
  )
  assert scale_of(os.path.join(path, "scale")) == [4.0]


def test_only_the_modules_variables_are_exported(trained, tmp_path):
  path = _exporter().export(trained, str(tmp_path / "exports"))
  variables = os.path.join(path, "scale", "variables", "variables")
  assert tf.train.list_variables(variables) == [("w", [])]


def test_the_path_is_text_and_decodes_like_bytes(trained, tmp_path):
  path = _exporter().export(trained, os.fsencode(tmp_path / "exports"))
  assert isinstance(path, str)
  assert path.decode() == path.decode("utf-8") == path
  assert sorted(os.listdir(path.decode("utf-8"))) == ["export.json", "scale"]


def test_several_modules_of_all_kinds(tmp_path):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  run_estimator = create_estimator(
    tmp_path / "run",
    {
      "scale": hub_module_fns.scale,
      "rows": hub_module_fns.partitioned(0),
      "columns": hub_module_fns.partitioned(1),
      "table": hub_module_fns.table(vocabulary),
      "double": hub_module_fns.double,
    },
  )
  run_estimator.train(input_fn, steps=1)
  path = _exporter().export(run_estimator, str(tmp_path / "exports"))
  assert sorted(os.listdir(path)) == [
    "columns",
    "double",
    "export.json",
    "rows",
    "scale",
    "table",
  ]
  assert scale_of(os.path.join(path, "scale")) == [4.0]
  with tf.Graph().as_default():
    modules = {
      name: hub.Module(os.path.join(path, name))
      for name in handles.module_names(path)
    }
    # The first row of [[0 1 2 3] [4 5 6 7]], a step later.
    first_row = [[1.0, 2.0, 3.0, 4.0]]
    fetches = {
      "rows": modules["rows"]([[1.0, 0.0]]),
      "columns": modules["columns"]([[1.0, 0.0]]),
      "table": modules["table"](["b"]),
      "double": modules["double"]([4.0]),
    }
    assert {k: v.tolist() for k, v in run(fetches).items()} == {
      "rows": first_row,
      "columns": first_row,
      "table": [1],
      "double": [8.0],
    }


def test_all_variants_are_exported(tmp_path):
  spec = hub.create_module_spec(
    hub_module_fns.batch_norm, hub_module_fns.BATCH_NORM_TAGS
  )

  def model_fn(features, labels, mode):
    is_training = mode == estimator.ModeKeys.TRAIN
    module = hub.Module(
      spec, trainable=is_training, tags={"train"} if is_training else None
    )
    hub.register_module_for_export(module, "batch_norm")
    y = module(features["x"])
    step = tf1.train.get_or_create_global_step()
    with tf.control_dependencies(tf1.get_collection("update_ops")):
      train_op = step.assign_add(1)
    return estimator.EstimatorSpec(
      mode, predictions=y, loss=tf.reduce_sum(y), train_op=train_op
    )

  run_estimator = estimator.Estimator(model_fn, str(tmp_path / "run"))
  run_estimator.train(input_fn, steps=1)
  path = _exporter().export(run_estimator, str(tmp_path / "exports"))
  module_path = os.path.join(path, "batch_norm")
  assert len(hub.load_module_spec(module_path).get_tags()) == 2
  # The mean of 1 and 2 is 1.5; the moving mean is halfway there from 0.
  assert scale_of(module_path) == [1.0 - 0.75 + 1.0]


def test_no_checkpoint(tmp_path):
  run_estimator = create_estimator(tmp_path / "run", {})
  with pytest.raises(
    ValueError, match=f"Couldn't find a trained model at {tmp_path}/run"
  ) as caught:
    _exporter().export(run_estimator, str(tmp_path / "exports"))
  assert isinstance(caught.value, errors.UserError)
  assert not (tmp_path / "exports").exists()


def test_no_registered_module(tmp_path, log_records):
  run_estimator = create_estimator(tmp_path / "run", {})
  run_estimator.train(input_fn, steps=1)
  log_records.clear()
  path = _exporter().export(run_estimator, str(tmp_path / "exports"))
  assert path is None
  assert not (tmp_path / "exports").exists()
  warnings = [r.getMessage() for r in log_records if r.levelname == "WARNING"]
  assert (
    "Exporter 'tf_hub' wrote nothing: the model_fn registered no module in "
    "PREDICT mode. Call hub.register_module_for_export()." in warnings
  )


def test_two_exports_in_one_second_follow_each_other(trained, tmp_path):
  exports = tmp_path / "exports"
  paths = [_exporter().export(trained, str(exports)) for _ in range(3)]
  assert [os.path.basename(path) for path in paths] == [
    str(TIME),
    str(TIME + 1),
    str(TIME + 2),
  ]
  assert sorted(os.listdir(exports)) == [os.path.basename(p) for p in paths]


def _export_times(exporter, run_estimator, exports, times):
  for seconds in times:
    exporter._clock.seconds = seconds
    exporter.export(run_estimator, str(exports))
  return sorted(os.listdir(exports))


def test_the_newest_exports_are_kept(trained, tmp_path):
  times = [TIME + 10 * i for i in range(4)]
  exporter = _exporter(exports_to_keep=2)
  left = _export_times(exporter, trained, tmp_path / "exports", times)
  assert left == [str(times[2]), str(times[3])]


def test_all_exports_are_kept(trained, tmp_path):
  times = [TIME + 10 * i for i in range(7)]
  exporter = _exporter(exports_to_keep=None)
  left = _export_times(exporter, trained, tmp_path / "exports", times)
  assert left == [str(seconds) for seconds in times]


def test_what_is_no_export_of_modules_is_kept(trained, tmp_path):
  exports = tmp_path / "exports"
  others = ["1400000000", "1400000001", "1400000002", "notes", "123"]
  for name in others:
    (exports / name).mkdir(parents=True)
  (exports / "1400000001" / "saved_model.pb").write_bytes(b"")
  hub_module_fns.export(hub_module_fns.scale, exports / "1400000002" / "m")
  (exports / "1400000002" / "mine.txt").write_text("mine")
  (exports / "1400000003").write_text("a file")
  left = _export_times(
    _exporter(exports_to_keep=1), trained, exports, [TIME, TIME + 1]
  )
  assert left == sorted([*others, "1400000003", str(TIME + 1)])


def test_a_failing_export_leaves_nothing_behind(tmp_path):
  asset = tmp_path / "asset.txt"
  asset.write_text("content")

  def with_asset():
    x = hub_module_fns.placeholder()
    tf1.add_to_collection("asset_filepaths", tf.constant(str(asset)))
    hub.add_signature(inputs=x, outputs=x)

  run_estimator = create_estimator(
    tmp_path / "run", {"scale": hub_module_fns.scale, "asset": with_asset}
  )
  run_estimator.train(input_fn, steps=1)
  exports = tmp_path / "exports"
  _exporter().export(run_estimator, str(exports))
  asset.unlink()
  with pytest.raises(tf.errors.NotFoundError, match="asset.txt does not exist"):
    _exporter(exports_to_keep=1).export(run_estimator, str(exports))
  assert os.listdir(exports) == [str(TIME)]


def test_a_checkpoint_without_the_modules_variables(trained, tmp_path):
  other = create_estimator(tmp_path / "run", {"other": hub_module_fns.scale})
  with pytest.raises(
    ValueError,
    match=r"Tensor encoders/other/w \(for module variable w\) is not found in "
    r".*model.ckpt-2 checkpoint.*encoders/scale/w",
  ):
    _exporter().export(other, str(tmp_path / "exports"))
  assert not (tmp_path / "exports").exists() or not os.listdir(
    tmp_path / "exports"
  )


def test_a_scaffold_with_a_saver_of_its_own(tmp_path):
  """Its names for the variables are not those of the graph."""

  def make_scaffold():
    names = {
      "renamed/" + v.op.name: v
      for v in tf1.global_variables()
      if v.op.name.startswith("encoders")
    }
    return tf1.train.Scaffold(saver=tf1.train.Saver(names))

  run_estimator = create_estimator(
    tmp_path / "run", {"scale": hub_module_fns.scale}, make_scaffold
  )
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.get_variable("renamed/encoders/scale/w", initializer=8.0)
    session.run(tf1.global_variables_initializer())
    checkpoint = tf1.train.Saver().save(session, str(tmp_path / "renamed"))
  path = _exporter().export(
    run_estimator, str(tmp_path / "exports"), checkpoint_path=checkpoint
  )
  assert scale_of(os.path.join(path, "scale")) == [8.0]


def test_a_scaffold_without_a_saver(tmp_path):
  run_estimator = create_estimator(
    tmp_path / "run", {"scale": hub_module_fns.scale}, tf1.train.Scaffold
  )
  run_estimator.train(input_fn, steps=1)
  path = _exporter().export(run_estimator, str(tmp_path / "exports"))
  assert scale_of(os.path.join(path, "scale")) == [4.0]


def test_the_graph_of_an_export(trained, tmp_path):
  """It is a new one, with the seed, the global step and PREDICT's features."""
  found = {}

  def serving_input_fn():
    graph = tf1.get_default_graph()
    found["seed"] = graph.seed
    found["global_step"] = tf1.train.get_global_step().name
    found["num_variables"] = len(tf1.get_collection("variables"))
    return exported_estimators.serving_input_fn()

  exporter = hub.LatestModuleExporter("tf_hub", serving_input_fn)
  exporter.export(trained, str(tmp_path / "exports"))
  assert found == {
    "seed": 1,
    "global_step": "global_step:0",
    "num_variables": 1,
  }


def test_train_and_evaluate(tmp_path):
  run_estimator = create_estimator(
    tmp_path / "run", {"scale": hub_module_fns.scale}
  )
  estimator.train_and_evaluate(
    run_estimator,
    estimator.TrainSpec(input_fn, max_steps=2),
    estimator.EvalSpec(
      input_fn, steps=1, exporters=[_exporter()], throttle_secs=0
    ),
  )
  folder = tmp_path / "run" / "export" / "tf_hub"
  newest = max(os.listdir(folder))
  assert scale_of(folder / newest / "scale") == [5.0]
  assert scale_of(folder) == [5.0]  # The folder is a handle of its newest.
