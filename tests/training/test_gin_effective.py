"""Effective configurations, their differences, and writing them."""

import gin
import pytest
from gin_test_configurables import (
  MINIMAL,
  ROOT,
  parse,
  write,
)

from hub_estimator.training import gin_config


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  yield
  gin.clear_config()


def test_effective_config_has_bound_values_and_defaults():
  parse(
    MINIMAL + "SIZE = 3\nGcModel.hidden = [%SIZE, {'a': %SIZE}]\n"
    "GcModel.head = @b/gc_head_fn\ngc_head_fn.num_classes = %GC_PI\n"
  )
  # on_end_fn's default is a function: no Gin text, so it is left out.
  assert gin_config.effective_config(ROOT) == {
    "GcModel.extra": "None",
    "GcModel.handle": '"m"',
    "GcModel.head": "@b/gc_head_fn",
    "GcModel.hidden": '[3, {"a": 3}]',
    "gc_head_fn.num_classes": "%gin_config_test.GC_PI",
    "gc_train.data": "None",
    "gc_train.model": "@GcModel()",
    "gc_train.num_steps": "100",
  }
  assert list(gin_config.effective_config(ROOT)) == sorted(
    gin_config.effective_config(ROOT)
  )


def test_effective_config_refuses_values_without_text():
  parse(MINIMAL)
  gin.bind_parameter("GcModel.extra", [object()])
  for function in (
    lambda: gin_config.effective_config(ROOT),
    lambda: gin_config.operative_config_text("", ROOT),
  ):
    with pytest.raises(gin_config.GinConfigError) as raised:
      function()
    assert str(raised.value) == (
      "gin.bind_parameter: GcModel.extra: a value of type object cannot"
      " be written in a Gin file; bind a literal, a reference (@name) or a"
      " constant (gin.constant)"
    )


def test_differences():
  old = {"a.x": "1", "a.y": "2", "b.x": "3"}
  new = {"a.x": "1", "a.y": "5", "c.x": '"z"'}
  assert gin_config.config_differences(old, new) == [
    "a.y: 2 there, 5 here",
    "b.x: 3 there, not used here",
    'c.x: not used there, "z" here',
  ]


def test_effective_config_of_a_file_leaves_what_is_bound():
  parse(MINIMAL, "gc_train.num_steps = 500")
  before = gin.config_str()
  path = write("old.gin", MINIMAL + "gc_train.num_steps = 300\n")
  old = gin_config.effective_config_of_file(path, ROOT)
  assert gin.config_str() == before
  assert gin_config.config_differences(
    old, gin_config.effective_config(ROOT)
  ) == ["gc_train.num_steps: 300 there, 500 here"]


def test_effective_config_of_a_file_that_is_wrong():
  with pytest.raises(gin_config.GinConfigError, match="no configurable GcDat"):
    gin_config.effective_config_of_file(write("a.gin", "GcDat.name = 1"), ROOT)


# The operative configuration.


def test_operative_config_text(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(str(tmp_path))
  write("gc_imported_too.py", "")
  parse(
    "import gc_imported_too\nSIZE = 3\nHANDLE = %gin.REQUIRED\n"
    "gc_train.model = @GcModel()\nGcModel.handle = %HANDLE\n"
    "GcModel.hidden = (%SIZE,)\n",
    'HANDLE = "it\'s"',
  )
  rule = "# " + "=" * 78
  text = gin_config.operative_config_text("One.\n\nTwo.", ROOT)
  assert (
    text
    == f"""# One.
#
# Two.

import gc_imported_too

# Macros:
{rule}
SIZE = 3
HANDLE = "it's"

# Parameters for gc_train:
{rule}
gc_train.model = @GcModel()
# Defaults:
gc_train.data = None
gc_train.num_steps = 100

# Parameters for GcModel:
{rule}
GcModel.handle = %HANDLE
GcModel.hidden = (%SIZE,)
# Defaults:
GcModel.head = None
GcModel.extra = None
"""
  )


ROUND_TRIPS = {
  "minimal": MINIMAL,
  "values": MINIMAL
  + r"""
GcModel.hidden = (1,)
GcModel.extra = [1e999, -1e999, -0.5, b'\x00', 'a"\'\n\\é', {'k': (None, [])}]
GcModel.head = {'a_long_key': 'a long value', 'b': [1, 2, 3], 'c': True}
gc_train.data = ('aaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbb', 'cccccccccc')
""",
  "scopes": """
gc_train.model = @a/GcModel()
gc_train.data = [@GcData(), @c/d/GcData(), @GcData]
GcModel.handle = 'x'
a/GcModel.extra = @GcData()
a/GcData.batch_size = 5
c/GcData.name = 'c'
c/d/GcData.batch_size = 6
GcData.name = 'all'
HEAD = @gc_any()
a/GcModel.head = %HEAD
HEAD/gc_any.size = %s/SIZE
s/SIZE = 8
""",
  "references": MINIMAL
  + """
GcModel.head = @b/gc_head_fn
b/gc_head_fn.num_classes = %GC_PI
GcModel.extra = @s/singleton()
s/singleton.constructor = @one.gc_twin
""",
}


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_operative_config_gives_the_same_run(name):
  parse(ROUND_TRIPS[name])
  gin_config.check_config(ROOT)
  effective = gin_config.effective_config(ROOT)
  text = gin_config.operative_config_text("A run.", ROOT)
  write("config.gin", text)
  assert gin_config.effective_config_of_file("config.gin", ROOT) == effective
  gin_config.parse_config(["config.gin"])
  gin_config.check_config(ROOT)
  assert gin_config.effective_config(ROOT) == effective
  # Written again, the defaults are bindings: nothing else changes.
  again = gin_config.operative_config_text("A run.", ROOT)
  write("again.gin", again)
  assert gin_config.effective_config_of_file("again.gin", ROOT) == effective


def test_long_values_are_broken_at_their_items():
  parse(MINIMAL + f"GcModel.hidden = {['x' * 30, 'y' * 30, 'z' * 30]}\n")
  xs, ys, zs = ("x" * 30, "y" * 30, "z" * 30)
  assert (
    f'GcModel.hidden = [\n  "{xs}",\n  "{ys}",\n  "{zs}",\n]\n'
    in gin_config.operative_config_text("", ROOT)
  )
