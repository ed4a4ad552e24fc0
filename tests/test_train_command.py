"""The command `train`: mistakes of every kind, and what it prints."""

import os
import pathlib
import pty
import re
import subprocess
import sys
import types

import numpy as np
import pytest
import tiny_models
import tiny_runs

from hub_estimator import hub, train
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

TAGS = [(set(), {"is_training": False}), ({"train"}, {"is_training": True})]
TESTS = pathlib.Path(__file__).resolve().parent


class Doubling(tf.Module):
  """What a TF2 SavedModel is made of."""

  @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
  def __call__(self, x):
    return 2.0 * x


def untrainable_module_fn():
  x = tf1.placeholder(tf.float32, [None, 2], name="x")
  hub.add_signature(inputs=x, outputs=2.0 * x)


@pytest.fixture(scope="module")
def at(tmp_path_factory):
  """Paths of a config, data, modules and of what is none."""
  folder = tmp_path_factory.mktemp("places")
  at = types.SimpleNamespace(
    folder=folder,
    config=tiny_runs.write_config(folder),
    module=tiny_models.export_module(folder / "module", tags_and_args=TAGS),
    untrainable=tiny_models.export_module(
      folder / "untrainable", untrainable_module_fn
    ),
    two_modules=str(folder / "two"),
    saved_model=str(folder / "saved_model"),
    checkpoint=str(folder / "checkpoint"),
    run=str(folder / "run"),
    wide=str(folder / "wide.npz"),
    four=tiny_runs.write_data(folder / "four.npz", [0, 1, 2, 3]),
  )
  for name in ("a", "b"):
    tiny_models.export_module(folder / "two" / "1700000000" / name)
  np.savez(at.wide, features=np.zeros([20, 3]), labels=[0, 1] * 10)
  with tf1.Session(graph=tf.Graph()) as session:
    with session.graph.as_default():
      tf1.get_variable("v", [1])
      session.run(tf1.global_variables_initializer())
      os.makedirs(at.checkpoint)
      tf1.train.Saver().save(session, f"{at.checkpoint}/model.ckpt", 3)
  os.makedirs(f"{at.run}/export/tf_hub")
  tf.saved_model.save(Doubling(), at.saved_model)
  return at


def arguments_of(config, model_dir, gin_params):
  return [
    f"--gin_file={config}",
    *(f"--gin_param={param}" for param in gin_params),
    f"--model_dir={model_dir}",
  ]


@pytest.fixture
def train_command(run_command, at):
  """Runs the command: (exit status, stdout, stderr)."""

  def run(model_dir, *gin_params, flags=(), config=None):
    return run_command(
      train,
      *arguments_of(config or at.config, model_dir, gin_params),
      *flags,
      required_flags=("gin_file", "model_dir"),
    )

  return run


def assert_error(result, message):
  status, output, error = result
  assert error == f"error: {message}\n"
  assert (status, output) == (2, "")


# {…} is a place of the fixture `at`.
MISTAKES = {
  "no such handle": (
    ["MODULE_HANDLE = '{folder}/nope'"],
    "{folder}/nope does not exist. A handle is the path of a module's folder.",
  ),
  "no such folder": (
    ["MODULE_HANDLE = '{folder}/no/pe'"],
    "{folder}/no/pe does not exist. Neither does its parent folder "
    "{folder}/no.",
  ),
  "folder of a bare checkpoint": (
    ["MODULE_HANDLE = '{checkpoint}'"],
    "{checkpoint} is not a TF1 Hub module: it has no tfhub_module.pb. It holds "
    "a bare checkpoint: weights without a graph. Export a module from it with "
    "ModuleSpec.export(path, checkpoint_path).",
  ),
  "prefix of a bare checkpoint": (
    ["MODULE_HANDLE = '{checkpoint}/model.ckpt-3'"],
    "{checkpoint}/model.ckpt-3 does not exist. It is the prefix of a bare "
    "checkpoint ({checkpoint}/model.ckpt-3.index): weights without a graph. A "
    "TF1 Hub module is a folder with tfhub_module.pb; export one with "
    "ModuleSpec.export(path, checkpoint_path).",
  ),
  "SavedModel of TF2": (
    ["MODULE_HANDLE = '{saved_model}'"],
    "{saved_model} is not a TF1 Hub module: it has no tfhub_module.pb. It is a "
    "TF2 SavedModel; use tf.saved_model.load() or tensorflow_hub's hub.load() "
    "for it.",
  ),
  "folder of a run": (
    ["MODULE_HANDLE = '{run}'"],
    "{run} is not a TF1 Hub module: it has no tfhub_module.pb. It is the "
    "folder of a run: give {run}/export/tf_hub.",
  ),
  "several modules": (
    ["MODULE_HANDLE = '{two_modules}'"],
    "{two_modules} holds 2 modules and none is named: give one of "
    "{two_modules}/1700000000/a, {two_modules}/1700000000/b.",
  ),
  "unknown module of several": (
    ["MODULE_HANDLE = '{two_modules}'", "ModuleEncoder.export_name = 'c'"],
    "The newest export in {two_modules} has no module 'c': it has a, b.",
  ),
  "unknown tag": (
    ["ModuleEncoder.tags = ['nope']"],
    "tags = ['nope']: module {module} has no such graph. Its tag sets are: "
    "{{}}, {{train}}.",
  ),
  "unknown signature": (
    ["SIGNATURE = 'nope'"],
    "signature = 'nope': module {module} has no such signature in its graph "
    "{{}}. Its signatures are: default.",
  ),
  "unknown output": (
    ["OUTPUT = 'nope'"],
    "output = 'nope': signature 'default' of module {module} has no such "
    "output. Its outputs are: default.",
  ),
  "misspelt macro": (
    ["TRAIN_STEP = 3"],
    '--gin_param "TRAIN_STEP = 3": nothing uses the macro TRAIN_STEP; did you '
    "mean TRAIN_STEPS?",
  ),
  "misspelt parameter": (
    ["ModuleEncoder.trainabel = True"],
    '--gin_param "ModuleEncoder.trainabel = True": ModuleEncoder.trainabel: '
    "ModuleEncoder has no parameter trainabel; did you mean trainable?",
  ),
  "unused binding": (
    ["create_linear_schedule_fn.warmup_steps = 3"],
    '--gin_param "create_linear_schedule_fn.warmup_steps = 3": '
    "create_linear_schedule_fn.warmup_steps has no effect: nothing that train "
    "uses is create_linear_schedule_fn; did you mean "
    "create_cosine_schedule_fn.warmup_steps?",
  ),
  "labels outside of the head's classes": (
    ["create_multi_class_head_fn.num_classes = 2"],
    "The head's labels are 0 to 1, but example 1 of the train split (row 2 of "
    "`features` and `labels` of '{folder}/data.npz') has the label 2, and 3 "
    "other examples of that split are outside too. Give the head num_classes = "
    "3, or pick classes with NumpyInput.classes.",
  ),
  "features of another dtype": (
    ["NumpyInput.feature_dtype = 'int32'"],
    "Feature 'x' is a Tensor of int32 with shape (None, 2): input 'x' of "
    "signature 'default' of module {module} takes a Tensor of float32 with "
    "shape (None, 2).",
  ),
  "features of another shape": (
    ["SOURCE = '{wide}'"],
    "Feature 'x' is a Tensor of float32 with shape (None, 3): input 'x' of "
    "signature 'default' of module {module} takes a Tensor of float32 with "
    "shape (None, 2).",
  ),
  "nothing to train": (
    ["MODULE_HANDLE = '{untrainable}'"],
    "trainable = True, and module {untrainable} has no trainable variables in "
    "its graph {{}} (it has 0 variables). Set TRAINABLE = False to train only "
    "the head.",
  ),
  "no example to train on": (
    ["NumpyInput.eval_fraction = 1.0"],
    "The train split has zero examples. '{folder}/data.npz' has {{'whole': "
    "20}} to use, and NumpyInput.eval_fraction = 1.0, "
    "NumpyInput.num_train_examples_per_class = None: leave some for either "
    "split.",
  ),
}


@pytest.mark.parametrize(
  ("gin_params", "message"), MISTAKES.values(), ids=MISTAKES
)
def test_mistakes(train_command, at, tmp_path, gin_params, message):
  params = [param.format(**vars(at)) for param in gin_params]
  result = train_command(
    tmp_path / "run", f"MODULE_HANDLE = '{at.module}'", *params
  )
  assert_error(result, message.format(**vars(at)))
  assert not (tmp_path / "run").exists()


def test_debug_shows_where_it_was_raised(train_command, tmp_path):
  status, output, error = train_command(
    tmp_path / "run", "OUTPUT = 'nope'", flags=["--debug"]
  )
  assert (status, output) == (2, "")
  assert error.startswith("Traceback (most recent call last):\n")
  assert "module_encoder.py" in error
  assert error.splitlines()[-1].startswith("error: output = 'nope': ")


def test_a_mistake_in_a_file_has_its_line(train_command, at, tmp_path):
  config = tmp_path / "mine.gin"
  config.write_text(f"include '{at.config}'\n\nLEARNING_RAT = 0.1\n")
  assert_error(
    train_command(tmp_path / "run", config=config),
    f"{config}:3: nothing uses the macro LEARNING_RAT; did you mean "
    "LEARNING_RATE?",
  )


def test_a_required_macro_that_is_missing(train_command, at, tmp_path):
  config = tmp_path / "mine.gin"
  config.write_text(
    f"include '{at.config}'\n"
    "MODULE_HANDLE = %gin.REQUIRED  # the folder of a module\n"
  )
  assert_error(
    train_command(tmp_path / "run", config=config),
    f'MODULE_HANDLE is required ({config}:2, "the folder of a module"): set it '
    "with --gin_param='MODULE_HANDLE = \"…\"'",
  )


def test_flags_that_exclude_each_other(train_command, tmp_path):
  assert_error(
    train_command(tmp_path, flags=["--resume", "--overwrite"]),
    "--resume and --overwrite exclude each other: one keeps the run in "
    "--model_dir, the other deletes it.",
  )


def test_a_folder_with_another_run(train_command, at, tmp_path):
  model_dir = tmp_path / "run"
  # A slash behind the folder's name changes nothing.
  status, output, _ = train_command(f"{model_dir}/", "TRAIN_STEPS = 1")
  assert status == 0
  assert f"results              {model_dir}/results.json\n" in output
  assert_error(
    train_command(model_dir, "TRAIN_STEPS = 2", "SEED = 1"),
    f"--model_dir={model_dir} holds a run with another config: "
    "NumpyInput.seed: 0 there, 1 here; "
    "create_cosine_schedule_fn.train_steps: 1 there, 2 here; train.seed: 0 "
    "there, 1 here; train.train_steps: 1 there, 2 here. Give another "
    "--model_dir, or --resume to go on from its newest checkpoint with this "
    "config, or --overwrite to delete it and start again.",
  )
  for flag in ("--resume", "--noresume"):
    status, output, error = train_command(
      model_dir, f"SOURCE = '{at.four}'", flags=[flag]
    )
    assert (status, output) == (2, "")
    assert error.count("\n") == 1
    assert error.startswith(
      f"error: Checkpoint {model_dir}/model.ckpt-1 is of another model: "
      if flag == "--resume"
      else f"error: --model_dir={model_dir} holds a run with another config: "
    )
  # Nothing was lost: the same command still goes on.
  assert train_command(model_dir, "TRAIN_STEPS = 1")[0] == 0


def test_a_dry_run_changes_nothing(train_command, tmp_path):
  status, output, error = train_command(tmp_path / "run", flags=["--dry_run"])
  assert (status, error) == (0, "")
  assert output.startswith("Module                 module_fn tiny_module_fn\n")
  assert output.endswith("steps of 4. Nothing was written.\n")
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  ("model_dir", "message"),
  [
    (
      "{folder}/data.npz",
      "--model_dir={folder}/data.npz is a file, and a run needs a folder: give "
      "another path.",
    ),
    (
      "{folder}/data.npz/run",
      "Cannot write to --model_dir={folder}/data.npz/run: [Errno 20] Not a "
      "directory: '{folder}/data.npz/run'. Give another path.",
    ),
    (
      "s3://bucket/run",
      "--model_dir=s3://bucket/run is a URL: a run's folder is on this "
      "machine.",
    ),
  ],
)
def test_folders_that_are_none(train_command, at, model_dir, message):
  assert_error(
    train_command(model_dir.format(**vars(at))), message.format(**vars(at))
  )


# As a program: what stands on stderr before a command's own lines.


def start(at, model_dir, *gin_params, **options):
  return subprocess.Popen(
    [
      *[sys.executable, "-m", "hub_estimator.train"],
      *arguments_of(at.config, model_dir, gin_params),
    ],
    env={**os.environ, "PYTHONPATH": f"{TESTS.parent}:{TESTS}"},
    stdout=subprocess.PIPE,
    text=True,
    **options,
  )


def test_an_error_is_all_that_is_printed(at, tmp_path):
  process = start(
    at, tmp_path / "run", "OUTPUT = 'nope'", stderr=subprocess.PIPE
  )
  output, error = process.communicate()
  assert process.returncode == 2
  assert output == ""
  assert error == (
    "error: output = 'nope': signature 'default' of module module_fn "
    "tiny_module_fn has no such output. Its outputs are: default.\n"
  )


WARNING = "warning: hub_estimator: module module_fn tiny_module_fn, graph {"


MOVED = (
  r"After 4 steps the weights have moved, relative to their size: "
  r"module 0\.\d+, head 0\.\d+\."
)


def test_nobody_is_told_about_a_module_that_he_did_not_write(at, tmp_path):
  process = start(
    at,
    tmp_path / "run",
    f"MODULE_HANDLE = '{at.module}'",
    stderr=subprocess.PIPE,
  )
  _, error = process.communicate()
  assert process.returncode == 0
  lines = error.splitlines()
  assert re.fullmatch(MOVED, lines[2])
  assert [line.split("/")[0] for line in lines[:2]] == [
    "step 1",
    "step 4",
  ]


def test_lines_where_there_is_no_terminal(at, tmp_path):
  process = start(at, tmp_path / "run", stderr=subprocess.PIPE)
  output, error = process.communicate()
  assert process.returncode == 0
  lines = error.splitlines()
  # Then what whoever defines a module is told when it is exported.
  lines, moved, warnings = lines[:2], lines[2], lines[3:]
  assert re.fullmatch(MOVED, moved)
  assert [line.rpartition(" ")[2] for line in warnings] == [
    "[fixed_batch_norm_momentum]",
    "[uncommon_signature]",
  ]
  assert all(line.startswith(WARNING) for line in warnings)
  assert [re.sub(r"[\d.,]+", "#", line) for line in lines] == [
    "step #/#  loss #",
    "step #/#  loss #  # examples/s",
  ]
  assert [line.split("/")[0] for line in lines] == ["step 1", "step 4"]
  rows = output.splitlines()
  assert re.sub(" +", " ", rows[0]) == "metric value"
  assert [row.split("  ")[0] for row in rows[2:]] == [
    "accuracy",
    "average_loss",
    "loss",
    "regularization_loss",
    "global step",
    "trained parameters",
    "seconds in training",
    "export tf_hub",
    "results",
  ]


def test_one_bar_on_a_terminal(at, tmp_path):
  terminal, stream = pty.openpty()
  process = start(at, tmp_path / "run", "TRAIN_STEPS = 30", stderr=stream)
  os.close(stream)
  shown = b""
  while True:
    try:
      part = os.read(terminal, 4096)
    except OSError:  # The other end is closed.
      break
    shown += part
    if not part:
      break
  os.close(terminal)
  process.communicate()
  assert process.returncode == 0
  text = shown.decode()
  # One line, drawn again and again from its beginning, above it how far the
  # weights have moved, and two warnings below, of the export.
  assert text.count("\n") == 4
  lines = text.split("\r\n")
  above = lines[0].split("\r")[-1]
  assert above.startswith("After 10 steps the weights have moved")
  assert all(line.startswith(WARNING) for line in lines[2:4])
  assert text.endswith("\n")
  last = lines[1].strip().split("\r")[-1]
  assert re.fullmatch(
    r"100%\|.*\| step 30/30  loss [\d.]+(  [\d,.]+ examples/s)? *", last
  )


DRIVER = """
import sys
from hub_estimator import command_line, train

for arguments in {calls}:
  sys.argv = ["train", *arguments]
  try:
    command_line.run_command(
      train.main,
      usage=train.__doc__,
      required_flags=("gin_file", "model_dir"),
    )
  except SystemExit as exit:
    print("status", exit.code, file=sys.stderr)
  train.flags.FLAGS.unparse_flags()
  for name in train.flags.FLAGS:
    train.flags.FLAGS[name].unparse()
assert "tensorflow" not in sys.modules
"""


def test_mistakes_that_need_no_tensorflow_do_not_wait_for_it(tmp_path):
  (tmp_path / "wrong.gin").write_text("TRAIN_STEPS = 1 2\n")
  calls = [
    ["--help"],
    ["--model_dir=x"],
    ["--gin_file=nope.gin", "--model_dir=x"],
    ["--gin_file=wrong.gin", "--model_dir=x"],
  ]
  completed = subprocess.run(
    [sys.executable, "-c", DRIVER.format(calls=calls)],
    env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
    cwd=tmp_path,
    capture_output=True,
    text=True,
    check=False,
  )
  assert completed.returncode == 0, completed.stderr
  assert completed.stdout.startswith("Fine-tunes a TF1 Hub module as Gin")
  assert completed.stderr.splitlines() == [
    "status 0",
    "error: --gin_file=FILE (A Gin file; may be given several times, later "
    "ones win) is required",
    "status 2",
    "error: there is no Gin file nope.gin (looked in the working directory, "
    "the shipped configs folder)",
    "status 2",
    "error: wrong.gin:1: syntax error: Expected newline, in TRAIN_STEPS = 1 2",
    "status 2",
  ]
