"""Configurables and helpers of the tests of Gin configurations.

Gin has one registry for the process, so the names occur nowhere else.
"""

import pathlib
from typing import Optional

import gin
import pytest

from hub_estimator.training import gin_config

MODULE = "gin_config_test"


@gin.configurable(module=MODULE, denylist=["run_dir"])
def gc_train(
  model: object = gin.REQUIRED,
  data=None,
  num_steps: int = 100,
  run_dir=None,
  on_end_fn=print,
):
  return model, data, num_steps, run_dir, on_end_fn


@gin.register(module=MODULE)
class GcModel:
  def __init__(self, handle: str, hidden=(8, 4), head=None, extra=None):
    self.handle = handle
    self.hidden = hidden
    self.head = head
    self.extra = extra


@gin.register(module=MODULE)
class GcData:
  def __init__(self, batch_size: Optional[int] = 32, name="digits"):
    self.batch_size = batch_size
    self.name = name


@gin.register(module=MODULE)
def gc_head_fn(features, num_classes=gin.REQUIRED):
  return features, num_classes


@gin.register(module=MODULE)
def gc_any(**parameters):
  return parameters


@gin.register(module=MODULE)
class GcSchedule:
  @gin.register
  def gc_decay(self, rate=0.5):
    return rate


@gin.register("gc_twin", module=f"{MODULE}.one")
def _twin_one(size=1):
  return size


@gin.register("gc_twin", module=f"{MODULE}.two")
def _twin_two(size=2):
  return size


gin.constant(f"{MODULE}.GC_PI", 3.0)

ROOT = "gc_train"
MINIMAL = 'gc_train.model = @GcModel()\nGcModel.handle = "m"\n'


def write(name, text):
  path = pathlib.Path(name)
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text)
  return name


def parse(text, *params):
  gin_config.parse_config([write("a.gin", text)], params)


def parse_problem(text, *params):
  with pytest.raises(gin_config.GinConfigError) as raised:
    parse(text, *params)
  return str(raised.value)


def check_problem(text, *params):
  parse(text, *params)
  with pytest.raises(gin_config.GinConfigError) as raised:
    gin_config.check_config(ROOT)
  return str(raised.value)
