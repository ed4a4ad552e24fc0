"""Whether a trial's worker lives."""

import pytest
from children import FakeClock

from hub_estimator.sweeps.liveness import Liveness, machine_of
from hub_estimator.sweeps.trial_attributes import TrialView
from hub_estimator.sweeps.worker_locks import WorkerLock

BEAT = 5.0


@pytest.fixture
def clock():
  return FakeClock()


@pytest.fixture
def liveness(clock, tmp_path):
  return Liveness(str(tmp_path), BEAT, clock)


def view(number=0, worker="w", machine="elsewhere", heartbeat=0, attempt=1):
  description = {"id": worker, "machine": machine, "host": machine}
  return TrialView(number, description, heartbeat, attempt)


def watch(liveness, clock, seconds, trial, step=1.0):
  """Looks at a trial each `step` seconds; returns whether it seems dead."""
  for _ in range(int(seconds / step)):
    clock.sleep(step)
    liveness.observe([trial])
  return liveness.is_dead(trial)


def test_a_claim_that_was_broken_off_has_no_worker(liveness):
  assert liveness.is_dead(TrialView(0, {}, 0, 1))


def test_a_worker_of_this_machine_has_a_lock(liveness, tmp_path):
  trial = view(worker="mine", machine=machine_of(str(tmp_path)))
  assert liveness.is_dead(trial)
  lock = WorkerLock(str(tmp_path), "mine")
  assert not liveness.is_dead(trial)
  lock.release()
  assert liveness.is_dead(trial)


def test_its_heartbeat_does_not_count(liveness, clock, tmp_path):
  trial = view(worker="mine", machine=machine_of(str(tmp_path)))
  lock = WorkerLock(str(tmp_path), "mine")
  assert not watch(liveness, clock, 1000, trial)
  lock.release()


def test_another_folder_is_another_machine(tmp_path):
  # Its locks cannot be seen there.
  assert machine_of(str(tmp_path)) != machine_of(str(tmp_path / "other"))
  link = tmp_path / "link"
  link.symlink_to(tmp_path)
  assert machine_of(str(link)) == machine_of(str(tmp_path))


def test_six_heartbeats_have_to_be_missed(liveness, clock):
  trial = view()
  liveness.observe([trial])
  assert not watch(liveness, clock, 6 * BEAT - 1, trial)
  assert watch(liveness, clock, 1, trial)


def test_what_was_never_seen_before_is_not_dead(liveness, clock):
  clock.sleep(1000)
  assert not liveness.is_dead(view())
  liveness.observe([view()])
  assert not liveness.is_dead(view())


@pytest.mark.parametrize("change", ["heartbeat", "attempt", "worker"])
def test_a_sign_of_life_begins_the_time_again(liveness, clock, change):
  trial = view()
  liveness.observe([trial])
  watch(liveness, clock, 6 * BEAT - 1, trial)
  changed = view(**{change: "x" if change == "worker" else 7})
  liveness.observe([changed])
  assert not watch(liveness, clock, 6 * BEAT - 1, changed)
  assert watch(liveness, clock, 1, changed)


def test_time_in_which_the_storage_was_away_does_not_count(liveness, clock):
  trial = view()
  liveness.observe([trial])
  watch(liveness, clock, 4 * BEAT, trial)
  # An hour without the storage: one interval at most.
  clock.sleep(3600)
  liveness.observe([trial])
  assert not liveness.is_dead(trial)
  assert not watch(liveness, clock, BEAT - 1, trial)
  assert watch(liveness, clock, 1, trial)


def test_rare_looks_take_as_many(liveness, clock):
  trial = view()
  liveness.observe([trial])
  assert not watch(liveness, clock, 5 * 60, trial, step=60.0)
  assert watch(liveness, clock, 60, trial, step=60.0)


def test_trials_are_told_apart(liveness, clock):
  silent, alive = view(0, "a"), view(1, "b")
  for beat in range(40):
    clock.sleep(1.0)
    alive = view(1, "b", heartbeat=beat)
    liveness.observe([silent, alive])
  assert liveness.is_dead(silent)
  assert not liveness.is_dead(alive)


def test_an_ended_trial_is_forgotten(liveness, clock):
  trial = view()
  liveness.observe([trial])
  watch(liveness, clock, 6 * BEAT - 1, trial)
  liveness.observe([])
  liveness.observe([trial])
  assert not watch(liveness, clock, 6 * BEAT - 1, trial)
