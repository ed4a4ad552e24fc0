import pytest
from report_records import ACCURACY, LARGE, SECONDS, SMALL, minute, study, trial

from hub_estimator.sweeps.curve_figures import curves_figure, front_figure
from hub_estimator.sweeps.figure_style import (
  broken,
  goodness_colour,
  tick_labels,
)
from hub_estimator.sweeps.figures import (
  group_figure,
  group_name,
  progress_figure,
)
from hub_estimator.sweeps.importance import (
  importance_figure,
  param_importances,
)
from hub_estimator.sweeps.parallel_figure import parallel_figure
from hub_estimator.sweeps.records import FAILED, PRUNED, Objective


def labels_of(figure, axis):
  return [n.text for n in figure.layout.annotations if n.x == axis]


def test_progress_is_in_the_order_of_ends():
  # Trial 0 began first and ended last.
  picture = progress_figure(
    study(
      trial(0, 0.9, ended=minute(9)),
      trial(1, 0.5),
      trial(2, 0.4),
      trial(3, 0.7),
      trial(4, state=FAILED, error="no"),
    )
  )
  points, best = picture.figure.data
  assert list(points.x) == [minute(2), minute(3), minute(4), minute(9)]
  assert list(points.y) == [0.5, 0.4, 0.7, 0.9]
  assert list(best.y) == [0.5, 0.5, 0.7, 0.9]
  assert best.line.shape == "hv"
  assert picture.summary == (
    "4 finished trials. The best accuracy went from 0.5000 (trial 1) to 0.9000 "
    "(trial 0)."
  )


def test_progress_of_a_metric_that_is_good_when_low():
  picture = progress_figure(
    study(trial(0, 3.0), trial(1, 5.0), trial(2, 2.0), objectives=(SECONDS,))
  )
  assert list(picture.figure.data[1].y) == [3.0, 3.0, 2.0]


def test_progress_by_number_where_a_time_is_missing():
  figure = progress_figure(
    study(trial(0, 0.5, ended=None), trial(1, 0.6))
  ).figure
  assert list(figure.data[0].x) == [0, 1]
  assert figure.layout.xaxis.title.text == "trial"


def test_one_trial_has_room_around_it():
  figure = progress_figure(study(trial(0, 0.5))).figure
  assert list(figure.layout.yaxis.range) == pytest.approx([0.45, 0.55])
  assert list(figure.layout.xaxis.range) == [minute(0), minute(2)]


def test_modules_stand_in_the_order_of_their_medians():
  picture = group_figure(
    study(
      trial(0, 0.9, 0.8, 0.4, params={"M": SMALL}),
      trial(1, 0.7, params={"M": LARGE}),
      trial(2, 0.6, params={"M": LARGE}),
      handle_name="M",
    )
  )
  low, high = picture.figure.data
  # 0.8 is the median of all three seeds, 0.65 of the two trials.
  assert list(low.x) == [0.7, 0.6]
  assert list(low.y) == [0, 0]
  assert list(high.x) == [0.9, 0.8, 0.4]
  assert list(high.y) == [1, 1, 1]
  assert high.boxpoints == "all"
  assert list(picture.figure.layout.yaxis.ticktext) == ["large", "small"]
  assert picture.summary == (
    "Medians of accuracy by M: small 0.8000; large 0.6500."
  )
  assert high.hovertext[2].startswith(f"{SMALL}<br>seed 2: 0.4000")


def test_groups_of_a_metric_that_is_good_when_low():
  picture = group_figure(
    study(
      trial(0, 1.0, params={"M": SMALL}),
      trial(1, 2.0, params={"M": LARGE}),
      handle_name="M",
      objectives=(SECONDS,),
    )
  )
  assert [list(box.x) for box in picture.figure.data] == [[2.0], [1.0]]


def test_groups_without_handles_are_of_the_first_choice():
  made = study(
    trial(0, 0.5, params={"RATE": 0.1, "RECIPE": "@l2_sp()"}),
    trial(1, 0.6, params={"RATE": 0.2}),
    param_names=("RATE", "RECIPE"),
  )
  assert group_name(made) == "RECIPE"
  ticks = group_figure(made).figure.layout.yaxis.ticktext
  assert list(ticks) == ["@l2_sp()", "not set"]


def test_no_groups_of_numbers():
  picture = group_figure(study(trial(0, 0.5, params={"RATE": 0.1})))
  assert picture.figure is None
  assert "All parameters are numbers" in picture.summary


def test_parallel_coordinates():
  picture = parallel_figure(
    study(
      trial(0, 0.5, params={"M": SMALL, "RATE": 0.001, "SAME": 3}),
      trial(1, 0.7, params={"M": LARGE, "RATE": 0.1, "SAME": 3, "A": 0.0}),
      trial(2, 0.6, params={"M": LARGE, "RATE": 0.01, "SAME": 3, "A": 1.0}),
      handle_name="M",
      param_names=("M", "RATE", "A", "SAME"),
    )
  )
  figure = picture.figure
  # The best is drawn last. Axes: M, RATE (log), A, accuracy from 0.5 to 0.7.
  lines = {line.name: list(line.y) for line in figure.data}
  assert list(lines) == ["trial 0", "trial 2", "trial 1"]
  assert lines["trial 0"] == pytest.approx([0, 0, 0, 0], abs=1e-9)
  assert lines["trial 2"] == pytest.approx([1, 0.5, 1, 0.5])
  assert lines["trial 1"] == pytest.approx([1, 1, 0.16, 1])
  assert labels_of(figure, 0) == ["M", "small", "large"]
  assert labels_of(figure, 1) == ["RATE<br>(log)", "0.001", "0.01", "0.1"]
  assert labels_of(figure, 2) == ["A", "not set", "0", "1"]
  assert labels_of(figure, 3)[0] == "accuracy"
  assert figure.data[-1].line.width > figure.data[0].line.width
  assert "trial 1: M = large, RATE = 0.1" in picture.summary
  assert picture.min_width > 390


def test_parallel_coordinates_of_choices_that_are_no_text():
  figure = parallel_figure(
    study(
      trial(0, 0.5, params={"A": None}),
      trial(1, 0.6, params={"A": True}),
      trial(2, 0.7, params={}),
    )
  ).figure
  assert labels_of(figure, 0) == ["A", "not set", "None", "True"]


def test_parallel_coordinates_of_equal_trials():
  picture = parallel_figure(
    study(trial(0, 0.5, params={"A": 1}), trial(1, 0.6, params={"A": 1}))
  )
  assert picture.figure is None
  assert "do not differ" in picture.summary


def test_hundreds_of_lines_are_thinned():
  picture = parallel_figure(
    study(*(trial(n, n / 1000, params={"A": n}) for n in range(500)))
  )
  assert len(picture.figure.data) == 300
  assert picture.figure.data[-1].name == "trial 499"
  assert "300 of 500 trials" in picture.summary


def test_colours_say_which_way_is_good():
  amber, blue = "rgb(200, 135, 0)", "rgb(40, 140, 210)"
  assert goodness_colour(1, [1, 2], ACCURACY) == amber
  assert goodness_colour(2, [1, 2], ACCURACY) == blue
  assert goodness_colour(1, [1, 2], SECONDS) == blue
  assert goodness_colour(1, [1], SECONDS) == blue


def importance_study(num_trials=54, **fields):
  # Handles decide; SIZE only turns, and ALPHA is there for large ones alone.
  return study(
    *(
      trial(
        n,
        0.5 + 0.4 * (n % 2) + 0.001 * (7 * n % num_trials),
        params={
          "M": LARGE if n % 2 else SMALL,
          "SIZE": n // 2 % 3,
          **({"ALPHA": 0.1 * n} if n % 2 else {}),
        },
      )
      for n in range(num_trials)
    ),
    **fields,
  )


def test_importances():
  shares = param_importances(importance_study(handle_name="M"))
  assert sum(shares.values()) == pytest.approx(1)
  assert list(shares)[0] == "M"
  assert set(shares) == {"M", "SIZE", "ALPHA"}
  assert shares == param_importances(importance_study(handle_name="M"))
  picture = importance_figure(importance_study(handle_name="M"))
  (bars,) = picture.figure.data
  assert picture.figure.layout.yaxis.ticktext[-1] == "M"
  assert bars.x[-1] == shares["M"]
  assert picture.summary.startswith("By PED-ANOVA, from 54 trials, for acc")


def test_importances_leave_out_what_few_trials_have():
  # 8 of 16 have ALPHA: where a good one or two of them lie says nothing.
  made = importance_study(16, handle_name="M")
  assert set(param_importances(made)) == {"M", "SIZE"}
  summary = importance_figure(made).summary
  assert "Left out, for too few trials have it: ALPHA." in summary


def test_importances_know_which_way_is_good():
  # The same numbers, good when low: what made them high is no longer found in
  # the good trials alone, so ALPHA, absent from all good ones, tells nothing.
  shares = param_importances(
    importance_study(objectives=(Objective("accuracy", False),))
  )
  assert shares["ALPHA"] == 0


def test_importances_of_two_objectives():
  trials = [
    trial(n, (n % 2, n // 2 % 2), params={"A": n % 2, "B": n // 2 % 2})
    for n in range(16)
  ]
  picture = importance_figure(study(*trials, objectives=(ACCURACY, SECONDS)))
  first, second = picture.figure.data
  ticks = picture.figure.layout.yaxis.ticktext
  assert dict(zip(ticks, first.x)) == pytest.approx({"A": 1, "B": 0}, abs=0.01)
  assert dict(zip(ticks, second.x)) == pytest.approx({"A": 0, "B": 1}, abs=0.01)


def test_importances_take_the_ranges_of_the_study():
  import optuna

  made = study(
    *(trial(n, 0.1 * n, params={"A": n + 1.0, "B": n + 1.0}) for n in range(8))
  )
  ranges = {
    "A": optuna.distributions.FloatDistribution(-1e6, 1e6),
    "B": optuna.distributions.FloatDistribution(1.0, 8.0),
  }
  known = optuna.create_study()
  for record in made.trials:
    known.add_trial(
      optuna.trial.create_trial(
        params=dict(record.params), distributions=ranges, value=0.0
      )
    )
  with_ranges = param_importances(made, optuna_study=known)
  assert param_importances(made)["A"] == pytest.approx(0.5)
  # On so wide an axis all of A's values are nearly the same.
  assert with_ranges["A"] < 0.2


@pytest.mark.parametrize(
  "trials, why",
  [
    ([], "0 trials finished; it takes 4"),
    ([(0.1, 1), (0.2, 2), (0.3, 3)], "3 trials finished; it takes 4"),
    ([(0.1, 1), (0.2, 1), (0.3, 1), (0.4, 1)], "do not differ"),
    ([(0.1, 1), (0.1, 2), (0.1, 3), (0.1, 4)], "No parameter tells the good"),
  ],
)
def test_no_importances(trials, why):
  picture = importance_figure(
    study(*(trial(n, v, params={"A": a}) for n, (v, a) in enumerate(trials)))
  )
  assert picture.figure is None
  assert why in picture.summary


def test_the_best_curves_are_highlighted():
  picture = curves_figure(
    study(
      *(trial(n, 0.1 * n, curve={20: 0.1 * n, 10: 0.05 * n}) for n in range(7)),
      trial(7, state=PRUNED, curve={10: 0.01}),
      trial(8, state=FAILED),
    )
  )
  others, *best = picture.figure.data
  assert [curve.name for curve in reversed(best)] == [
    f"trial {n}" for n in (6, 5, 4, 3, 2)
  ]
  assert list(best[-1].x) == [10, 20]
  assert list(best[-1].y) == pytest.approx([0.3, 0.6])
  # A gap stands between curves: trials 1 and 0, and the pruned one.
  assert list(others.x) == [10, 20, None, 10, 20, None, 10, None]
  assert others.hovertext[-2].endswith("pruned")
  assert picture.summary == (
    "8 curves. The best trial, 6, has accuracy 0.6000 at step 20."
  )


def test_hundreds_of_curves_are_thinned():
  steps = range(1000)
  picture = curves_figure(
    study(
      *(trial(n, n / 300, curve=dict.fromkeys(steps, 1)) for n in range(99))
    )
  )
  others, *best = picture.figure.data
  assert list(others.x).count(None) == 60
  assert [len(curve.x) for curve in best] == [200] * 5
  assert best[0].x[-1] == 999
  assert "99 curves, 65 of them drawn" in picture.summary


def test_the_front_is_joined_from_end_to_end():
  picture = front_figure(
    study(
      trial(0, (0.9, 50.0)),
      trial(1, (0.5, 10.0)),
      trial(2, (0.8, 60.0)),
      trial(3, (0.7, 20.0)),
      objectives=(ACCURACY, SECONDS),
    )
  )
  others, front = picture.figure.data
  assert (list(others.x), list(others.y)) == ([0.8], [60.0])
  assert (list(front.x), list(front.y)) == ([0.5, 0.7, 0.9], [10, 20, 50])
  assert (others.mode, front.mode) == ("markers", "lines+markers")
  assert picture.summary == (
    "No trial is better in both than the 3 of 4 on the front: trial 1 with "
    "accuracy 0.5000 and train_seconds 10.0000 to trial 0 with accuracy 0.9000 "
    "and train_seconds 50.0000."
  )


@pytest.mark.parametrize(
  "draw", [progress_figure, group_figure, parallel_figure, front_figure]
)
def test_nothing_is_drawn_without_a_finished_trial(draw):
  made = study(
    trial(0, state=FAILED, params={"M": SMALL}),
    handle_name="M",
    objectives=(ACCURACY, SECONDS),
  )
  assert draw(made) == (None, "No trial has finished yet.", 0)


def test_values_that_are_no_numbers_are_not_drawn():
  made = study(trial(0, 0.5), trial(1, float("inf")))
  assert list(progress_figure(made).figure.data[0].y) == [0.5]


def test_long_names():
  first, second = tick_labels([f"{'a' * 20}{n}{'b' * 20}" for n in "12"])
  assert first != second
  assert len(second) <= 24
  assert broken("hub_estimator.create_l2_sp.alpha") == (
    "hub_estimator.<br>create_l2_sp.<br>alpha"
  )
  assert broken("<b>") == "&lt;b&gt;"
