"""FinalModuleExporter, and what all exporters write beside modules."""

import json
import os

import exported_estimators
import hub_module_fns
import pytest
from exported_estimators import TIME, Clock, create_estimator, input_fn

from hub_estimator import __version__, errors, estimator, handles, hub
from hub_estimator.tf_compat import tf


@pytest.fixture
def trained(tmp_path):
  """An Estimator with `scale`, trained for two steps: w = 3, 4, 5."""
  result = create_estimator(tmp_path / "run", {"scale": hub_module_fns.scale})
  result.train(input_fn, steps=2)
  return result


def _latest(name="tf_hub", **kwargs):
  kwargs.setdefault("clock", Clock())
  return hub.LatestModuleExporter(
    name, exported_estimators.serving_input_fn, **kwargs
  )


def _metadata(path):
  with open(os.path.join(path, "export.json")) as file:
    return json.load(file)


def test_the_final_export_only(trained, tmp_path):
  exporter = hub.FinalModuleExporter(
    "final", exported_estimators.serving_input_fn, clock=Clock()
  )
  exports = str(tmp_path / "exports")
  for is_final in (None, False):
    path = exporter.export(trained, exports, None, {"loss": 1.0}, is_final)
    assert path is None
    assert not os.path.exists(exports)
  path = exporter.export(trained, exports, None, {"loss": 1.0}, True)
  assert exported_estimators.scale_of(os.path.join(path, "scale")) == [5.0]
  assert _metadata(path)["exporter"] == "final"


def test_train_and_evaluate_exports_once(tmp_path):
  trained = create_estimator(tmp_path / "run", {"scale": hub_module_fns.scale})
  exporter = hub.FinalModuleExporter(
    "final", exported_estimators.serving_input_fn
  )
  estimator.train_and_evaluate(
    trained,
    estimator.TrainSpec(input_fn, max_steps=3),
    estimator.EvalSpec(
      input_fn, steps=1, exporters=[exporter], throttle_secs=0
    ),
  )
  folder = tmp_path / "run" / "export" / "final"
  (name,) = os.listdir(folder)
  assert exported_estimators.scale_of(folder / name / "scale") == [6.0]
  assert _metadata(folder / name)["global_step"] == 3


# export.json


def test_metadata(trained, tmp_path):
  path = _latest(
    metadata_fn=lambda: {"config": "a = 1", "exporter": "not this"}
  ).export(
    trained,
    str(tmp_path / "exports"),
    eval_result={
      "loss": 1.5,
      "accuracy": float("nan"),
      "global_step": 2,
      "matrix": [[1, 2]],
      "note": b"x",
    },
  )
  assert _metadata(path) == {
    "config": "a = 1",
    "exporter": "tf_hub",
    "global_step": 2,
    "checkpoint": "model.ckpt-2",
    "metrics": {"loss": 1.5, "accuracy": None},
    "modules": {"scale": {"source": "module_fn scale", "tags": []}},
    "versions": {"hub_estimator": __version__, "tensorflow": tf.__version__},
  }
  assert os.listdir(os.path.join(path, "scale")).count("export.json") == 0


def test_metadata_that_is_no_json_is_refused(trained, tmp_path):
  with pytest.raises(errors.UserTypeError) as caught:
    _latest(metadata_fn=lambda: {"model": object}).export(
      trained, str(tmp_path / "exports")
    )
  assert str(caught.value).startswith(
    "What `metadata_fn` returns is written to export.json as JSON: "
  )
  assert os.listdir(tmp_path / "exports") == []


def test_exports_are_handles_with_and_without_metadata(trained, tmp_path):
  exports = str(tmp_path / "exports")
  path = _latest().export(trained, exports)
  module = os.path.join(path, "scale")
  for _ in range(2):
    assert handles.exports(exports) == [str(TIME)]
    assert handles.module_names(path) == ["scale"]
    assert handles.resolve(exports) == module
    assert handles.pinned(exports) == module
    if os.path.exists(os.path.join(path, "export.json")):
      os.remove(os.path.join(path, "export.json"))


def test_only_own_exports_are_deleted(trained, tmp_path):
  exports = str(tmp_path / "exports")
  other = _latest("other").export(trained, exports)
  before = _latest().export(trained, exports)  # Before there was metadata.
  os.remove(os.path.join(before, "export.json"))
  added = _latest().export(trained, exports)
  with open(os.path.join(added, "mine.txt"), "w"):
    pass
  damaged = _latest().export(trained, exports)
  with open(os.path.join(damaged, "export.json"), "w") as file:
    file.write("{")
  last = _latest(exports_to_keep=1).export(trained, exports)
  assert sorted(os.listdir(exports)) == sorted(
    map(os.path.basename, (other, added, damaged, last))
  )


def test_a_checkpoint_without_a_step_has_that_of_the_metrics(trained, tmp_path):
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    tf.compat.v1.get_variable("encoders/scale/w", initializer=8.0)
    session.run(tf.compat.v1.global_variables_initializer())
    saver = tf.compat.v1.train.Saver()
    checkpoint = saver.save(session, str(tmp_path / "stepless"))
  for eval_result, step in (({"global_step": 7}, 7), (None, None)):
    path = _latest().export(
      trained, str(tmp_path / "exports"), checkpoint, eval_result
    )
    assert _metadata(path)["global_step"] == step
