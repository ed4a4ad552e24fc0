"""results.json: what is written, and how."""

import json
import math
import platform

import numpy as np
import pytest

import hub_estimator
from hub_estimator.tf_compat import tf
from hub_estimator.training import results


def test_numpy_values_and_numbers_that_json_does_not_have(tmp_path):
  written = results.write_results(
    str(tmp_path),
    {
      "global_step": np.int64(3),
      "metrics": {
        "accuracy": np.float32(0.5),
        "loss": math.nan,
        "up": np.float32("inf"),
        "down": -math.inf,
      },
      "shape": (1, np.int32(2)),
      "none": None,
      "is_on": np.bool_(True),
      5: "key",
    },
  )
  expected = {
    "global_step": 3,
    "metrics": {"accuracy": 0.5, "loss": None, "up": None, "down": None},
    "shape": [1, 2],
    "none": None,
    "is_on": True,
    "5": "key",
  }
  assert written == expected
  assert type(written["global_step"]) is int
  assert results.read_results(str(tmp_path)) == expected
  # No Infinity or NaN, which JSON does not know, in the text.
  text = (tmp_path / "results.json").read_text()
  json.loads(text, parse_constant=pytest.fail)


def test_results_are_replaced_whole(tmp_path):
  results.write_results(str(tmp_path), {"a": 1})
  with pytest.raises(TypeError):
    results.write_results(str(tmp_path), {"a": object()})
  assert results.read_results(str(tmp_path)) == {"a": 1}
  results.write_results(str(tmp_path), {"a": 2})
  assert results.read_results(str(tmp_path)) == {"a": 2}
  assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_a_folder_without_results(tmp_path):
  assert results.read_results(str(tmp_path)) is None
  assert results.read_results(str(tmp_path / "nope")) is None


def test_versions(monkeypatch):
  versions = results.versions()
  assert versions["python"] == platform.python_version()
  assert versions["hub_estimator"] == hub_estimator.__version__
  assert versions["tensorflow"] == tf.__version__
  assert set(versions) > {"tensorflow-estimator", "tf-keras", "numpy"}
  monkeypatch.setattr(results, "_PACKAGES", ("no-such-package",))
  assert results.versions()["no-such-package"] == "not installed as a package"
