"""What each recipe moves, by how much and at which steps, against NumPy."""

import json

import linear_runs
import numpy as np
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")


def rates_of(*names, factor=1.0):
  return {name: linear_runs.RATE * factor for name in names}


HEAD = rates_of("V", "c")
MODULE = rates_of(*linear_runs.NAMES)
CASES = {
  "none": ("[]", lambda step: {**HEAD, **MODULE}),
  "feature_extraction": ("@feature_extraction()", lambda step: HEAD),
  "full_fine_tuning": (
    "@full_fine_tuning()",
    lambda step: {**HEAD, **rates_of(*linear_runs.NAMES, factor=0.1)},
  ),
  "linear_probe_then_fine_tune": (
    "@linear_probe_then_fine_tune()",
    # Three steps of six, then everything at a tenth.
    lambda step: (
      HEAD if step < 3 else rates_of("V", "c", *linear_runs.NAMES, factor=0.1)
    ),
  ),
  "discriminative_learning_rates": (
    "@discriminative_learning_rates()",
    lambda step: {
      **HEAD,
      **rates_of("W2", "b2", factor=1 / 2.6),
      **rates_of("W1", "b1", factor=1 / 2.6**2),
    },
  ),
  "gradual_unfreezing": (
    "@gradual_unfreezing()",
    # Half of six steps, shared by two groups: one group more every step.
    lambda step: {
      **HEAD,
      **(rates_of("W2", "b2") if step >= 1 else {}),
      **(rates_of("W1", "b1") if step >= 2 else {}),
    },
  ),
  "bias_only": ("@bias_only()", lambda step: {**HEAD, **rates_of("b1", "b2")}),
  "variable_selection": (
    "@variable_selection()",
    lambda step: {**HEAD, **rates_of("W2")},
  ),
  "two": (
    "[@discriminative_learning_rates(), @gradual_unfreezing()]",
    lambda step: {
      **HEAD,
      **(rates_of("W2", "b2", factor=1 / 2.6) if step >= 1 else {}),
      **(rates_of("W1", "b1", factor=1 / 2.6**2) if step >= 2 else {}),
    },
  ),
}
SETTINGS = {"variable_selection": "variable_selection.train = ['W2']"}


@pytest.mark.parametrize("name", CASES)
def test_a_recipe_moves_what_it_says(name, tmp_path):
  recipe, rates = CASES[name]
  results, found = linear_runs.run(
    tmp_path, f"RECIPE = {recipe}", text=SETTINGS.get(name, "")
  )
  assert results["global_step"] == 6
  linear_runs.assert_equal(found, linear_runs.expected(found[0], rates, 6))
  for variable, value in linear_runs.WEIGHTS.items():
    np.testing.assert_allclose(found[0][variable], value, rtol=1e-6)


def test_a_run_goes_on_in_the_stage_it_was_in(tmp_path):
  recipe = "RECIPE = [@linear_probe_then_fine_tune()]"
  probe = "linear_probe_then_fine_tune.probe_steps = 3"
  _, whole = linear_runs.run(tmp_path, recipe, text=probe)
  for stop in (2, 3, 5):
    folder = tmp_path / str(stop)
    folder.mkdir()
    if stop > 3:
      linear_runs.run(folder, recipe, f"TRAIN_STEPS = {stop}", text=probe)
    else:
      # Before the second stage: a run of the first alone has its steps.
      linear_runs.run(
        folder, "RECIPE = @feature_extraction()", f"TRAIN_STEPS = {stop}"
      )
    results, found = linear_runs.run_again(
      folder, recipe, text=probe, resume=True
    )
    assert results["global_step"] == 6
    linear_runs.assert_equal(found, whole)


@pytest.mark.parametrize("replace", [True, False])
def test_l2_sp_pulls_to_the_start(replace, tmp_path):
  _, found = linear_runs.run(
    tmp_path,
    "RECIPE = @l2_sp()",
    text=f"""
l2_sp.alpha = 0.5
l2_sp.beta = 0.25
l2_sp.replace_regularization_losses = {replace}
""",
    regularization=0.125,
  )

  def penalty(w):
    gradient = {"V": 0.25 * w["V"], "c": 0.25 * w["c"]}
    for name, start in linear_runs.WEIGHTS.items():
      gradient[name] = 0.5 * (w[name] - start)
      if not replace:
        gradient[name] += 0.125 * w[name]
    return gradient

  wanted = linear_runs.expected(
    found[0], lambda step: {**HEAD, **MODULE}, 6, penalty
  )
  linear_runs.assert_equal(found, wanted)


def test_the_pre_trained_values_are_no_part_of_checkpoints(tmp_path):
  linear_runs.run(tmp_path, "RECIPE = @l2_sp()", "TRAIN_STEPS = 1")
  reader = tf.train.load_checkpoint(str(tmp_path / "run"))
  assert not [n for n in reader.get_variable_to_shape_map() if "l2_sp" in n]


def test_results_say_what_trained(tmp_path):
  results, _ = linear_runs.run(
    tmp_path,
    "RECIPE = [@discriminative_learning_rates(), @gradual_unfreezing()]",
  )
  assert [r.partition("(")[0] for r in results["recipe"]] == [
    "discriminative_learning_rates",
    "gradual_unfreezing",
  ]
  groups = results["groups"]
  assert [
    (name, g["first_step"], round(g["learning_rate_multiplier"], 4))
    for name, g in groups.items()
  ] == [("module/1", 2, 0.1479), ("module/2", 1, 0.3846), ("head", 0, 1.0)]
  assert groups["module/1"]["num_parameters"] == 6
  assert all(group["moved"] > 0 for group in groups.values())
  assert results["module_trainable_parameters"] == 12
  assert results["num_trainable_parameters"] == 15
  assert results["test_metrics"]["loss"] == pytest.approx(
    results["metrics"]["loss"]
  )


def test_a_frozen_module_comes_out_as_it_went_in(tmp_path):
  results, _ = linear_runs.run(
    tmp_path, "RECIPE = @feature_extraction()", "TRAIN_STEPS = 1"
  )
  assert results["module_trainable_parameters"] == 0
  with tf.Graph().as_default(), tf1.Session() as session:
    module = hub.Module(results["exports"]["tf_hub"])
    session.run(tf1.global_variables_initializer())
    exported = session.run(module.variable_map)
  for name, value in linear_runs.WEIGHTS.items():
    np.testing.assert_array_equal(exported[name], value.astype(np.float32))


def test_a_group_whose_turn_never_comes(tmp_path, capfd):
  linear_runs.run(
    tmp_path,
    "RECIPE = @gradual_unfreezing()",
    text="gradual_unfreezing.steps_per_group = 4",
  )
  assert (
    "warning: 2 of 4 trainable variables of the module stay as they are: their "
    "turn comes at step 8, and the run ends at step 6 (TRAIN_STEPS)."
    in " ".join(capfd.readouterr().err.split())
  )


def test_auto_is_the_run_that_its_bindings_describe(tmp_path, capfd):
  few = "\ntrain.eval_every_steps = 250"
  (tmp_path / "auto").mkdir()
  results, found = linear_runs.run(
    tmp_path / "auto",
    "RECIPE = [@auto(), @full_fine_tuning()]",
    text=few,
  )
  assert results["global_step"] == 500
  printed = capfd.readouterr().err
  text = printed.partition("RECIPE stands for:\n")[2].partition("\n\n")[0]
  assert "TRAIN_STEPS = 500\nBATCH_SIZE = 4\nLEARNING_RATE = 0.003\n" in text
  (tmp_path / "spelled_out").mkdir()
  text = text.replace("RECIPE = []", "RECIPE = @full_fine_tuning()")
  _, wanted = linear_runs.run(tmp_path / "spelled_out", text=f"{few}\n{text}")
  assert sorted(found) == sorted(wanted) == [0, 250, 500]
  for step, values in wanted.items():
    for name, value in values.items():
      np.testing.assert_array_equal(found[step][name], value)


CACHED = [
  ("@feature_extraction()", "feature_extraction"),
  ("@linear_probe_then_fine_tune()", "linear_probe_then_fine_tune"),
]


@pytest.mark.parametrize(("recipe", "name"), CACHED)
def test_cached_features_give_the_same_steps(recipe, name, tmp_path, capfd):
  text = f"""
{name}.cache_features = True
{name}.cache_dir = '{tmp_path}/cache'
"""
  results, found = linear_runs.run(tmp_path, f"RECIPE = {recipe}", text=text)
  assert "features: 12/12 examples" in capfd.readouterr().err
  linear_runs.assert_equal(
    found, linear_runs.expected(found[0], CASES[name][1], 6)
  )
  # The checkpoint evaluates raw inputs alike.
  again, _ = linear_runs.run_again(tmp_path, f"RECIPE = {recipe}", resume=True)
  assert again["metrics"]["loss"] == pytest.approx(results["metrics"]["loss"])
  assert again["exports"] == results["exports"]


def test_another_head_reuses_the_features(tmp_path, capfd):
  text = f"""
feature_extraction.cache_features = True
feature_extraction.cache_dir = '{tmp_path}/cache'
"""
  recipe = "RECIPE = @feature_extraction()"
  linear_runs.run(tmp_path, recipe, text=text)
  capfd.readouterr()
  linear_runs.run_again(
    tmp_path, recipe, "LEARNING_RATE = 0.5", text=text, overwrite=True
  )
  assert "features:" not in capfd.readouterr().err


def test_head2toe_keeps_the_features_that_matter(tmp_path):
  text = f"""
head2toe.cache_dir = '{tmp_path}/cache'
head2toe.keep_fraction = 0.5
head2toe.selection_steps = 50
"""
  results, found = linear_runs.run(tmp_path, "RECIPE = @head2toe()", text=text)
  selection = json.loads(
    (tmp_path / "run" / "selected_features.json").read_text()
  )
  # Two outputs of two numbers each, of which half are kept.
  assert selection["num_features"] == 4
  assert len(selection["selected"]) == len(selection["scores"]) == 2
  assert found[6]["V"].shape == (2, 1)
  reader = tf.train.load_checkpoint(str(tmp_path / "run"))
  assert (
    reader.get_tensor("selected_features").tolist() == selection["selected"]
  )
  for name, value in linear_runs.WEIGHTS.items():
    np.testing.assert_allclose(found[6][name], value, rtol=1e-6)
  assert results["module_trainable_parameters"] == 0
