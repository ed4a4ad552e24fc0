"""The command `sweep`: mistakes of every kind, each told in one line."""

import os
import re
import types

import pytest
import tiny_models
import tiny_runs

from hub_estimator import sweep
from hub_estimator.sweeps import preparation, storage
from hub_estimator.sweeps.supervision import Supervisor
from hub_estimator.training import launch

OBJECTIVE = "sweep.objective = 'average_loss'\nsweep.sampler = 'grid'\n"
SPACE = "sweep.search_space = {'LEARNING_RATE': [0.1, 0.2]}\n"


@pytest.fixture(scope="module")
def at(tmp_path_factory):
  folder = tmp_path_factory.mktemp("places")
  tiny_models.export_module(folder / "module")
  return types.SimpleNamespace(
    folder=folder, config=tiny_runs.write_config(folder)
  )


@pytest.fixture
def command(run_command, at, monkeypatch, tmp_path):
  """Runs the command: (exit status, stdout, stderr)."""

  def call_here(function, items, resources):
    # A process that has made a session, as that of tests, cannot fork one that
    # makes graphs.
    del resources
    return [function(item) for item in items]

  monkeypatch.setattr(preparation, "call_forked", call_here)
  monkeypatch.setattr(launch, "look_for_devices", lambda: None)

  def run(text, *arguments, config=None, study_dir=None):
    sweep_file = tmp_path / "s.gin"
    sweep_file.write_text(text)
    return run_command(
      sweep,
      f"--gin_file={config or at.config}",
      f"--sweep_file={sweep_file}",
      f"--study_dir={study_dir or tmp_path / 'study'}",
      *arguments,
      required_flags=("gin_file", "sweep_file", "study_dir"),
    )

  return run


def assert_error(result, message):
  status, output, error = result
  assert error == f"error: {message}\n"
  assert (status, output) == (2, "")


# {s} is the sweep file, {folder} where modules are, {study} the study's folder.
SPACES = {
  "unknown macro": (
    "{'LEARNING_RAT': [0.1, 0.2]}",
    "sweep.search_space['LEARNING_RAT']: nothing uses the macro LEARNING_RAT; "
    "did you mean LEARNING_RATE?",
  ),
  "unknown parameter": (
    "{'ModuleEncoder.trainabel': [True, False]}",
    "sweep.search_space['ModuleEncoder.trainabel']: ModuleEncoder has no "
    "parameter trainabel; did you mean trainable?",
  ),
  "unknown configurable": (
    "{'ModuleEncodr.trainable': [True, False]}",
    "sweep.search_space['ModuleEncodr.trainable']: there is no configurable "
    "ModuleEncodr; did you mean ModuleEncoder? (a configurable of your own "
    "needs an import line for its module).",
  ),
  "empty choices": (
    "{'LEARNING_RATE': []}",
    "{s}:1: sweep.search_space['LEARNING_RATE']: the list of choices is empty",
  ),
  "reversed range": (
    "{'LEARNING_RATE': {'low': 0.5, 'high': 0.1, 'num': 3}}",
    "{s}:1: sweep.search_space['LEARNING_RATE']: low 0.5 is above high 0.1: "
    "the range is the wrong way round",
  ),
  "a value that its argument refuses": (
    "{'LEARNING_RATE': [0.1, -0.1]}",
    "with LEARNING_RATE = -0.1: `create_cosine_schedule_fn.learning_rate` is "
    "at least 0; got -0.1.",
  ),
  "a missing module": (
    "{'MODULE_HANDLE': ['{folder}/module', '{folder}/nope']}",
    "1 of 2 modules does not fit: MODULE_HANDLE = '{folder}/nope': "
    "{folder}/nope does not exist. A handle is the path of a module's folder. "
    "Take it out of the search space, or set sweep.unfit_modules = "
    "'leave_out'.",
  ),
  "no module at all": (
    "{'MODULE_HANDLE': ['{folder}/nope', '{folder}/none']}",
    "2 of 2 modules do not fit: MODULE_HANDLE = '{folder}/nope': {folder}/nope "
    "does not exist. A handle is the path of a module's folder; MODULE_HANDLE ="
    " '{folder}/none': {folder}/none does not exist. A handle is the path of a "
    "module's folder. Correct them, or take them out of the search space.",
  ),
  "a grid of a range": (
    "{'LEARNING_RATE': {'low': 0.1, 'high': 0.5}}",
    "{s}:1: sweep.search_space['LEARNING_RATE']: the range from 0.1 to 0.5 has "
    "no points for a grid: add 'step': the distance between its points, or "
    "'num': N for N points of it; or take another sampler",
  ),
}


@pytest.mark.parametrize("name", SPACES)
def test_mistakes_in_the_search_space(command, at, tmp_path, name):
  space, message = SPACES[name]

  def filled(text):
    return text.replace("{folder}", str(at.folder)).replace(
      "{s}", str(tmp_path / "s.gin")
    )

  result = command(f"sweep.search_space = {filled(space)}\n{OBJECTIVE}")
  assert_error(result, filled(message))
  # A mistake leaves nothing behind.
  assert not (tmp_path / "study").exists()


def test_required_flags(run_command):
  result = run_command(
    sweep, required_flags=("gin_file", "sweep_file", "study_dir")
  )
  assert_error(
    result,
    "--gin_file=FILE (A Gin file; may be given several times, later ones win), "
    "--sweep_file=FILE (The Gin file that says what varies), --study_dir=DIR "
    "(The study's folder) are required",
  )


@pytest.mark.parametrize("flag", ["gin_file", "sweep_file"])
def test_missing_files(command, tmp_path, flag):
  status, output, error = command("", f"--{flag}=nope.gin")
  assert (status, output) == (2, "")
  assert error.startswith("error: ") and "nope.gin" in error
  assert error.count("\n") == 1


def test_an_objective_that_no_run_reports(command):
  text = "sweep.objective = 'acuracy'\nsweep.direction = 'max'\n"
  assert_error(
    command(f"{SPACE}{text}sweep.sampler = 'grid'"),
    "sweep.objective = 'acuracy' is nothing that a run of this config reports. "
    "Did you mean 'accuracy'? There are: accuracy, average_loss, "
    "examples_per_second, feature_extraction_seconds, global_step, loss, "
    "module_trainable_parameters, num_parameters, num_trainable_parameters, "
    "regularization_loss, seconds, train_seconds.",
  )


def test_a_sweep_without_an_end(command):
  assert_error(
    command(f"{SPACE}sweep.objective = 'loss'"),
    "sweep.sampler = 'tpe' goes on for ever: set sweep.num_trials, "
    "--num_trials or --timeout.",
  )


def test_repeats_need_a_seed(command, at, tmp_path):
  config = tmp_path / "no_seed.gin"
  config.write_text(f"include '{at.config}'\nSEED = None\n")
  assert_error(
    command(f"{SPACE}{OBJECTIVE}sweep.repeats = 2", config=config),
    "sweep.repeats = 2 gives each run of a trial a SEED, and the config has no "
    "such macro with a number: add SEED = 0 and bind what draws random numbers "
    "to %SEED, as configs/fine_tuning.gin does.",
  )
  assert_error(
    command(
      f"sweep.search_space = {{'SEED': [1, 2]}}\n{OBJECTIVE}sweep.repeats = 2"
    ),
    "sweep.repeats = 2 gives SEED to each run, and sweep.search_space varies "
    "it, too: take one of them out.",
  )


FLAGS = {
  "--num_workers=0": "flag --num_workers=0: 0 is not a positive integer",
  "--num_workers=two": "flag --num_workers=two: invalid literal for int() with "
  "base 10: 'two'",
  "--num_trials=0": "flag --num_trials=0: 0 is not a positive integer",
  "--timeout=-1": "flag --timeout=-1: -1.0 is not a non-negative number",
  "--keep=0": "--keep is the number of trials whose checkpoints and exports "
  "stay, 1 or more, or 'all'; got '0'. Results, logs and reports of all trials "
  "stay in any case.",
  "--keep=best": "--keep is the number of trials whose checkpoints and exports "
  "stay, 1 or more, or 'all'; got 'best'. Results, logs and reports of all "
  "trials stay in any case.",
  "--executor=slurm": "flag --executor=slurm: value should be one of <local|"
  "ray>",
  "--storage=mysql://h/d": "--storage='mysql://h/d' is no place that a study "
  "can be kept in. There are postgresql://USER:PASSWORD@HOST:PORT/DATABASE "
  "(several machines), journal:PATH or a path that ends in .log (several "
  "workers on one machine), sqlite:///PATH (one worker), or no --storage: a "
  "file in --study_dir.",
}


@pytest.mark.parametrize("flag", FLAGS)
def test_flags_that_cannot_be(command, tmp_path, flag):
  assert_error(command(SPACE + OBJECTIVE, flag), FLAGS[flag])
  assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("flags", [(), ("--dry_run",)], ids=["run", "dry"])
class TestPlaces:
  """What is wrong with folder and storage, with and without --dry_run."""

  def test_sqlite_with_two_workers(self, command, tmp_path, flags):
    path = tmp_path / "x.db"
    result = command(
      SPACE + OBJECTIVE,
      "--num_workers=2",
      f"--storage=sqlite:///{path}",
      *flags,
    )
    assert_error(
      result,
      f"The SQLite file {path} cannot serve --num_workers=2: SQLite has one "
      "writer at a time, and under several processes changes fail with "
      "'database is locked'. Give --num_workers=1, or another --study_dir "
      "(several workers on one machine keep their study in a journal), or "
      "--storage=postgresql://USER:PASSWORD@HOST/DATABASE.",
    )
    assert not (tmp_path / "study").exists()

  def test_a_folder_of_something_else(self, command, tmp_path, flags):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    assert_error(
      command(SPACE + OBJECTIVE, *flags, study_dir=tmp_path / "photos"),
      f"--study_dir={tmp_path}/photos is no study's folder: there is no "
      "study.json, but cat.png. Give a new or an empty folder.",
    )
    assert os.listdir(tmp_path / "photos") == ["cat.png"]

  def test_a_file(self, command, tmp_path, flags):
    (tmp_path / "file").touch()
    assert_error(
      command(SPACE + OBJECTIVE, *flags, study_dir=tmp_path / "file"),
      f"--study_dir={tmp_path}/file is a file, and a study needs a folder: "
      "give another path.",
    )

  def test_a_url(self, command, flags):
    assert_error(
      command(SPACE + OBJECTIVE, *flags, study_dir="gs://b/c"),
      "--study_dir=gs://b/c is a URL: a study's folder is on this machine; a "
      "database is given with --storage.",
    )

  def test_a_damaged_study_json(self, command, tmp_path, flags):
    (tmp_path / "study").mkdir()
    path = tmp_path / "study" / "study.json"
    path.write_text("{")
    status, _, error = command(SPACE + OBJECTIVE, *flags)
    assert status == 2
    assert error.startswith(
      f"error: {path}, which says what study the folder is of, cannot be read: "
    )
    assert error.endswith(" Give another --study_dir.\n")


def test_a_folder_that_cannot_be_made(command, tmp_path):
  assert_error(
    command(SPACE + OBJECTIVE, study_dir="/proc/none/study"),
    "--study_dir=/proc/none/study cannot be made: No such file or directory. "
    "Give a folder in which you may write.",
  )


def test_a_storage_that_cannot_be_reached(command, monkeypatch):
  monkeypatch.setattr(storage.StudyStorage, "__init__", _hurried)
  status, output, error = command(
    SPACE + OBJECTIVE,
    "--storage=postgresql://me:secret@127.0.0.1:9/studies",
  )
  assert (status, output) == (2, "")
  # What the retries log is no error.
  last = error.splitlines()[-1]
  assert last.startswith(
    "error: Cannot reach the PostgreSQL database postgresql://me:***@127.0.0.1:9"
    "/studies; tried for 0 s: "
  )
  assert last.endswith(
    " Start the same command again when it is back: finished trials stay, and "
    "those under way go on from their checkpoints."
  )
  assert "secret" not in error


_init = storage.StudyStorage.__init__


def _hurried(self, study_dir, place, retry_secs, *others):
  _init(self, study_dir, place, 0.0, *others)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(command, tmp_path):
  text = """
sweep.search_space = {
  'LEARNING_RATE': {'low': 0.01, 'high': 0.1, 'log': True, 'num': 3},
  'TRAINABLE': [True, False],
  'Optimization.regularization_scale': {
    'low': 0.5, 'high': 1.0, 'step': 0.25, 'when': {'TRAINABLE': True},
  },
}
sweep.repeats = 3
"""
  status, output, error = command(
    text + OBJECTIVE, "--dry_run", "--num_workers=2"
  )
  assert (status, error) == (0, "")
  lines = [re.split("  +", line) for line in output.splitlines()]
  assert lines[0] == ["sweep", str(tmp_path / "study")]
  assert ["trials", "12"] in lines
  assert ["runs of each", "3"] in lines
  assert ["objective", "average_loss (low is good)"] in lines
  assert ["workers", "2"] in lines
  assert ["TRAINABLE", "True, False"] in lines
  assert ["LEARNING_RATE", "0.01 to 0.1, by logarithm, num 3"] in lines
  assert not (tmp_path / "study").exists()


def test_help_says_what_it_does_and_how_it_ends(run_command):
  status, output, error = run_command(sweep, "--help")
  assert (status, error) == (0, "")
  assert output.startswith("Tries modules, recipes and numbers,")
  for flag in (
    *("--sweep_file=FILE", "--study_dir=DIR", "--storage=STORAGE"),
    *("--num_workers=WORKERS", "--num_trials=TRIALS", "--timeout=TIMEOUT"),
    *("--[no]dry_run", "--[no]fail_fast", "--[no]retry_failed", "--keep=KEEP"),
  ):
    assert f"\n  {flag}" in output
  assert "75" in output


class TestAnotherStudy:
  """A folder has a study, and a command means another one."""

  @pytest.fixture(autouse=True)
  def study(self, command):
    def end(*_):
      raise ZeroDivisionError("as if killed")

    # Up to the first trial.
    with pytest.MonkeyPatch.context() as patch:
      patch.setattr(Supervisor, "run", end)
      with pytest.raises(ZeroDivisionError):
        command(SPACE + OBJECTIVE)

  END = (
    " What was tried cannot be compared with what this command would try: give "
    "another --study_dir, or go on with the files as they were. (--num_trials, "
    "--timeout, --num_workers and sweep.max_failures may change.)\n"
  )

  @pytest.mark.parametrize(
    "space, more, difference",
    [
      ("[0.1, 0.3]", "", "LEARNING_RATE: "),
      ("[0.1, 0.2]", "sweep.seed = 3", "sweep.seed: 0 there, 3 here"),
      (
        "[0.1, 0.2]",
        "sweep.objective = 'loss'",
        "sweep.objective: {'average_loss': 'min'} there, {'loss': 'min'} here",
      ),
      (
        "[0.1, 0.2]",
        "sweep.sampler = 'random'\nsweep.num_trials = 2",
        "sweep.sampler: grid there, random here",
      ),
      (
        "[0.1, 0.2]",
        "sweep.repeats = 2",
        "seeds: [None] there, [0, 1] here",
      ),
    ],
  )
  def test_of_the_sweep_file(self, command, tmp_path, space, more, difference):
    text = f"sweep.search_space = {{'LEARNING_RATE': {space}}}\n"
    status, output, error = command(text + OBJECTIVE + more)
    assert (status, output) == (2, "")
    place = f"the SQLite file {tmp_path}/study/study.db"
    assert error.startswith(
      f"error: 'study' in {place} is another study: {difference}"
    )
    assert error.endswith(self.END)

  def test_of_the_config(self, command, tmp_path):
    status, _, error = command(SPACE + OBJECTIVE, "--gin_param=TRAIN_STEPS = 5")
    assert status == 2
    assert error == (
      f"error: 'study' in the SQLite file {tmp_path}/study/study.db is another "
      f"study: TRAIN_STEPS: 4 there, 5 here.{self.END}"
    )

  def test_of_the_name(self, command, tmp_path):
    assert_error(
      command(SPACE + OBJECTIVE, "--study_name=other"),
      f"--study_dir={tmp_path}/study is of the study 'study', and the SQLite "
      f"file {tmp_path}/study/study.db has none of the name 'other'. Give the "
      "--storage (and --study_name) that it was begun with, or another "
      "--study_dir.",
    )

  def test_of_the_storage(self, command, tmp_path):
    assert_error(
      command(SPACE + OBJECTIVE, f"--storage=journal:{tmp_path}/j.log"),
      f"A study stays where it was begun, and --study_dir={tmp_path}/study has "
      f"it in study.db; --storage says the journal {tmp_path}/j.log. Leave "
      "--storage out, or give another --study_dir.",
    )

  def test_of_another_folder(self, command, tmp_path):
    db = f"--storage=sqlite:///{tmp_path}/study/study.db"
    other = tmp_path / "other"
    other.mkdir()
    (other / "study.json").write_text('{"name": "o", "key": "k"}')
    status, _, error = command(
      SPACE + OBJECTIVE, db, "--study_name=study", study_dir=other
    )
    assert status == 2
    assert error == (
      f"error: --study_dir={other} is of another study, 'o', than 'study' in "
      f"the SQLite file {tmp_path}/study/study.db. Give another --study_dir, "
      "or the --storage that it was begun with.\n"
    )
