"""The parameters of a search space: choices, or a range of numbers.

A value of a parameter is what Optuna holds of it: None, a bool, a number or
text. A choice that is something else in Gin (a reference, a list) is its Gin
text there.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any, Optional, Union

from hub_estimator import errors
from hub_estimator.sweeps.conditions import Value, When
from hub_estimator.sweeps.range_parameter import RangeParameter
from hub_estimator.training.gin_resolution import value_text

if TYPE_CHECKING:
  import optuna


@dataclasses.dataclass(frozen=True)
class Choice:
  """One of the choices of a parameter.

  Attributes:
    data: as Gin's reader gives it: literals and `gin_values` nodes.
    text: what a Gin file says for it, on one line.
    value: what Optuna holds for it.
  """

  data: Any
  text: str
  value: Value

  @classmethod
  def of(cls, data: Any) -> Choice:
    """Returns the choice for what Gin's reader gave."""
    text = value_text(data)
    plain = data is None or type(data) in (bool, int, float, str)
    return cls(data, text, data if plain else text)


@dataclasses.dataclass(frozen=True)
class ChoiceParameter:
  """A parameter with a list of choices.

  Attributes:
    name: of the macro or binding.
    choices: in the order in which they are written.
    when: the condition; empty if the parameter is always there.
  """

  name: str
  choices: tuple[Choice, ...]
  when: When = dataclasses.field(default_factory=dict)

  @property
  def values(self) -> tuple[Value, ...]:
    """What Optuna holds for the choices."""
    return tuple(choice.value for choice in self.choices)

  @property
  def is_numeric(self) -> bool:
    """Whether all choices are numbers."""
    return all(type(value) in (int, float) for value in self.values)

  @property
  def num_values(self) -> Optional[int]:
    """How many values there are."""
    return len(self.choices)

  @property
  def ends(self) -> tuple[Value, ...]:
    """What has to be tried to have tried everything: all choices."""
    return self.values

  @property
  def grid_size(self) -> int:
    """How many values are on a grid."""
    return len(self.choices)

  @property
  def grid_problem(self) -> str:
    """Why a grid cannot be made of it: never."""
    return ""

  def grid_values(self) -> tuple[Value, ...]:
    """Returns the values on a grid."""
    return self.values

  def all_values(self) -> tuple[Value, ...]:
    """Returns all values."""
    return self.values

  def draw(self, generator: random.Random) -> Value:
    """Returns a random value."""
    # `random` is the one method whose numbers Python promises to keep.
    return self.values[int(generator.random() * len(self.choices))]

  def text(self, value: Value) -> str:
    """Returns what a Gin file says for a value.

    Raises:
      UserValueError: it is none of the choices.
    """
    for choice in self.choices:
      if choice.value == value:
        return choice.text
    texts = ", ".join(choice.text for choice in self.choices)
    raise errors.UserValueError(
      f"{self.name} = {value!r} is no choice of the search space; there are: "
      f"{texts}"
    )

  def suggest(self, trial: optuna.Trial) -> Value:
    """Returns the value that an Optuna trial takes."""
    return trial.suggest_categorical(self.name, self.values)

  def distribution(self) -> optuna.distributions.BaseDistribution:
    """Returns Optuna's description of the parameter."""
    from optuna import distributions

    return distributions.CategoricalDistribution(self.values)

  def to_json(self) -> dict[str, Any]:
    """Returns what tells the parameter from others, but for its condition."""
    return {
      "name": self.name,
      "choices": [choice.text for choice in self.choices],
    }


Parameter = Union[ChoiceParameter, RangeParameter]
