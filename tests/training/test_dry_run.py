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
Recipe                 none: all trains at one rate
Stages                 steps 0 to 4: module ×1, head ×1

variable       shape  parameters  group   from step  peak rate  penalty
-------------  -----  ----------  ------  ---------  ---------  -------
module/w       2×3             6  module  0          0.01
module/mean    3               3  frozen
module/w_seen  2×3             6  frozen
logits/kernel  3×3             9  head    0          0.01
logits/bias    3               3  head    0          0.01

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
  assert "module/w       2×3             6  frozen" in text


def test_the_report_of_recipes(tmp_path):
  tiny_models.export_module(tmp_path / "module")
  text = describe(
    tiny_runs.write_config(tmp_path),
    f"MODULE_HANDLE = '{tmp_path}/module'",
    "RECIPE = [@l2_sp(), @linear_probe_then_fine_tune()]",
    "l2_sp.alpha = 0.5",
    "linear_probe_then_fine_tune.probe_steps = 1",
    "create_cosine_schedule_fn.warmup_steps = 1",
  )
  assert (
    """\
Recipe                 l2_sp(alpha = 0.5, beta = 0.01, """
    """replace_regularization_losses = True)
                       linear_probe_then_fine_tune(cache_dir = None, """
    """cache_features = False, fine_tuning_multiplier = 0.1, probe_steps = 1)
Stages                 steps 0 to 1: head ×1
                       steps 1 to 4: module ×0.1, head ×0.1
""" in text
  )
  assert "Regularization losses  1, scaled by 0\n" in text
  assert (
    """\
variable       shape  parameters  group   from step  peak rate  penalty
-------------  -----  ----------  ------  ---------  ---------  ---------
module/w       2×3             6  module  1          0.001      l2_sp 0.5
module/mean    3               3  frozen
module/w_seen  2×3             6  frozen
logits/kernel  3×3             9  head    0          0.01       l2 0.01
"""
    in text
  )


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
    groups=[],
  )
  assert getattr(summary, name) == num_parameters
