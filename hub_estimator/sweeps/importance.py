"""Which parameters matter: importances by PED-ANOVA, and their picture."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional

from hub_estimator.sweeps.figure_style import (
  COLOURS,
  Picture,
  broken,
  count,
  figure_text,
  finite_trials,
  is_number,
  looks_logarithmic,
  names_of_params,
  new_figure,
  value_text,
)
from hub_estimator.sweeps.records import StudyRecord, TrialRecord

if TYPE_CHECKING:
  import optuna

MIN_TRIALS = 4
# So many trials count as good ones, if a tenth is less than that: fewer say
# little of a parameter's good values.
_GOOD_TRIALS = 5
_FEW_TRIALS = 50
# A parameter that only some trials have needs so many with it: where one or two
# good trials lie would look as if it decided all.
_TRIALS_WITH_CONDITION = 20


def param_importances(
  study: StudyRecord,
  index: int = 0,
  optuna_study: Optional[optuna.Study] = None,
) -> dict[str, float]:
  """Returns how much each parameter matters for an objective.

  PED-ANOVA (Watanabe, Bansal and Hutter 2023, https://arxiv.org/abs/2304.10255)
  compares where the best tenth of the trials, or the best five if that is more,
  lie in a parameter's range with where all of them lie. It knows parameters
  that only some trials have, and draws no random numbers.

  Args:
    study: a study.
    index: of the objective.
    optuna_study: where the parameters' ranges are read; they are those of the
      trials if None.

  Returns:
    parameter -> its share, from the largest; the shares sum to 1. Without
    parameters that only some trials have, and fewer than 20. Empty with
    fewer than `MIN_TRIALS` finished trials, or if none of the parameters tells
    the good trials from the others.
  """
  trials = finite_trials(study)
  names = [
    name
    for name in names_of_params(study)
    if _varies(trials, name) and name not in _too_rare(study)
  ]
  if len(trials) < MIN_TRIALS or not names:
    return {}
  values = {trial.values[index] for trial in trials}
  if len(values) < 2:
    return {}
  with _quiet_optuna():
    ranges = _ranges_of_study(optuna_study) if optuna_study is not None else {}
    rebuilt = _rebuild(trials, names, ranges)
    found = _evaluate(rebuilt, names, index, study.objectives[index].sign)
  total = sum(found.values())
  if not total or not math.isfinite(total):
    return {}
  shares = {name: found[name] / total for name in names}
  return dict(sorted(shares.items(), key=lambda item: -item[1]))


def importance_figure(
  study: StudyRecord, optuna_study: Optional[optuna.Study] = None
) -> Picture:
  """Returns the parameters' importances as bars, for each objective."""
  import plotly.graph_objects as go

  trials = finite_trials(study)
  if len(trials) < MIN_TRIALS:
    return Picture(
      None,
      f"{count(len(trials), 'trial')} finished; it takes {MIN_TRIALS} to tell "
      "which parameters matter.",
    )
  if not any(_varies(trials, name) for name in names_of_params(study)):
    return Picture(None, "The finished trials do not differ in any parameter.")
  shares = {
    index: param_importances(study, index, optuna_study)
    for index in range(len(study.objectives))
  }
  shares = {index: found for index, found in shares.items() if found}
  if not shares:
    return Picture(
      None, "No parameter tells the good trials from the others yet."
    )
  names = list(next(iter(shares.values())))
  # The axis begins at the bottom.
  order = names[::-1]
  figure = new_figure(height=110 + (30 + 14 * len(shares)) * len(order))
  for index, found in shares.items():
    objective = study.objectives[index]
    figure.add_trace(
      go.Bar(
        x=[found[name] for name in order],
        y=list(range(len(order))),
        name=figure_text(objective.name),
        orientation="h",
        marker={"color": COLOURS[f"c{index}"]},
        text=[f"{found[name]:.0%}" for name in order],
        textposition="auto",
        hovertext=[
          f"{figure_text(name)}: {found[name]:.1%} for "
          f"{figure_text(objective.name)}"
          for name in order
        ],
        hoverinfo="text",
        showlegend=len(shares) > 1,
      )
    )
  figure.update_yaxes(
    tickvals=list(range(len(order))),
    ticktext=[broken(name) for name in order],
    showgrid=False,
  )
  figure.update_xaxes(
    title_text="share of the importance", tickformat=".0%", rangemode="tozero"
  )
  figure.update_layout(barmode="group", bargap=0.35)
  listed = "; ".join(
    f"for {study.objectives[index].name}: "
    + ", ".join(f"{name} {share:.0%}" for name, share in found.items())
    for index, found in shares.items()
  )
  summary = f"By PED-ANOVA, from {len(trials)} trials, {listed}."
  rare = _too_rare(study)
  if rare:
    summary += f" Left out, for too few trials have it: {', '.join(rare)}."
  if len(trials) < _FEW_TRIALS:
    summary += " So few trials say little: take it as a hint."
  return Picture(figure, summary)


def _too_rare(study: StudyRecord) -> list[str]:
  """Returns parameters with a condition that too few trials met."""
  trials = finite_trials(study)
  counts = {
    name: sum(name in trial.params for trial in trials)
    for name in names_of_params(study)
  }
  return [
    name
    for name, number in counts.items()
    if number < min(len(trials), _TRIALS_WITH_CONDITION)
  ]


def _varies(trials: Sequence[TrialRecord], name: str) -> bool:
  """Whether trials that have it differ; to have it or not is the condition's
  doing."""
  texts = {value_text(t.params[name]) for t in trials if name in t.params}
  return len(texts) > 1


def _ranges_of_study(study: optuna.Study) -> dict[str, Any]:
  ranges: dict[str, Any] = {}
  for trial in study.get_trials(deepcopy=False):
    ranges.update(trial.distributions)
  return ranges


def _rebuild(
  trials: Sequence[TrialRecord], names: Sequence[str], ranges: dict[str, Any]
) -> optuna.Study:
  """Returns a study in memory with the values that the record has.

  It has one direction: down, as the evaluator assumes for a target.
  """
  import optuna

  name_to_range = {
    name: _range(
      [t.params[name] for t in trials if name in t.params], ranges.get(name)
    )
    for name in names
  }
  study = optuna.create_study(
    storage=optuna.storages.InMemoryStorage(),
    directions=["minimize"] * len(trials[0].values),
  )
  study.add_trials(
    [
      optuna.trial.create_trial(
        params={n: _value(t.params[n], name_to_range[n]) for n in given},
        distributions={n: name_to_range[n] for n in given},
        values=list(t.values),
      )
      for t in trials
      for given in [[n for n in names if n in t.params]]
    ]
  )
  return study


def _range(values: Sequence[Any], known: Any) -> Any:
  from optuna import distributions

  if not all(map(is_number, values)):
    # As text: whatever a value is, it is one of the choices.
    return distributions.CategoricalDistribution(
      sorted({value_text(value) for value in values})
    )
  low, high = min(values), max(values)
  is_log = looks_logarithmic(values)
  if isinstance(
    known,
    (distributions.FloatDistribution, distributions.IntDistribution),
  ):
    is_log = known.log
    low, high = min(low, known.low), max(high, known.high)
  if all(isinstance(value, int) for value in (low, high, *values)):
    return distributions.IntDistribution(low, high, log=is_log)
  return distributions.FloatDistribution(low, high, log=is_log)


def _value(value: Any, distribution: Any) -> Any:
  is_category = type(distribution).__name__ == "CategoricalDistribution"
  return value_text(value) if is_category else value


def _evaluate(
  study: optuna.Study, names: Sequence[str], index: int, sign: int
) -> dict[str, float]:
  from optuna import importance

  num_trials = len(study.get_trials(deepcopy=False))
  share = min(0.5, max(0.1, _GOOD_TRIALS / num_trials))
  evaluator = importance.PedAnovaImportanceEvaluator(target_quantile=share)
  return evaluator.evaluate(
    study, params=list(names), target=lambda trial: -sign * trial.values[index]
  )


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
  """Keeps Optuna from telling of a study that only this file sees."""
  import optuna

  level = optuna.logging.get_verbosity()
  optuna.logging.set_verbosity(optuna.logging.ERROR)
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")
      yield
  finally:
    optuna.logging.set_verbosity(level)
