"""What the tests of the errors of the contract share."""

import hub_module_fns
import pytest

from hub_estimator import errors, hub

fns = hub_module_fns
TAGS = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]


def spec(module_fn=fns.scale, tags_and_args=None):
  return hub.create_module_spec(module_fn, tags_and_args)


def export(path, module_fn=fns.scale, **arguments):
  return fns.export(module_fn, path / "m", **arguments)


def define(build):
  """Returns a row that defines a module."""
  return lambda path: spec(build)


def check_error(error, text, row, path):
  """Checks that a row raises an error that says what is wrong.

  Args:
    error: its type.
    text: a pattern that its text has.
    row: called with the path of a folder, raises it.
    path: the path.
  """
  with pytest.raises(error, match=text) as caught:
    row(path)
  assert isinstance(caught.value, errors.UserError)
  # The two lines of the text about collections are given by the contract.
  assert "\n" not in str(caught.value).replace("\nUse hub.create_module", "")
  assert "Traceback" not in str(caught.value)
