"""Plans: groups, stages, and what recipes may not do together."""

import planned
import pytest

from hub_estimator import errors
from hub_estimator.recipes import (
  BiasOnly,
  DiscriminativeLearningRates,
  FeatureExtraction,
  FullFineTuning,
  GradualUnfreezing,
  Head2Toe,
  LinearProbeThenFineTune,
  as_recipes,
  create_plan,
)


def test_without_recipes_all_trains_at_one_rate():
  plan = create_plan((), planned.VARIABLES, 100)
  (stage,) = plan.stages
  assert (stage.first_step, stage.last_step) == (0, 100)
  assert [g.name for g in stage.groups] == ["module", "head"]
  assert [g.learning_rate_multiplier for g in stage.groups] == [1.0, 1.0]
  assert stage.trained_names == {v.name for v in planned.VARIABLES}
  assert stage.trains_module
  assert plan.regularization_scale == 1.0
  assert not plan.penalties


def test_a_module_that_is_not_trained_leaves_the_head():
  (stage,) = create_plan((), [], 100).stages
  assert [g.name for g in stage.groups] == ["head"]
  assert not stage.trains_module


def test_groups_are_ordered_from_the_input_up():
  plan = create_plan(
    [DiscriminativeLearningRates(factor=2)], planned.VARIABLES[::-1], 100
  )
  assert [
    (g.name, set(g.variable_names), g.learning_rate_multiplier)
    for g in plan.module_groups
  ] == [
    ("module/1", {"embedding"}, 0.125),
    (
      "module/2",
      {
        "layer_1/kernel",
        "layer_1/bias",
        "layer_1/norm/gamma",
        "layer_1/norm/beta",
      },
      0.25,
    ),
    ("module/3", {"layer_2/kernel", "layer_2/bias"}, 0.5),
  ]


def test_stages_of_two_recipes_that_compose():
  plan = create_plan(
    [DiscriminativeLearningRates(factor=2), GradualUnfreezing(10)],
    planned.VARIABLES,
    100,
  )
  assert [
    (
      s.number,
      s.first_step,
      s.last_step,
      [(g.name, g.learning_rate_multiplier) for g in s.groups],
    )
    for s in plan.stages
  ] == [
    (1, 0, 10, [("head", 1.0)]),
    (2, 10, 20, [("module/3", 0.5), ("head", 1.0)]),
    (3, 20, 30, [("module/2", 0.25), ("module/3", 0.5), ("head", 1.0)]),
    (
      4,
      30,
      100,
      [
        ("module/1", 0.125),
        ("module/2", 0.25),
        ("module/3", 0.5),
        ("head", 1.0),
      ],
    ),
  ]
  assert [s.trained_depths for s in plan.stages] == [
    frozenset(),
    {3},
    {2, 3},
    {1, 2, 3},
  ]


@pytest.mark.parametrize(
  ("step", "number"), [(0, 1), (9, 1), (10, 2), (29, 3), (30, 4), (100, 4)]
)
def test_the_stage_at_a_step(step, number):
  plan = create_plan([GradualUnfreezing(10)], planned.VARIABLES, 100)
  assert plan.stage_at(step).number == number


def test_variables_whose_turn_comes_after_the_end():
  plan = create_plan([GradualUnfreezing(40)], planned.VARIABLES, 100)
  assert [v.name for v in plan.late_variables] == ["embedding"]
  assert [s.last_step for s in plan.stages] == [40, 80, 100]


def test_only_stages_without_the_module_use_the_cache():
  plan = create_plan(
    [LinearProbeThenFineTune(30, cache_features=True, cache_dir="x")],
    planned.VARIABLES,
    100,
  )
  assert [s.uses_cached_features for s in plan.stages] == [True, False]
  assert plan.feature_cache_dir == "x"


def test_recipes_that_need_a_module_that_trains():
  with pytest.raises(errors.UserValueError) as caught:
    create_plan(
      [FeatureExtraction(), DiscriminativeLearningRates()],
      planned.VARIABLES,
      100,
    )
  assert str(caught.value) == (
    "RECIPE: discriminative_learning_rates says how the module is trained, and "
    "feature_extraction freezes the module: leave one of them out."
  )
  with pytest.raises(errors.UserValueError, match="set TRAINABLE = True"):
    create_plan([FullFineTuning()], [], 100)
  with pytest.raises(errors.UserValueError, match="TRAIN_STEPS"):
    create_plan([GradualUnfreezing(100)], planned.VARIABLES, 100)


def test_a_recipe_twice():
  with pytest.raises(errors.UserValueError, match="full_fine_tuning more than"):
    create_plan([FullFineTuning(), FullFineTuning()], planned.VARIABLES, 100)


def test_feature_selection_in_stages():
  with pytest.raises(errors.UserValueError, match="head2toe trains the head"):
    create_plan([LinearProbeThenFineTune(), Head2Toe()], planned.VARIABLES, 100)


def test_one_recipe_or_a_list():
  recipe = BiasOnly()
  assert as_recipes(recipe) == (recipe,)
  assert as_recipes([recipe]) == (recipe,)
  assert as_recipes(()) == ()


@pytest.mark.parametrize("value", ["bias_only", [BiasOnly], None, 3])
def test_something_else_than_a_recipe(value):
  with pytest.raises(errors.UserTypeError, match="with its parentheses"):
    as_recipes(value)


def test_recipes_describe_themselves():
  assert LinearProbeThenFineTune(probe_steps=3).describe() == (
    "linear_probe_then_fine_tune(cache_dir = None, cache_features = False, "
    "fine_tuning_multiplier = 0.1, probe_steps = 3)"
  )
