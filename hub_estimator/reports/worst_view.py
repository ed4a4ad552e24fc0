"""The examples that a model got most wrong, with their text or image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator.evaluation import Outcomes, WorstExample
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL
from hub_estimator.reports.html_text import (
  Html,
  element,
  format_number,
  join,
)
from hub_estimator.reports.png_files import (
  data_uri,
  encode_png,
  image_pixels,
  is_image,
)

_LONGEST_TEXT = 1000
_MAX_NUMBERS = 12
_MAX_NAMES = 10
# Smaller images are shown with their pixels.
_SMALL_IMAGE = 64


def worst_view(
  outcomes: Outcomes, value_range: Optional[tuple[float, float]] = None
) -> Html:
  """Returns a card for each of the worst examples.

  Args:
    outcomes: with `worst`.
    value_range: of images; see `png_files.image_pixels`.
  """
  cards = [_card(outcomes, e, value_range) for e in outcomes.worst]
  return element("div", *cards, class_="cards")


def _card(outcomes: Outcomes, example: WorstExample, value_range) -> Html:
  facts = [*_facts(outcomes, example.index), ("loss", example.loss)]
  facts.append(("example", f"{example.index:,}"))
  return element(
    "div",
    *_features(example.features, value_range),
    element(
      "dl",
      *(
        join([element("dt", name), element("dd", _value(value))])
        for name, value in facts
      ),
    ),
    class_="card",
  )


def _value(value: Any) -> Any:
  return format_number(value) if isinstance(value, float) else value


def _facts(outcomes: Outcomes, index: int):
  label, scores = outcomes.labels[index], outcomes.scores[index]
  if outcomes.kind == CLASS:
    predicted = int(scores.argmax())
    return [
      ("label", _with_score(outcomes, int(label), scores)),
      ("prediction", _with_score(outcomes, predicted, scores)),
    ]
  if outcomes.kind == MULTI_LABEL:
    return [
      ("labels", _classes(outcomes, label == 1, scores)),
      ("predictions", _classes(outcomes, scores > 0.5, scores)),
    ]
  return [("label", _numbers(label)), ("prediction", _numbers(scores))]


def _with_score(outcomes: Outcomes, number: int, scores) -> str:
  return f"{outcomes.class_name(number)} ({scores[number]:.1%})"


def _classes(outcomes: Outcomes, chosen, scores) -> str:
  numbers = np.flatnonzero(chosen)
  names = [_with_score(outcomes, n, scores) for n in numbers[:_MAX_NAMES]]
  if len(numbers) > _MAX_NAMES:
    names.append(f"{len(numbers) - _MAX_NAMES} more")
  return ", ".join(names) or "none"


def _features(features: Mapping[str, np.ndarray], value_range) -> list[Html]:
  several = len(features) > 1
  return [
    _feature(name if several else None, np.asarray(array), value_range)
    for name, array in features.items()
  ]


def _feature(name: Optional[str], array: np.ndarray, value_range) -> Html:
  parts = []
  if name is not None:
    parts.append(element("div", name, class_="soft"))
  if array.dtype.kind in "OSU":
    texts = [_text(value) for value in array.reshape(-1).tolist()]
    parts.append(element("blockquote", " | ".join(texts), dir="auto"))
  elif is_image(array):
    kind = "small" if max(array.shape[:2]) < _SMALL_IMAGE else None
    address = data_uri(encode_png(image_pixels(array, value_range)))
    parts.append(_image(address, kind))
  else:
    parts.append(element("blockquote", _numbers(array)))
  return join(parts)


def _image(address: str, kind: Optional[str]) -> Html:
  css = f' class="{kind}"' if kind else ""
  return Html(f'<img{css} src="{address}" alt="the example\'s image">')


def _text(value: Any) -> str:
  if isinstance(value, bytes):
    value = value.decode("utf-8", errors="replace")
  text = str(value)
  if len(text) <= _LONGEST_TEXT:
    return text
  return f"{text[:_LONGEST_TEXT]}\N{HORIZONTAL ELLIPSIS}"


def _numbers(array: Any) -> str:
  values = np.asarray(array).reshape(-1).tolist()
  text = ", ".join(format_number(value) for value in values[:_MAX_NUMBERS])
  if len(values) > _MAX_NUMBERS:
    shape = " \N{MULTIPLICATION SIGN} ".join(map(str, np.shape(array)))
    text += f" \N{HORIZONTAL ELLIPSIS} ({shape} numbers)"
  return text
