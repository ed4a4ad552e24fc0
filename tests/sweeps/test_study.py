"""The trials of a study: claimed, put back, finished; nothing is run."""

import math

import pytest
from children import Child
from planned_studies import CHOICES, RANGE, create, join, plan, worker

from hub_estimator.sweeps.claim import LostTrialError
from hub_estimator.sweeps.records import (
  COMPLETE,
  FAILED,
  PRUNED,
  RUNNING,
  WAITING,
)

A, B = worker("a"), worker("b")
GRID = [
  {"LEARNING_RATE": rate, "TRAINABLE": trainable}
  for rate in (0.1, 0.2, 0.3)
  for trainable in (True, False)
]


RUN = {
  "seed": 3,
  "folder": "trials/0",
  "values": [0.5],
  "results": {"metrics": {"accuracy": 0.5}},
  "seconds": 2.0,
}


@pytest.fixture(params=[1, 2], ids=["sqlite", "journal"])
def made(request, tmp_path):
  """Makes a study of a plan, with its trials: (study, another object of it)."""

  def make(space=CHOICES, num_wanted=None, **fields):
    planned = plan(tmp_path, space, num_wanted, **fields)
    study, _ = create(planned, request.param)
    study.add_trials()
    return study, join(planned, request.param)

  make.num_workers = request.param
  make.folder = tmp_path
  return make


def states(study):
  return [trial.state for trial in study.record().trials]


def test_a_grid_has_a_trial_for_each_point(made):
  study, other = made()
  record = other.record()
  assert [trial.params for trial in record.trials] == GRID
  assert [trial.number for trial in record.trials] == list(range(6))
  assert states(study) == [WAITING] * 6


def test_trials_are_claimed_in_their_order_by_whoever_comes(made):
  study, other = made()
  claims = [
    claimant.claim(who)
    for claimant, who in zip([study, other] * 3, [A, B, *map(worker, "cdef")])
  ]
  assert [claim.number for claim in claims] == list(range(6))
  assert [claim.params for claim in claims] == GRID
  assert [claim.worker_id for claim in claims] == list("abcdef")
  assert {claim.attempt for claim in claims} == {1}
  assert study.claim(worker("g")) is None
  assert states(other) == [RUNNING] * 6


def test_adding_trials_again_adds_none(made):
  study, other = made()
  study.add_trials()
  other.add_trials()
  study.claim(A)
  study.add_trials()
  assert len(study.record().trials) == 6


@pytest.mark.parametrize("num_before", [0, 1, 4])
def test_adding_goes_on_where_it_was_broken_off(tmp_path, num_before):
  planned = plan(tmp_path)
  study, _ = create(planned)
  real = study.optuna_study.enqueue_trial
  calls = []

  def dying(*arguments, **named):
    if len(calls) == num_before:
      raise ZeroDivisionError("as if killed")
    calls.append(arguments)
    real(*arguments, **named)

  study.optuna_study.enqueue_trial = dying
  with pytest.raises(ZeroDivisionError):
    study.add_trials()
  other = join(planned)
  other.add_trials()
  assert [trial.params for trial in other.record().trials] == GRID


def test_more_trials_go_on_with_the_same_points(made):
  study, _ = made(RANGE, 3, sampler="random")
  first = [trial.params for trial in study.record().trials]
  planned = plan(made.folder, RANGE, 5, sampler="random")
  more = join(planned, made.num_workers)
  more.add_trials()
  params = [trial.params for trial in more.record().trials]
  assert params[:3] == first
  assert len({p["LEARNING_RATE"] for p in params}) == 5


def test_processes_never_get_one_trial_twice(made):
  planned = plan(made.folder, RANGE, 24, sampler="random")
  study, _ = create(planned, 2)
  study.add_trials()

  def claim_all(channel):
    own = join(planned, 2)
    channel.receive()
    numbers = []
    while True:
      claim = own.claim(worker(f"{channel.receive()}-{len(numbers)}"))
      if claim is None:
        break
      numbers.append(claim.number)
      channel.send(claim.number)
    channel.send()

  if made.num_workers == 1:
    pytest.skip("SQLite has one worker.")
  children = [Child(claim_all) for _ in range(3)]
  for child in children:
    child.send()
  claimed = []
  # All are asked before one answers.
  while children:
    for number, child in enumerate(children):
      child.send(number)
    answers = [child.receive() for child in children]
    claimed += [answer for answer in answers if answer is not None]
    for child, answer in zip(list(children), answers):
      if answer is None:
        child.join()
        children.remove(child)
  assert sorted(claimed) == list(range(24))


def test_a_trial_that_is_put_back_keeps_number_and_params(made):
  study, other = made(RANGE, 2, sampler="tpe", startup_trials=0)
  claim = study.claim(A)
  study.report(claim, 2, 0.5)
  assert other.put_back(lambda view: view.worker["id"] == "a") == [0]
  assert states(study) == [WAITING, WAITING]
  again = other.claim(B)
  assert (again.number, again.attempt) == (0, 2)
  assert again.params == claim.params
  assert study.record().trials[0].num_attempts == 2


def test_trials_of_live_workers_stay_theirs(made):
  study, other = made()
  study.claim(A)
  seen = []
  assert other.put_back(lambda view: seen.append(view)) == []
  assert [(view.number, view.worker) for view in seen] == [(0, A)]
  assert other.claim(B).number == 1


def test_a_claim_that_was_broken_off_is_put_back(made):
  study, other = made()
  # Killed after Optuna made it running, and before the worker was noted.
  assert study.optuna_study.ask().number == 0
  assert states(study)[0] == RUNNING
  assert other.claim(B).number == 0


def test_a_claim_whose_answer_was_lost_is_made_again(made):
  study, _ = made()
  first = study.claim(A)
  again = study.claim(A)
  assert (again.number, again.params) == (first.number, first.params)


def test_a_released_trial_is_claimed_again(made):
  study, other = made()
  claim = study.claim(A)
  study.note_run(claim, [RUN])
  study.release(claim)
  study.release(claim)  # A second time does nothing.
  assert states(other)[0] == WAITING
  again = other.claim(B)
  assert (again.number, again.runs) == (0, (RUN,))
  # What A had is B's.
  study.release(claim)
  assert states(other)[0] == RUNNING


def test_each_way_to_end(made):
  study, other = made()
  complete, pruned, failed, running = (
    study.claim(worker(name)) for name in "abcd"
  )
  study.complete(complete, [0.75])
  study.report(pruned, 4, 0.25)
  study.prune(pruned)
  study.fail(failed, "It broke.", ["one", "two"])
  record = other.record()
  assert states(other) == [COMPLETE, PRUNED, FAILED, RUNNING, WAITING, WAITING]
  assert record.trials[0].values == (0.75,)
  assert record.trials[0].host == "host of a"
  assert record.trials[1].values is None
  assert record.trials[1].curve == {4: 0.25}
  assert record.trials[2].error == "It broke."
  assert record.trials[2].log_lines == ("one", "two")
  assert record.trials[0].ended is not None
  assert record.trials[3].ended is None
  assert [view.number for view in other.running()] == [running.number]


def test_the_runs_of_a_trial_are_in_the_record(made):
  study, other = made()
  claim = study.claim(A)
  study.note_run(claim, [RUN])
  (found,) = other.record().trials[0].seeds
  assert (found.seed, found.values, found.seconds) == (3, (0.5,), 2.0)


CHANGES = {
  "report": lambda study, claim: study.report(claim, 2, 0.1),
  "note_run": lambda study, claim: study.note_run(claim, [RUN]),
  "complete": lambda study, claim: study.complete(claim, [0.5]),
  "prune": lambda study, claim: study.prune(claim),
  "fail": lambda study, claim: study.fail(claim, "late"),
  "beat": lambda study, claim: study.beat(claim, 1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_trial_that_another_worker_has_is_lost(made, name):
  study, other = made()
  lost = study.claim(A)
  other.put_back(lambda view: True)
  own = other.claim(B)
  with pytest.raises(LostTrialError):
    CHANGES[name](study, lost)
  assert states(other)[0] == RUNNING
  other.complete(own, [0.75])
  assert other.record().trials[0].values == (0.75,)
  (trial, *_) = other.record().trials
  assert (trial.error, trial.seeds, trial.curve) == (None, (), {})


@pytest.mark.parametrize("name", CHANGES)
def test_a_trial_that_another_worker_finished_is_lost(made, name):
  study, other = made()
  lost = study.claim(A)
  other.put_back(lambda view: True)
  other.complete(other.claim(B), [0.75])
  with pytest.raises(LostTrialError):
    CHANGES[name](study, lost)
  (trial, *_) = other.record().trials
  assert (trial.state, trial.values, trial.error) == (COMPLETE, (0.75,), None)


@pytest.mark.parametrize("name", ["complete", "prune"])
def test_what_was_done_and_not_answered_may_be_done_again(made, name):
  study, _ = made()
  claim = study.claim(A)
  CHANGES[name](study, claim)
  CHANGES[name](study, claim)
  assert len(study.record().of_state(COMPLETE, PRUNED)) == 1


def test_the_median_pruner_prunes(made):
  study, other = made(pruner="median", startup_trials=1)
  good, poor = study.claim(A), other.claim(B)
  assert not study.report(good, 2, 0.9)
  # Nothing to compare with yet.
  assert not other.report(poor, 2, 0.1)
  study.complete(good, [0.9])
  assert other.report(poor, 3, 0.1) is False  # The good one has no step 3.
  third = study.claim(A)
  assert study.report(third, 2, 0.1) is True


@pytest.mark.parametrize("pruner", ["successive_halving", "hyperband"])
def test_halving_prunes_the_worse_ones(tmp_path, pruner):
  study, _ = create(
    plan(tmp_path, RANGE, 12, sampler="random", pruner=pruner), 2
  )
  study.add_trials()
  pruned = []
  for number in range(12):
    claim = study.claim(worker(str(number)))
    # One after the other worse than the one before.
    for step in range(1, 9):
      if study.report(claim, step, -number):
        study.prune(claim)
        pruned.append(number)
        break
    else:
      study.complete(claim, [-number])
  assert pruned and 0 not in pruned
  assert len(study.record().of_state(PRUNED)) == len(pruned)


def test_without_a_pruner_nothing_is_pruned(made):
  study, _ = made()
  study.complete(study.claim(A), [0.9])
  assert not study.report(study.claim(A), 2, -1e9)


def test_no_number_is_not_noted(made):
  study, _ = made(pruner="median")
  claim = study.claim(A)
  assert study.report(claim, 2, None) is False
  assert study.record().trials[0].curve == {}


def test_a_step_that_is_evaluated_again_has_the_later_value(made):
  study, other = made(pruner="median")
  study.report(study.claim(A), 2, 0.1)
  other.put_back(lambda view: True)
  other.report(other.claim(B), 2, 0.2)
  assert other.record().trials[0].curve == {2: 0.2}


def test_failures_are_counted(made):
  study, other = made()
  assert (study.num_failures(False), study.num_failures(True)) == (0, 0)
  study.fail(study.claim(A), "x")
  study.fail(study.claim(A), "x")
  assert other.num_failures(beside_others=False) == 2
  study.complete(study.claim(A), [1.0])
  # Others ended well: it is not the config.
  assert other.num_failures(beside_others=False) is None
  assert other.num_failures(beside_others=True) == 2


def test_failed_trials_are_run_again_with_new_numbers(made):
  study, other = made()
  study.complete(study.claim(A), [1.0])
  study.fail(study.claim(A), "x")
  assert other.retry_failed() == 1
  assert other.retry_failed() == 0
  record = study.record()
  assert [trial.number for trial in record.trials] == [0, 2, 3, 4, 5, 6]
  assert record.trials[-1].params == GRID[1]
  assert study.num_failures(beside_others=True) == 0
  study.add_trials()
  assert len(study.record().trials) == 6
  claims = [study.claim(worker(str(n))) for n in range(5)]
  assert [claim.number for claim in claims] == [2, 3, 4, 5, 6]
  assert claims[-1].params == GRID[1]


def test_a_trial_that_fails_again_is_retried_again(made):
  study, _ = made({"LEARNING_RATE": [0.1]})
  for number in range(3):
    claim = study.claim(A)
    assert (claim.number, claim.params) == (number, {"LEARNING_RATE": 0.1})
    study.fail(claim, "x")
    assert study.retry_failed() == 1
  assert states(study) == [WAITING]


def test_a_study_is_over_when_nothing_waits_or_runs(made):
  study, other = made({"LEARNING_RATE": [0.1, 0.2]})
  assert not study.is_over()
  study.complete(study.claim(A), [1.0])
  claim = study.claim(A)
  assert study.claim(A).number == claim.number
  assert not other.is_over()
  study.fail(claim, "x")
  assert other.is_over()


def test_a_trial_that_takes_its_worker_with_it_fails_in_the_end(made):
  study, other = made()
  for _ in range(3):
    study.claim(A)
    assert states(study)[0] == RUNNING
    other.note_death("a", 2, "It kills workers.")
  trial = other.record().trials[0]
  assert (trial.state, trial.error) == (FAILED, "It kills workers.")
  other.note_death("unknown", 0, "x")
  assert other.claim(B).number == 1


def test_with_a_time_alone_trials_are_made_as_they_are_claimed(made):
  study, other = made(RANGE, sampler="random")
  assert study.record().num_wanted is None
  assert states(study) == []
  claims = [study.claim(A), other.claim(B)]
  assert [claim.number for claim in claims] == [0, 1]
  study.complete(claims[0], [1.0])
  other.put_back(lambda view: True)
  # One that waits comes before a new one.
  assert study.claim(A).number == 1
  assert study.claim(B).number == 2
  planned = plan(made.folder, RANGE, 3, sampler="random")
  points = [trial.params for trial in study.record().trials]
  assert points == planned.space.random_points(3, 0)


def test_random_search_ends_when_all_points_were_drawn(made):
  study, _ = made({"LEARNING_RATE": [0.1, 0.2]}, sampler="random")
  claims = [study.claim(A)]
  study.fail(claims[0], "x")
  study.retry_failed()
  claims += [study.claim(worker(name)) for name in "bc"]
  assert sorted(c.params["LEARNING_RATE"] for c in claims[1:]) == [0.1, 0.2]
  assert study.claim(worker("d")) is None


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_trial_is_sampled_alike_whichever_worker_claims_it(tmp_path, sampler):
  found = []
  for name in ("one", "two"):
    (tmp_path / name).mkdir()
    space = {**RANGE, "BATCH_SIZE": {"low": 1, "high": 64}}
    planned = plan(
      tmp_path / name, space, 8, sampler=sampler, startup_trials=2, seed=5
    )
    study, _ = create(planned)
    study.add_trials()
    others = [study, join(planned), join(planned)]
    params = []
    for number in range(8):
      # In the second study another one claims each.
      claimant = others[0 if name == "one" else number % 3]
      claim = claimant.claim(worker(f"{name}{number}"))
      params.append(claim.params)
      claimant.complete(claim, [claim.params["LEARNING_RATE"]])
    found.append(params)
  assert found[0] == found[1]
  assert len({p["LEARNING_RATE"] for p in found[0]}) == 8


def test_workers_at_one_time_do_not_sample_the_same(made):
  study, other = made(RANGE, 8, sampler="tpe", startup_trials=2)
  for _ in range(4):
    study.complete(study.claim(A), [0.5])
  claims = [s.claim(worker(n)) for s, n in zip([study, other] * 2, "abcd")]
  assert len({claim.params["LEARNING_RATE"] for claim in claims}) == 4


def test_the_record_of_two_objectives(made):
  study, _ = made(objective=["accuracy", "seconds"], direction=["max", "min"])
  study.complete(study.claim(A), [0.5, 3.0])
  study.complete(study.claim(A), [0.75, 4.0])
  record = study.record()
  assert [o.name for o in record.objectives] == ["accuracy", "seconds"]
  assert [trial.number for trial in record.front()] == [0, 1]
  assert record.best().values == (0.75, 4.0)


def test_heartbeats_change_a_sign_of_life(made):
  study, other = made()
  claim = study.claim(A)
  signs = [other.running()[0].sign_of_life]
  for count in (1, 2):
    study.beat(claim, count)
    signs.append(other.running()[0].sign_of_life)
  assert len(set(signs)) == 3


def test_values_that_are_no_numbers_are_refused(made):
  study, _ = made()
  claim = study.claim(A)
  with pytest.raises(ValueError):
    study.complete(claim, [math.nan])
  assert states(study)[0] == RUNNING
