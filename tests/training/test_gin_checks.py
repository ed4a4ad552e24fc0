"""What is said of bindings that are missing or have no effect."""

import gin
import pytest
from gin_test_configurables import (
  MINIMAL,
  ROOT,
  check_problem,
  gc_train,
  parse,
  write,
)

from hub_estimator import handles  # noqa: F401  # Registers its mirrors.
from hub_estimator.training import gin_config


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  yield
  gin.clear_config()


def test_a_complete_configuration_passes():
  parse(
    MINIMAL + "STEPS = 3\ngc_train.num_steps = %STEPS\n"
    "gc_train.data = @GcData()\nGcData.batch_size = 3\n"
  )
  gin_config.check_config(ROOT)


def test_required_macro():
  text = (
    "HANDLE = %gin.REQUIRED  # a module's folder,\n"
    "                        # or a run's\n"
    "gc_train.model = @GcModel()\nGcModel.handle = %HANDLE\n"
  )
  assert check_problem(text) == (
    "HANDLE is required (a.gin:1, \"a module's folder, or a run's\"): set it"
    " with --gin_param='HANDLE = \"…\"'"
  )
  parse(text, "HANDLE = 'x'")
  gin_config.check_config(ROOT)


def test_required_number_is_shown_without_quotes():
  text = MINIMAL + "STEPS = %gin.REQUIRED\ngc_train.num_steps = %STEPS\n"
  assert check_problem(text) == (
    "STEPS is required (a.gin:3): set it with --gin_param='STEPS = …'"
  )


def test_required_object_is_shown_without_quotes():
  text = "MODEL = %gin.REQUIRED\ngc_train.model = %MODEL\n"
  assert check_problem(text, "GcModel.handle = 'x'") == (
    "MODEL is required (a.gin:1): set it with --gin_param='MODEL = …'"
  )


def test_while_something_is_missing_only_its_misspellings_are_unused():
  # WIDTH may be used by what HANDLE is going to be.
  text = (
    "HANDLE = %gin.REQUIRED\nWIDTH = 3\ngc_train.model = @GcModel()\n"
    "GcModel.handle = %HANDLE\n"
  )
  assert check_problem(text, "HANDEL = 'x'") == (
    "2 problems in the configuration: (1) HANDLE is required (a.gin:1): set it"
    " with --gin_param='HANDLE = \"…\"'; (2) --gin_param \"HANDEL = 'x'\":"
    " nothing uses the macro HANDEL; did you mean HANDLE?"
  )


def test_required_binding():
  text = "gc_train.model = @GcModel()\nGcModel.handle = %gin.REQUIRED  # it\n"
  assert check_problem(text) == (
    'GcModel.handle is required (a.gin:2, "it"): set it with'
    " --gin_param='GcModel.handle = \"…\"'"
  )


def test_parameter_without_value():
  assert check_problem("gc_train.model = @a/GcModel()") == (
    "GcModel.handle has no value and no default (gc_train.model uses GcModel,"
    " a.gin:1): bind it in a configuration or with --gin_param='GcModel.handle"
    ' = "…"\''
  )


def test_parameter_of_the_root_without_value():
  assert check_problem("") == (
    "gc_train.model has no value and no default: bind it in a configuration or"
    " with --gin_param='gc_train.model = …'"
  )


def test_what_the_caller_of_a_reference_passes_is_not_missing():
  # `features` is passed by the caller; `num_classes` is gin.REQUIRED.
  text = MINIMAL + "GcModel.head = @gc_head_fn\n"
  assert check_problem(text) == (
    "gc_head_fn.num_classes has no value and no default (GcModel.head uses"
    " gc_head_fn, a.gin:3): bind it in a configuration or with"
    " --gin_param='gc_head_fn.num_classes = …'"
  )


def test_unused_macro_of_a_file():
  text = MINIMAL + "STEPS = 3\ngc_train.num_steps = %STEPS\nSTEPZ = 4\n"
  assert check_problem(text) == (
    "a.gin:5: nothing uses the macro STEPZ; did you mean STEPS?"
  )


def test_unused_macro_of_an_included_file_and_of_a_param():
  write("parts/b.gin", "\n\nWIDTH = 3\n")
  text = MINIMAL + "include 'parts/b.gin'\n"
  assert check_problem(text, "NUM_STEPS = 4") == (
    "2 problems in the configuration: (1) parts/b.gin:3: nothing uses the"
    ' macro WIDTH; (2) --gin_param "NUM_STEPS = 4": nothing uses the macro'
    " NUM_STEPS; did you mean gc_train.num_steps?"
  )


def test_a_macro_whose_only_use_is_overridden_is_unused():
  text = MINIMAL + "STEPS = 3\ngc_train.num_steps = %STEPS\n"
  assert check_problem(text, "gc_train.num_steps = 4") == (
    "a.gin:3: nothing uses the macro STEPS; did you mean gc_train.num_steps?"
  )


def test_macro_of_an_unused_macro_is_unused():
  text = MINIMAL + "AAAA = 3\nBBBB = %AAAA\n"
  assert check_problem(text) == (
    "2 problems in the configuration: (1) a.gin:3: nothing uses the macro"
    " AAAA; (2) a.gin:4: nothing uses the macro BBBB"
  )


def test_binding_of_a_configurable_that_is_not_reached():
  text = MINIMAL + "gc_train.data = @GcData()\ngc_any.batch_size = 3\n"
  assert check_problem(text) == (
    "a.gin:4: gc_any.batch_size has no effect: nothing that gc_train uses is"
    " gc_any; did you mean GcData.batch_size?"
  )


def test_binding_in_a_scope_that_is_not_used():
  text = MINIMAL + "b/GcModel.hidden = ()\n"
  assert check_problem(text) == (
    "a.gin:3: b/GcModel.hidden has no effect on what is used: GcModel"
  )


def test_binding_that_a_scope_overrides():
  text = (
    "gc_train.model = @a/GcModel()\nGcModel.handle = 'x'\n"
    "a/GcModel.handle = 'y'\nGcModel.hidden = ()\n"
  )
  assert check_problem(text) == (
    "a.gin:2: GcModel.handle has no effect on what is used: a/GcModel"
  )


def test_an_object_that_needs_itself():
  assert check_problem(MINIMAL + "GcModel.extra = [@GcModel()]\n") == (
    "a.gin:3: GcModel.extra: building GcModel needs itself"
  )


def test_scopes_are_followed_as_gin_applies_them():
  # Evaluated inside scope a: GcData there has a/GcData's batch size; the value
  # of macro HEAD is evaluated in scope HEAD.
  text = (
    "gc_train.model = @a/GcModel()\nGcModel.handle = 'x'\n"
    "GcModel.extra = @GcData()\na/GcData.batch_size = 5\n"
    "HEAD = @gc_any()\na/GcModel.head = %HEAD\nHEAD/gc_any.size = 6\n"
  )
  parse(text)
  gin_config.check_config(ROOT)
  model = gc_train()[0]
  assert (model.extra.batch_size, model.head) == (5, {"size": 6})
  assert gin_config.effective_config(ROOT) == {
    "HEAD/gc_any.size": "6",
    "a/GcData.batch_size": "5",
    "a/GcData.name": '"digits"',
    "a/GcModel.extra": "@GcData()",
    "a/GcModel.handle": '"x"',
    "a/GcModel.head": "@gc_any()",
    "a/GcModel.hidden": "(8, 4)",
    "gc_train.data": "None",
    "gc_train.model": "@a/GcModel()",
    "gc_train.num_steps": "100",
  }


def test_what_python_code_bound_is_checked_too():
  parse(MINIMAL)
  gin.bind_parameter("GcData.name", "x")
  with pytest.raises(gin_config.GinConfigError) as raised:
    gin_config.check_config(ROOT)
  assert str(raised.value) == (
    "gin.bind_parameter: GcData.name has no effect: nothing that gc_train uses"
    " is GcData"
  )


def test_mirrors_of_handles_are_used_without_a_reference():
  parse(MINIMAL + 'handle_mirrors.mirrors = {"https://tfhub.dev/": "/m/"}\n')
  gin_config.check_config(ROOT)
  assert "handle_mirrors.mirrors" in gin_config.effective_config(ROOT)


REPLACED = """
gc_train.model = @GcModel()
GcModel.handle = "m"
GcModel.hidden = %SIZES
SIZES = [3]
gc_train.num_steps = 3
"""


def test_bindings_of_a_replaced_object_are_no_problem():
  # As if the first lines were an included file.
  parse(REPLACED, "gc_train.model = None")
  gin_config.check_config(ROOT)
  assert "GcModel" not in gin_config.operative_config_text(root=ROOT)


def test_bindings_that_come_after_the_replacement_are():
  message = check_problem(
    REPLACED, "gc_train.model = None", 'GcModel.handle = "n"'
  )
  assert "GcModel.handle has no effect" in message


def test_an_object_that_is_used_elsewhere_keeps_its_bindings():
  parse(REPLACED, "gc_train.data = @GcModel()", "gc_train.model = None")
  gin_config.check_config(ROOT)
  assert "GcModel.hidden = %SIZES" in gin_config.operative_config_text(
    root=ROOT
  )
