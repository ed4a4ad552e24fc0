"""The package's log records as lines of a command."""

import logging

import pytest

from hub_estimator.training.log_lines import package_log_lines


def test_warnings_become_lines(caplog):
  logger = logging.getLogger("hub_estimator.some.part")
  lines = []
  with package_log_lines(lines.append):
    logger.warning("There are %d of them.", 3)
    logger.error("It failed.")
    logger.info("Nobody asked.")
    logging.getLogger("tensorflow").warning("Not ours.")
  logger.warning("As before.")
  assert lines == ["warning: There are 3 of them.", "error: It failed."]
  # Elsewhere they appear only outside of the block.
  assert "As before." in caplog.messages
  assert "It failed." not in caplog.messages


def test_an_exception_ends_it():
  lines = []
  with pytest.raises(KeyError), package_log_lines(lines.append):
    raise KeyError
  logging.getLogger("hub_estimator").warning("After it.")
  assert lines == []
