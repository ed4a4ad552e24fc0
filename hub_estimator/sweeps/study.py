"""A study in its storage: trials are claimed, put back and finished.

All trials are there from the start, waiting. A worker claims one, which makes
it running; a trial whose worker died is put back to wait, with the number, the
parameters and the folder that it has. So there are just as many trials as
wanted, and each is finished once.

Two things keep a trial from being finished twice. Claims and what puts trials
back are exclusive, by the storage's lock. And the storage itself lets one of
two workers finish a trial: should one have been taken for dead that was not, it
learns so from its next heartbeat, and what it does later counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional

import optuna
from optuna.trial import TrialState

from hub_estimator.sweeps import samplers
from hub_estimator.sweeps import trial_attributes as attributes
from hub_estimator.sweeps.claim import Claim, LostTrialError
from hub_estimator.sweeps.records import StudyRecord
from hub_estimator.sweeps.sampled_points import fixed_points
from hub_estimator.sweeps.storage import StudyStorage
from hub_estimator.sweeps.study_plan import StudyPlan
from hub_estimator.sweeps.trial_attributes import TrialView

_UNFINISHED = (TrialState.WAITING, TrialState.RUNNING)


class Study:
  """The trials of a plan; one object in each process."""

  def __init__(self, storage: StudyStorage, plan: StudyPlan):
    """Opens a study that is there.

    Args:
      storage: this process's.
      plan: what is to be done.
    """
    self._storage = storage
    self._plan = plan
    self.optuna_study = storage.call(
      lambda: optuna.load_study(
        study_name=plan.name,
        storage=storage.storage,
        pruner=samplers.create_pruner(plan.settings),
      )
    )
    self._study_id = self.optuna_study._study_id

  def add_trials(self) -> None:
    """Adds the trials that are missing, also after a kill in between."""
    plan = self._plan
    if plan.num_wanted is None:
      return
    points = fixed_points(plan.settings, plan.space, plan.num_wanted)

    def add():
      num_there = len(attributes.without_retried(self._trials()))
      for number in range(num_there, plan.num_wanted):
        point = points[number] if number < len(points) else {}
        self.optuna_study.enqueue_trial(point)

    self._storage.exclusively(add)

  def retry_failed(self) -> int:
    """Adds a trial in the stead of each failed one; returns how many."""

    def add():
      trials = attributes.without_retried(self._trials())
      failed = [trial for trial in trials if trial.state == TrialState.FAIL]
      for trial in failed:
        self.optuna_study.enqueue_trial(
          trial.params, user_attrs={attributes.RETRY_OF: trial.number}
        )
      return len(failed)

    return self._storage.exclusively(add)

  def claim(self, worker: Mapping[str, str]) -> Optional[Claim]:
    """Makes a waiting trial this worker's; returns None if none waits.

    Args:
      worker: "id", "machine" and "host" of the worker.
    """
    return self._storage.exclusively(self._claim, worker)

  def _claim(self, worker: Mapping[str, str]) -> Optional[Claim]:
    # Of a claim that the end of a worker, or of a database, broke off.
    for trial in self._trials(TrialState.RUNNING):
      if attributes.worker_id_of(trial) in (None, worker["id"]):
        self._put_back(trial._trial_id)
    waiting = self._trials(TrialState.WAITING)
    if not waiting and self._plan.num_wanted is None:
      waiting = self._append()
    if not waiting:
      return None
    plan = self._plan
    # Any worker may come to any trial, and all are to sample the same for it.
    seed = plan.settings.seed + waiting[0].number
    self.optuna_study.sampler = samplers.create_sampler(
      plan.settings, plan.space, seed
    )
    trial = self.optuna_study.ask()
    self._set(trial._trial_id, attributes.WORKER, dict(worker))
    self._set(trial._trial_id, attributes.HEARTBEAT, 0)
    attempt = trial.user_attrs.get(attributes.ATTEMPTS, 0) + 1
    self._set(trial._trial_id, attributes.ATTEMPTS, attempt)
    params = plan.space.suggest(trial)
    runs = tuple(trial.user_attrs.get(attributes.RUNS, ()))
    return Claim(trial, trial.number, params, worker["id"], attempt, runs)

  def _append(self) -> list[optuna.trial.FrozenTrial]:
    """Adds one trial, if there is any more, and returns it."""
    plan = self._plan
    number = len(attributes.without_retried(self._trials()))
    points = fixed_points(plan.settings, plan.space, number + 1)
    if number < len(points):
      self.optuna_study.enqueue_trial(points[number])
    elif plan.settings.sampler == "random":
      return []  # All points of a space of choices have been drawn.
    else:
      self.optuna_study.enqueue_trial({})
    return self._trials(TrialState.WAITING)

  def beat(self, claim: Claim, count: int) -> None:
    """Tells other machines that a trial's worker lives, if storage answers.

    Args:
      claim: of the trial.
      count: another one than the last time.

    Raises:
      LostTrialError: the trial is not this worker's any more.
    """
    self._storage.try_once(
      self._change_own,
      claim,
      lambda: self._set(claim.trial_id, attributes.HEARTBEAT, count),
    )

  def report(self, claim: Claim, step: int, value: Optional[float]) -> bool:
    """Notes the first objective at an evaluation.

    Args:
      claim: of the trial.
      step: the global step.
      value: of the objective; None if it is no number there.

    Returns:
      whether to prune the trial.

    Raises:
      LostTrialError: the trial is not this worker's any more.
    """
    if value is None:
      return False

    def report():
      self._change_own(
        claim,
        # Optuna's `Trial.report` refuses two objectives, and a step that an
        # earlier attempt came to.
        lambda: self._storage.storage.set_trial_intermediate_value(
          claim.trial_id, step, value
        ),
      )
      if not self._plan.allows_pruning:
        return False
      # `Trial.should_prune` knows only what was given to `Trial.report`.
      study = self.optuna_study
      return bool(study.pruner.prune(study, self._frozen(claim.trial_id)))

    return self._storage.call(report)

  def note_run(self, claim: Claim, runs: Sequence[Mapping[str, Any]]) -> None:
    """Notes the finished runs of a trial.

    Args:
      claim: of the trial.
      runs: those so far, as JSON has them: the fields of `SeedResult`.

    Raises:
      LostTrialError: the trial is not this worker's any more.
    """
    self._storage.call(
      self._change_own,
      claim,
      lambda: self._set(claim.trial_id, attributes.RUNS, list(runs)),
    )

  def complete(self, claim: Claim, values: Sequence[float]) -> None:
    """Finishes a trial.

    Args:
      claim: of the trial.
      values: of the objectives.

    Raises:
      LostTrialError: the trial is not this worker's any more.
    """
    self._finish(claim, TrialState.COMPLETE, list(values))

  def prune(self, claim: Claim) -> None:
    """Ends a trial that is not promising; its value is that of the last step.

    Raises:
      LostTrialError: the trial is not this worker's any more.
    """
    self._finish(claim, TrialState.PRUNED, None)

  def fail(
    self, claim: Claim, error: str, log_lines: Sequence[str] = ()
  ) -> None:
    """Ends a trial that cannot be finished.

    Args:
      claim: of the trial.
      error: why, in one line.
      log_lines: the last lines of its log.

    Raises:
      LostTrialError: the trial is not this worker's any more.
    """

    def note():
      self._set(claim.trial_id, attributes.ERROR, error)
      self._set(claim.trial_id, attributes.LOG_LINES, list(log_lines))

    self._storage.call(self._change_own, claim, note)
    self._finish(claim, TrialState.FAIL, None)

  def _finish(self, claim: Claim, state: TrialState, values) -> None:
    try:
      self._storage.call(
        self._change_own,
        claim,
        lambda: self.optuna_study.tell(claim.trial, values, state=state),
      )
    except LostTrialError:
      # What a database was told before it died may have been done.
      frozen = self._storage.call(self._frozen, claim.trial_id)
      is_own = attributes.worker_id_of(frozen) == claim.worker_id
      if not (is_own and frozen.state == state):
        raise

  def _change_own(self, claim: Claim, change: Callable[[], Any]) -> Any:
    """Changes a trial; raises LostTrialError if it is not the worker's."""
    self._check_own(claim)
    try:
      return change()
    except (optuna.exceptions.UpdateFinishedTrialError, ValueError) as error:
      if self._frozen(claim.trial_id).state.is_finished():
        raise LostTrialError from error
      raise

  def _check_own(self, claim: Claim) -> None:
    frozen = self._frozen(claim.trial_id)
    owner = attributes.worker_id_of(frozen)
    if frozen.state != TrialState.RUNNING or owner != claim.worker_id:
      raise LostTrialError

  def release(self, claim: Claim) -> None:
    """Puts a trial of this worker back, for a later attempt."""

    def release():
      try:
        self._check_own(claim)
      except LostTrialError:
        return
      self._put_back(claim.trial_id)

    self._storage.exclusively(release)

  def put_back(self, is_dead: Callable[[TrialView], bool]) -> list[int]:
    """Puts running trials back whose workers are dead.

    Args:
      is_dead: says it of a running trial; called while nothing is claimed.

    Returns:
      their numbers.
    """

    def put_back():
      found = []
      for trial in self._trials(TrialState.RUNNING):
        if is_dead(attributes.view_of(trial)):
          self._put_back(trial._trial_id)
          found.append(trial.number)
      return found

    return self._storage.exclusively(put_back)

  def _put_back(self, trial_id: int) -> None:
    self._set(trial_id, attributes.WORKER, {})
    self._storage.storage.set_trial_state_values(trial_id, TrialState.WAITING)

  def running(self) -> list[TrialView]:
    """Returns the trials that workers have."""
    return self._storage.call(
      lambda: [
        attributes.view_of(trial) for trial in self._trials(TrialState.RUNNING)
      ]
    )

  def note_death(self, worker_id: str, limit: int, error: str) -> None:
    """Notes that a worker died of itself; fails its trial after some deaths.

    A trial that takes its worker with it, such as one for which memory is too
    small, would do so again and again.

    Args:
      worker_id: the worker's.
      limit: how many deaths a trial may cause.
      error: what to say of a trial that caused more.
    """

    def note():
      for trial in self._trials(TrialState.RUNNING):
        if attributes.worker_id_of(trial) == worker_id:
          deaths = trial.user_attrs.get(attributes.DEATHS, 0) + 1
          self._set(trial._trial_id, attributes.DEATHS, deaths)
          if deaths > limit:
            self._set(trial._trial_id, attributes.ERROR, error)
            self._storage.storage.set_trial_state_values(
              trial._trial_id, TrialState.FAIL
            )

    self._storage.exclusively(note)

  def is_over(self) -> bool:
    """Whether no trial waits or runs."""
    return not self._storage.call(self._trials, *_UNFINISHED)

  def num_failures(self, beside_others: bool) -> Optional[int]:
    """Returns how many trials failed.

    Args:
      beside_others: whether to count them if others ended well; None then.
    """
    trials = attributes.without_retried(self._storage.call(self._trials))
    ended = [trial for trial in trials if trial.state.is_finished()]
    failed = [trial for trial in ended if trial.state == TrialState.FAIL]
    if len(failed) < len(ended) and not beside_others:
      return None
    return len(failed)

  def record(self) -> StudyRecord:
    """Returns all that is known."""
    plan = self._plan
    trials = attributes.without_retried(self._storage.call(self._trials))
    settings = plan.settings
    return StudyRecord(
      plan.name,
      plan.study_dir,
      settings.objectives,
      tuple(attributes.record_of(trial, plan) for trial in trials),
      num_wanted=plan.num_wanted,
      repeats=len(plan.seeds),
      sampler=settings.sampler,
      pruner=settings.pruner,
      param_names=tuple(plan.space.names),
      handle_name=plan.space.handle_name,
      left_out=plan.left_out,
    )

  def _trials(self, *states: TrialState) -> list[optuna.trial.FrozenTrial]:
    return self._storage.storage.get_all_trials(
      self._study_id, deepcopy=False, states=states or None
    )

  def _frozen(self, trial_id: int) -> optuna.trial.FrozenTrial:
    return self._storage.storage.get_trial(trial_id)

  def _set(self, trial_id: int, name: str, value: Any) -> None:
    self._storage.storage.set_trial_user_attr(trial_id, name, value)
