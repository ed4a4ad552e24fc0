"""What is compared: ways to train, and the cases that they are run on."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Way:
  """A row of the table, for each case.

  Attributes:
    name: what the table calls it.
    gin_file: its config, in the experiment's folder.
    gin_params: bindings.
    choices: lists of further bindings to choose from.
  """

  name: str
  gin_file: str
  gin_params: Sequence[str] = ()
  choices: Sequence[Sequence[str]] = ((),)


@dataclasses.dataclass(frozen=True)
class Case:
  """What all ways are run on, such as a number of examples."""

  name: str
  gin_params: Sequence[str] = ()


def rates(*values: float, **others: Sequence[Any]) -> list[list[str]]:
  """Returns choices: learning rates, times values of other bindings.

  Args:
    *values: of LEARNING_RATE.
    **others: recipe__argument -> values.
  """
  names = ["LEARNING_RATE", *(n.replace("__", ".") for n in others)]
  return [
    [f"{name} = {value}" for name, value in zip(names, combination)]
    for combination in itertools.product(values, *others.values())
  ]


def run_name(case: Case, way: Way, choice: Sequence[str]) -> str:
  """Returns what names a way's runs: it is their folder's name, too."""
  values = [binding.split("=", 1)[1].strip() for binding in choice]
  return re.sub(r"[^\w.-]+", "_", "-".join([case.name, way.name, *values]))


def short_text(choice: Sequence[str]) -> str:
  """Returns a choice for the table: rates stand there without their name."""
  return ", ".join(
    binding.split(".", 1)[1] if "." in binding.split("=")[0] else binding
    for binding in choice
  ).replace("LEARNING_RATE = ", "")
