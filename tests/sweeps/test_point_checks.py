"""What no trial uses, and what only some trials have to."""

import tiny_runs

from hub_estimator.sweeps import point_checks, preparation
from hub_estimator.training import launch


def check(*unused):
  return {"unused": {name: f"{name} has no effect" for name in unused}}


def test_what_one_point_uses_is_no_problem_whichever_comes_first():
  for checks in ([check("a"), check()], [check(), check("a")]):
    assert point_checks.unused_everywhere(checks, [(), ()]) == []


def test_what_no_point_uses_is_a_problem_once():
  checks = [check("a"), check("a", "b")]
  found = point_checks.unused_everywhere(checks, [(), ()])
  assert found == ["a has no effect"]


def test_a_varied_binding_counts_only_where_it_is_bound():
  checks = [check("l2_sp.alpha"), check()]
  bound = [("l2_sp.alpha",), ()]
  found = point_checks.unused_everywhere(checks, bound)
  assert found == ["l2_sp.alpha has no effect"]


def test_what_may_be_unused_is_no_problem():
  assert point_checks.unused_everywhere([check("a")], [()], ["a"]) == []


def test_the_config_of_trials_keeps_what_only_a_choice_needs(tmp_path):
  config = tiny_runs.write_config(
    tmp_path,
    """
RECIPE = @l2_sp()
l2_sp.alpha = 0.25
RECIPE = []
""",
  )
  launch.register_configurables()
  found = preparation.read_base_config([config], [])
  assert "l2_sp.alpha = 0.25" in found.text.splitlines()
  assert found.texts["RECIPE"] == "[]"
  assert found.orphans == {"l2_sp.alpha"}
