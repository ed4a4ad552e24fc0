"""Weights of classes in the training loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from hub_estimator import errors
from hub_estimator.inputs import InputPipeline
from hub_estimator.optimization import argument_checks

BALANCED = "balanced"


def resolve_class_weights(
  place: str,
  class_weights: Any,
  num_classes: int,
  input_pipeline: Optional[InputPipeline],
) -> Optional[list[float]]:
  """Returns a weight for each class.

  Args:
    place: the factory whose argument it is, for messages.
    class_weights: None; a list; {class name or number: weight}, 1 for classes
      that are not there; or "balanced": with n examples, n_k of them of class k
      of K, n / (K n_k), which gives each class the same share of the loss and
      leaves its size as it is.
    num_classes: K.
    input_pipeline: the data, for names and counts.

  Returns:
    the weights in the order of the classes; None if there are none.

  Raises:
    UserError: something else, negative weights, unknown classes, or a class
      without an example to balance.
  """
  place = f"{place}.class_weights"
  if class_weights is None:
    return None
  if class_weights == BALANCED:
    return _balanced(place, num_classes, input_pipeline)
  if isinstance(class_weights, Mapping):
    weights = _by_class(place, class_weights, num_classes, input_pipeline)
  elif isinstance(class_weights, Sequence) and not isinstance(
    class_weights, str
  ):
    weights = list(class_weights)
  else:
    raise errors.UserTypeError(
      f"{place} = {class_weights!r}: it is a list with a weight for each "
      f"class, {{class: weight, …}}, {BALANCED!r}, or None."
    )
  if len(weights) != num_classes:
    raise errors.UserValueError(
      f"{place} has {len(weights)} weights, and there are {num_classes} "
      "classes."
    )
  for weight in weights:
    argument_checks.check_number(place, weight, 0)
  return [float(weight) for weight in weights]


def _by_class(place, class_weights, num_classes, input_pipeline):
  names = list(getattr(input_pipeline, "class_names", None) or [])
  weights = [1.0] * num_classes
  for key, weight in class_weights.items():
    if key in names:
      index = names.index(key)
    elif isinstance(key, int) and 0 <= key < num_classes:
      index = key
    else:
      raise errors.UserValueError(
        f"{place} names the class {key!r}; there are "
        f"{', '.join(map(repr, names or range(num_classes)))}."
      )
    weights[index] = weight
  return weights


def _balanced(place, num_classes, input_pipeline) -> list[float]:
  if input_pipeline is None:
    raise errors.UserValueError(f"{place} = {BALANCED!r} needs the data.")
  counts = input_pipeline.class_counts()
  counts += [0] * (num_classes - len(counts))
  missing = [i for i, count in enumerate(counts) if not count]
  if missing:
    names = input_pipeline.class_names
    raise errors.UserValueError(
      f"{place} = {BALANCED!r}: there is no training example of the class "
      f"{names[missing[0]] if names else missing[0]!r}."
    )
  total = sum(counts)
  return [total / (num_classes * count) for count in counts]
