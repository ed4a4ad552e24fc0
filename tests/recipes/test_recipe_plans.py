"""What each recipe makes of a plan, by hand."""

import re

import planned
import pytest

from hub_estimator import errors, recipes
from hub_estimator.recipes import create_plan


def plan_of(*applied, train_steps=100, variables=planned.VARIABLES):
  return create_plan(applied, variables, train_steps)


def test_full_fine_tuning():
  plan = plan_of(recipes.FullFineTuning())
  assert set(planned.multipliers(plan).values()) == {0.1}
  assert set(planned.first_steps(plan).values()) == {0}
  assert plan.head_multipliers == {0: 1.0}
  twice = plan_of(recipes.FullFineTuning(0.5), recipes.BiasOnly())
  assert planned.multipliers(twice)["layer_1/bias"] == 0.5


def test_feature_extraction():
  plan = plan_of(recipes.FeatureExtraction(cache_features=True))
  assert set(planned.first_steps(plan).values()) == {None}
  assert plan.caches_features
  assert plan.stages[0].uses_cached_features
  assert not plan_of(recipes.FeatureExtraction()).caches_features


def test_linear_probe_then_fine_tune():
  plan = plan_of(recipes.LinearProbeThenFineTune(fine_tuning_multiplier=0.25))
  assert set(planned.first_steps(plan).values()) == {50}
  assert set(planned.multipliers(plan).values()) == {0.25}
  assert plan.head_multipliers == {0: 1.0, 50: 0.25}
  assert [
    [(g.name, g.learning_rate_multiplier) for g in s.groups]
    for s in plan.stages
  ] == [[("head", 1.0)], [("module", 0.25), ("head", 0.25)]]


def test_a_probe_of_all_steps():
  with pytest.raises(errors.UserValueError, match="no step to fine-tune"):
    plan_of(recipes.LinearProbeThenFineTune(probe_steps=100))


def test_discriminative_learning_rates():
  plan = plan_of(recipes.DiscriminativeLearningRates())
  found = planned.multipliers(plan)
  # 1/2.6, 1/2.6² and 1/2.6³.
  assert found["layer_2/kernel"] == pytest.approx(0.384615, rel=1e-5)
  assert found["layer_1/norm/gamma"] == pytest.approx(0.147929, rel=1e-5)
  assert found["embedding"] == pytest.approx(0.0568958, rel=1e-5)


def test_neighbouring_depths_make_a_group():
  variables = [planned.variable(f"w{depth}", depth) for depth in range(1, 6)]
  plan = plan_of(
    recipes.DiscriminativeLearningRates(factor=2, num_groups=2),
    variables=variables,
  )
  # What does not divide evenly goes to the lower group.
  assert planned.multipliers(plan) == {
    "w1": 0.25,
    "w2": 0.25,
    "w3": 0.25,
    "w4": 0.5,
    "w5": 0.5,
  }
  each = plan_of(
    recipes.DiscriminativeLearningRates(factor=2, num_groups=None),
    variables=variables,
  )
  assert list(planned.multipliers(each).values()) == [
    2**-5,
    2**-4,
    2**-3,
    2**-2,
    2**-1,
  ]


def test_groups_by_name():
  plan = plan_of(
    recipes.DiscriminativeLearningRates(
      factor=10, groups=["^embedding", "layer_1/kernel", ".*"]
    )
  )
  found = planned.multipliers(plan)
  assert found["embedding"] == pytest.approx(0.001)
  assert found["layer_1/kernel"] == pytest.approx(0.01)
  assert found["layer_1/bias"] == pytest.approx(0.1)


@pytest.mark.parametrize(
  ("groups", "message"),
  [
    (["^embedding"], "no expression matches layer_1/kernel"),
    (["nothing", ".*"], "'nothing' matches none of .*embedding, layer_1"),
    (["("], "missing \\), unterminated"),
    ("embedding", "a list of regular expressions"),
    ([], "a regular expression for each group"),
  ],
)
@pytest.mark.parametrize(
  "kind", [recipes.DiscriminativeLearningRates, recipes.GradualUnfreezing]
)
def test_wrong_groups(kind, groups, message):
  with pytest.raises((errors.UserValueError, errors.UserTypeError)) as caught:
    plan_of(kind(groups=groups))
  assert re.search(message, str(caught.value))


def test_gradual_unfreezing():
  plan = plan_of(recipes.GradualUnfreezing(10))
  found = planned.first_steps(plan)
  assert found["layer_2/kernel"] == 10
  assert found["layer_1/norm/gamma"] == 20
  assert found["embedding"] == 30
  # Half of the steps, shared by three groups.
  default = planned.first_steps(plan_of(recipes.GradualUnfreezing()))
  assert (default["layer_2/bias"], default["embedding"]) == (16, 48)


def test_unfreezing_after_a_probe_and_of_biases_alone():
  plan = plan_of(
    recipes.BiasOnly(),
    recipes.LinearProbeThenFineTune(15),
    recipes.GradualUnfreezing(10),
  )
  assert planned.first_steps(plan) == {
    "embedding": None,
    "layer_1/kernel": None,
    "layer_1/bias": 20,
    "layer_1/norm/gamma": None,
    "layer_1/norm/beta": 20,
    "layer_2/kernel": None,
    "layer_2/bias": 15,
  }


def test_l2_sp():
  plan = plan_of(recipes.L2SP(alpha=0.5, beta=0.25))
  (penalty,) = plan.penalties
  assert penalty.describe(is_in_module=True) == "l2_sp 0.5"
  assert penalty.describe(is_in_module=False) == "l2 0.25"
  assert plan.regularization_scale == 0
  kept = plan_of(recipes.L2SP(replace_regularization_losses=False))
  assert kept.regularization_scale == 1


def test_bias_only():
  plan = plan_of(recipes.BiasOnly())
  assert planned.trained(plan) == [
    "layer_1/bias",
    "layer_1/norm/beta",
    "layer_2/bias",
  ]


def test_normalization_only():
  plan = plan_of(recipes.NormalizationOnly())
  assert planned.trained(plan) == ["layer_1/norm/gamma", "layer_1/norm/beta"]


@pytest.mark.parametrize(
  ("recipe", "what"),
  [(recipes.BiasOnly(), "bias"), (recipes.NormalizationOnly(), "scale or")],
)
def test_a_module_without_what_is_to_train(recipe, what):
  with pytest.raises(errors.UserValueError, match=f"trains each {what}"):
    plan_of(recipe, variables=planned.VARIABLES[:1])


def test_variable_selection():
  plan = plan_of(
    recipes.VariableSelection(train=["^layer_"], freeze=["norm", "_2/kernel"])
  )
  assert planned.trained(plan) == [
    "layer_1/kernel",
    "layer_1/bias",
    "layer_2/bias",
  ]


def test_a_selection_that_matches_nothing():
  with pytest.raises(errors.UserValueError) as caught:
    plan_of(recipes.VariableSelection(freeze=["layr_1"]))
  assert "variable_selection.freeze: 'layr_1' matches none" in str(caught.value)
  assert "embedding, layer_1/kernel" in str(caught.value)
  with pytest.raises(errors.UserValueError, match="none of the module's"):
    plan_of(recipes.VariableSelection(train=[]))


def test_head2toe():
  plan = plan_of(recipes.Head2Toe(target_size=8, keep_fraction=0.5))
  assert planned.trained(plan) == []
  assert plan.caches_features
  assert plan.selection.target_size == 8
  assert plan.selection.keep_fraction == 0.5


@pytest.mark.parametrize(
  ("create", "message"),
  [
    (lambda: recipes.FullFineTuning(0), "multiplier` is more than 0"),
    (lambda: recipes.DiscriminativeLearningRates(factor=0.5), "at least 1"),
    (lambda: recipes.DiscriminativeLearningRates(num_groups=0), "at least 1"),
    (lambda: recipes.GradualUnfreezing(0), "at least 1"),
    (lambda: recipes.LinearProbeThenFineTune(0), "at least 1"),
    (lambda: recipes.LinearProbeThenFineTune(1, 0), "more than 0"),
    (lambda: recipes.L2SP(alpha=-1), "l2_sp.alpha"),
    (lambda: recipes.L2SP(beta=-1), "l2_sp.beta"),
    (lambda: recipes.Head2Toe(keep_fraction=0), "keep_fraction"),
    (lambda: recipes.Head2Toe(target_size=0), "target_size"),
    (lambda: recipes.Head2Toe(group_lasso=-1), "group_lasso"),
    (lambda: recipes.Head2Toe(selection_steps=0), "selection_steps"),
    (lambda: recipes.Head2Toe(selection_learning_rate=0), "learning_rate"),
  ],
)
def test_settings_out_of_range(create, message):
  with pytest.raises(errors.UserValueError, match=message):
    create()
