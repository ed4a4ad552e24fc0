"""What Gin files bind, and what is said of mistakes in them."""

import pathlib
import subprocess
import sys

import gin
import pytest
from gin_test_configurables import (
  MINIMAL,
  gc_train,
  parse,
  parse_problem,
  write,
)

from hub_estimator.training import gin_config, gin_files

OWN = " (a configurable of your own needs an import line for its module)"


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  yield
  gin.clear_config()


# Parsing: what is bound.


def test_files_then_params_bind_and_the_last_wins():
  write(
    "a.gin",
    "gc_train.num_steps = 1\nGcData.name = 'a'\nGcData:\n  batch_size = 2\n",
  )
  write("b.gin", "gc_train.num_steps = 2")
  gin_config.parse_config(["a.gin", "b.gin"], ["gc_train.num_steps=3"])
  assert gin.query_parameter("gc_train.num_steps") == 3
  assert gin.query_parameter("GcData.name") == "a"
  assert gin.query_parameter("GcData.batch_size") == 2


def test_a_parse_replaces_what_was_bound_before():
  parse("GcData.name = 'a'")
  parse("GcData.batch_size = 1")
  with pytest.raises(ValueError, match="no value bound"):
    gin.query_parameter("GcData.name")


def test_gin_builds_from_the_parsed_references():
  parse(
    MINIMAL + "STEPS = 7\ngc_train.num_steps = %STEPS\n"
    "GcModel.head = @b/gc_head_fn\nb/gc_head_fn.num_classes = 3\n"
    "GcModel.hidden = [%GC_PI, {'a': %STEPS}]\n"
  )
  model, data, num_steps, _, _ = gc_train()
  assert (model.handle, data, num_steps) == ("m", None, 7)
  assert model.hidden == [3.0, {"a": 7}]
  assert model.head("f") == ("f", 3)


def test_includes_come_from_the_file_s_folder_then_cwd_then_shipped_configs(
  tmp_path, monkeypatch
):
  shipped = tmp_path / "package" / "configs"
  monkeypatch.setattr(gin_files, "SHIPPED_CONFIGS", shipped)
  write(shipped / "shipped.gin", "GcData.name = 'shipped'")
  write(shipped / "beside.gin", "GcData.batch_size = 1")
  write("cwd.gin", "gc_train.num_steps = 5")
  write("beside.gin", "GcData.batch_size = 2")
  write("runs/beside.gin", "GcData.batch_size = 3")
  write(
    "runs/a.gin",
    "include 'beside.gin'\ninclude 'cwd.gin'\ninclude 'configs/shipped.gin'\n",
  )
  gin_config.parse_config(["runs/a.gin"])
  assert gin.query_parameter("GcData.batch_size") == 3
  assert gin.query_parameter("gc_train.num_steps") == 5
  assert gin.query_parameter("GcData.name") == "shipped"
  gin_config.parse_config(["shipped.gin"])
  assert gin.query_parameter("GcData.name") == "shipped"


def test_imports_register_what_later_lines_name(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(str(tmp_path))
  write(
    "gc_imported.py",
    "import gin\n@gin.register(module='gc_imported')\n"
    "def gc_imported_fn(size=1):\n  return size\n",
  )
  parse("import gc_imported\ngc_imported_fn.size = 2")
  assert gin.query_parameter("gc_imported_fn.size") == 2


# Parsing: problems.


def test_missing_file():
  write("runs/train.gin", "")
  with pytest.raises(gin_config.GinConfigError) as raised:
    gin_config.parse_config(["runs/tran.gin"])
  assert str(raised.value) == (
    "there is no Gin file runs/tran.gin (looked in the working directory, the"
    " shipped configs folder); did you mean runs/train.gin?"
  )


def test_missing_absolute_file(tmp_path):
  with pytest.raises(gin_config.GinConfigError) as raised:
    gin_config.parse_config([tmp_path / "none" / "zzz.gin"])
  assert str(raised.value) == f"there is no Gin file {tmp_path}/none/zzz.gin"


def test_missing_include():
  write("runs/parts.gin", "")
  write("runs/a.gin", "\ninclude 'part.gin'\n")
  with pytest.raises(gin_config.GinConfigError) as raised:
    gin_config.parse_config(["runs/a.gin"])
  assert str(raised.value) == (
    "runs/a.gin:2: there is no Gin file part.gin (looked in the folder of"
    " runs/a.gin, the working directory, the shipped configs folder); did you"
    " mean runs/parts.gin?"
  )


def test_include_of_itself():
  write("b.gin", "include 'a.gin'")
  assert parse_problem("include 'b.gin'") == (
    "b.gin:1: a.gin includes itself: a.gin → b.gin → a.gin"
  )


def test_unreadable_file():
  pathlib.Path("a.gin").write_bytes(b"\xff")
  with pytest.raises(gin_config.GinConfigError) as raised:
    gin_config.parse_config(["a.gin"])
  assert str(raised.value) == (
    "cannot read a.gin as UTF-8 text: 'utf-8' codec can't decode byte 0xff in"
    " position 0: invalid start byte"
  )


@pytest.mark.parametrize(
  "line, reason",
  [
    ("GcData.name = abc", 'abc is not a value; strings need quotes: "abc"'),
    (
      "GcData.name = true",
      'true is not a value; did you mean True? strings need quotes: "true"',
    ),
    (
      "GcData.name = /tmp/x",
      "no value can be read in GcData.name = /tmp/x; strings need quotes",
    ),
    ("GcData.name 3", "GcData.name 3 is not a binding; write NAME = value"),
    (
      "GcData..name = 3",
      "Malformatted scope or selector, in GcData..name = 3",
    ),
    ("GcData.name = 1 2", "Expected newline, in GcData.name = 1 2"),
    (
      "GcData.name = {[1]: 2}",
      "unhashable type: 'list', in GcData.name = {[1]: 2}",
    ),
  ],
)
def test_syntax_errors(line, reason):
  assert parse_problem(line + "\n") == f"a.gin:1: syntax error: {reason}"
  assert parse_problem("", line) == (
    f'--gin_param "{line}": syntax error: {reason}'
  )


def test_syntax_error_of_an_open_bracket_names_the_file():
  assert parse_problem("GcData.name = (1,\n").startswith("a.gin:")


def test_empty_param():
  assert parse_problem("", "") == (
    '--gin_param "": no binding in it; write NAME = value'
  )


def test_unknown_configurable():
  assert parse_problem("\nGcDate.name = 3") == (
    "a.gin:2: GcDate.name: there is no configurable GcDate; did you mean"
    f" GcData?{OWN}"
  )


def test_unknown_configurable_like_no_other_lists_those_there_are():
  message = parse_problem("zzzzzz.name = 3")
  assert message.startswith(
    "a.gin:1: zzzzzz.name: there is no configurable zzzzzz; there are: "
  )
  assert "GcData, GcModel, " in message
  assert message.endswith(OWN)


def test_an_unknown_configurable_is_said_once():
  text = "GcDate.name = 3\nGcDate.batch_size = 3\ngc_train.data = @GcDate()\n"
  assert parse_problem(text) == (
    "a.gin:1: GcDate.name: there is no configurable GcDate; did you mean"
    f" GcData?{OWN}"
  )


def test_unknown_parameter():
  assert parse_problem("b/GcData.batchsize = 3") == (
    "a.gin:1: b/GcData.batchsize: GcData has no parameter batchsize; did you"
    " mean batch_size?"
  )


def test_unknown_parameter_like_no_other_lists_those_there_are():
  assert parse_problem("GcData.zzz = 3") == (
    "a.gin:1: GcData.zzz: GcData has no parameter zzz; there are: batch_size,"
    " name"
  )


def test_parameter_of_the_program():
  assert parse_problem("gc_train.run_dir = 'a'") == (
    "a.gin:1: gc_train.run_dir: run_dir of gc_train is set by the program, not"
    " by a configuration"
  )


def test_any_parameter_is_taken_where_the_signature_takes_it():
  parse("gc_any.whatever = 3")
  assert gin.query_parameter("gc_any.whatever") == 3


def test_unknown_reference():
  assert parse_problem("gc_train.data = [@GcDat()]") == (
    "a.gin:1: gc_train.data: there is no configurable @GcDat; did you mean"
    f" @GcData?{OWN}"
  )


def test_ambiguous_configurable():
  assert parse_problem("gc_twin.size = 3") == (
    "a.gin:1: gc_twin.size: gc_twin is ambiguous: gin_config_test.one.gc_twin,"
    " gin_config_test.two.gc_twin"
  )


def test_ambiguous_constant():
  gin.constant("gc_one.GC_TWIN", 1)
  gin.constant("gc_two.GC_TWIN", 2)
  assert parse_problem("GcData.name = %GC_TWIN") == (
    "a.gin:1: GcData.name: %GC_TWIN is ambiguous: gc_one.GC_TWIN,"
    " gc_two.GC_TWIN"
  )


def test_a_method_is_named_with_its_class():
  assert parse_problem("gc_decay.rate = 3") == (
    "a.gin:1: gc_decay.rate: there is no configurable gc_decay; did you mean"
    f" GcSchedule.gc_decay?{OWN}"
  )
  parse("GcSchedule.gc_decay.rate = 3")
  assert gin.query_parameter("GcSchedule.gc_decay.rate") == 3


def test_macro_of_no_name():
  assert parse_problem("macro.value = 3") == (
    "a.gin:1: macro.value names no macro"
  )


def test_unknown_macro():
  text = "STEPS = 3\ngc_train.num_steps = %STEP"
  assert parse_problem(text) == (
    "a.gin:2: gc_train.num_steps: no macro %STEP is defined; did you mean"
    " %STEPS?"
  )


def test_unknown_macro_where_none_is_defined():
  assert parse_problem("gc_train.num_steps = %STEP") == (
    "a.gin:1: gc_train.num_steps: no macro %STEP is defined; there are none"
  )


def test_an_overridden_binding_may_use_a_macro_that_is_not_there():
  parse("gc_train.num_steps = %STEP", "gc_train.num_steps = 3")
  assert gin.query_parameter("gc_train.num_steps") == 3


def test_macros_that_define_each_other():
  assert parse_problem("A = %B\nB = %A\nC = %A") == (
    "2 problems in the configuration: (1) a.gin:1: A: the macro is defined by"
    " itself: %A → %B → %A; (2) a.gin:2: B: the macro is defined by itself: %B"
    " → %A → %B"
  )


def test_import_of_a_module_that_is_not_there():
  assert parse_problem("import hub_estimator.trainin") == (
    "a.gin:1: cannot import hub_estimator.trainin: there is no module"
    " hub_estimator.trainin; did you mean hub_estimator.training?"
  )


def test_import_of_a_package_that_is_not_there():
  assert parse_problem("import hub_estimatr.training") == (
    "a.gin:1: cannot import hub_estimatr.training: there is no module"
    " hub_estimatr; did you mean hub_estimator?"
  )


def test_import_of_a_module_that_needs_another(tmp_path, monkeypatch):
  monkeypatch.syspath_prepend(str(tmp_path))
  write("gc_broken.py", "import zzz_not_there")
  assert parse_problem("import gc_broken") == (
    "a.gin:1: importing gc_broken fails: No module named 'zzz_not_there'"
  )


def test_dynamic_registration_is_refused():
  assert parse_problem("from __gin__ import dynamic_registration") == (
    "a.gin:1: Gin's dynamic_registration is not supported; register objects"
    " with gin.register and import the module that does"
  )


def test_all_problems_are_collected_and_nothing_is_bound():
  write("b.gin", "GcData.name = \n")
  gin.bind_parameter("GcData.name", "before")
  with pytest.raises(gin_config.GinConfigError) as raised:
    gin_config.parse_config(
      [write("a.gin", "GcDate.name = 1\nGcData.nam = 1"), "b.gin"],
      ["GcData.batch_size = 3", "nmae = @no_such_thing()"],
    )
  message = str(raised.value)
  assert message.startswith("4 problems in the configuration: (1) b.gin:1: ")
  assert "\n" not in message
  assert len(raised.value.problems) == 4
  with pytest.raises(ValueError, match="no bound parameters"):
    gin.query_parameter("GcData.name")


def test_files_are_checked_without_imports_and_registry():
  gin.bind_parameter("GcData.name", "before")
  write("a.gin", "import zzz_not_there\nGcDate.name = %NOT_THERE\n")
  gin_config.check_files(["a.gin"], ["X = @not_there()"])
  with pytest.raises(gin_config.GinConfigError) as raised:
    gin_config.check_files(["a.gin"], ["X = a", "X"])
  assert str(raised.value) == (
    '2 problems in the configuration: (1) --gin_param "X = a": syntax error: a'
    ' is not a value; strings need quotes: "a"; (2) --gin_param "X": syntax'
    " error: X is not a binding; write NAME = value"
  )
  assert gin.query_parameter("GcData.name") == "before"


def test_parsing_imports_no_tensorflow():
  code = (
    "import sys; from hub_estimator.training import gin_config;"
    "gin_config.parse_config(['a.gin'], ['X = 1']);"
    "print('tensorflow' in sys.modules)"
  )
  write("a.gin", "")
  package = str(pathlib.Path(gin_files.__file__).parents[2])
  output = subprocess.run(
    [sys.executable, "-c", code],
    env={"PYTHONPATH": package},
    capture_output=True,
    text=True,
    check=True,
  ).stdout
  assert output == "False\n"
