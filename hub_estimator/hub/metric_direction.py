"""Whether high or low values of a metric are good."""

from __future__ import annotations

import difflib
import re

from hub_estimator import errors

MODES = ("auto", "max", "min")
# Parts of metrics' names that say which values are good.
_HIGH_IS_GOOD = frozenset(
  ("accuracy", "acc", "auc", "f1", "precision", "recall", "specificity")
  + ("sensitivity", "iou", "map", "mrr", "ndcg", "bleu", "correlation")
)
_LOW_IS_GOOD = frozenset(
  ("loss", "error", "errors", "err", "rmse", "mse", "mae", "mape")
  + ("perplexity", "divergence", "distance")
)


def sign_of(
  metric: str,
  mode: str = "auto",
  metric_argument: str = "metric",
  mode_argument: str = "mode",
) -> int:
  """Returns 1 if high values of a metric are good and -1 if low ones are.

  Args:
    metric: its name.
    mode: "max", "min", or "auto", which goes by the words of the name.
    metric_argument: what the name was given as, for messages.
    mode_argument: what the mode was given as, for messages.

  Raises:
    UserValueError: another mode, or a name that does not say it.
  """
  if mode not in MODES:
    raise errors.UserValueError(
      f"`{mode_argument}` is one of {', '.join(map(repr, MODES))}; got "
      f"{mode!r}."
    )
  if mode != "auto":
    return 1 if mode == "max" else -1
  parts = set(re.split(r"[^a-z0-9]+", metric.lower()))
  signs = [
    sign
    for sign, words in ((1, _HIGH_IS_GOOD), (-1, _LOW_IS_GOOD))
    if parts & words
  ]
  if len(signs) != 1:
    near = difflib.get_close_matches(
      metric.lower(), sorted(_HIGH_IS_GOOD | _LOW_IS_GOOD), n=1, cutoff=0.8
    )
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise errors.UserValueError(
      f"The name of `{metric_argument}` = {metric!r} does not say whether high "
      f"or low values are good: set `{mode_argument}` to 'max' or 'min'.{hint}"
    )
  return signs[0]
