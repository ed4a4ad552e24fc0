"""The dry run: what it says, and that it changes nothing."""

import re

import gin
import pytest
import tiny_models
import tiny_runs

from hub_estimator import handles
from hub_estimator.models.model_summary import ModelSummary
from hub_estimator.training import gin_config, launch


def describe(config, *gin_params):
  launch.register_configurables()
  gin_config.parse_config([config], gin_params)
  return gin.get_configurable(launch.ROOT)().describe()


def test_the_report(tmp_path):
  config = tiny_runs.write_config(tmp_path)
  before = sorted(tmp_path.rglob("*"))
  assert describe(config) == (
    """\
Module                 module_fn tiny_module_fn
Tags                   {train} in training, {} in evaluation and prediction
Signature              default
Input                  x: Tensor of float32 with shape (None, 2)
Output                 default: Tensor of float32 with shape (None, 3)
Variables              3 in the module, 2 in the head; 3 trained
Parameters             27, 18 trained, 6 of these in the module
Regularization losses  1, scaled by 1
  module/w/Regularizer/truediv:0
Update ops             2

variable       shape  parameters  trained
-------------  -----  ----------  -------
module/w       2×3             6  yes
module/mean    3               3  no
module/w_seen  2×3             6  no
logits/kernel  3×3             9  yes
logits/bias    3               3  yes

14 to train, 6 to evaluate; 4 steps of 4. Nothing was written."""
  )
  assert sorted(tmp_path.rglob("*")) == before


def test_the_report_of_a_frozen_module(tmp_path):
  path = tiny_models.export_module(tmp_path / "1700000000" / "module")
  text = describe(
    tiny_runs.write_config(tmp_path),
    "TRAINABLE = False",
    f"MODULE_HANDLE = '{tmp_path}'",
    "Optimization.regularization_scale = 0.5",
  )
  lines = {
    key: value
    for key, value in re.findall(r"^(\w[\w ]*?)  +(.*)$", text, re.MULTILINE)
  }
  assert handles.resolve(str(tmp_path)) == path
  assert lines["Module"] == path
  assert lines["Tags"] == "{} in training, {} in evaluation and prediction"
  assert lines["Variables"] == "3 in the module, 2 in the head; 2 trained"
  assert lines["Parameters"] == "27, 12 trained, 0 of these in the module"
  assert lines["Regularization losses"] == "0, scaled by 0.5"
  assert lines["Update ops"] == "0"
  assert "module/w       2×3             6  no" in text


@pytest.mark.parametrize(
  ("name", "num_parameters"),
  [
    ("num_parameters", 111),
    ("num_trainable_parameters", 101),
    ("module_trainable_parameters", 1),
  ],
)
def test_parameters_are_summed(name, num_parameters):
  from hub_estimator.models.model_summary import VariableSummary

  summary = ModelSummary(
    module=None,
    signature="default",
    output="default",
    variables=[
      VariableSummary("module/a", (1,), 1, True, True),
      VariableSummary("module/b", (10,), 10, False, True),
      VariableSummary("logits/c", (100,), 100, True, False),
    ],
    regularization_losses=[],
    update_ops=[],
  )
  assert getattr(summary, name) == num_parameters
