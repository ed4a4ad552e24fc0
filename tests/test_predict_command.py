"""The command `predict`: what it reads, writes and refuses."""

import io
import json
import os
import pathlib
import subprocess
import sys
import tracemalloc
import types

import pytest
import trained_runs

import hub_estimator
from hub_estimator import predict
from hub_estimator.training import prediction_run

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:UserWarning")

ROOT = pathlib.Path(__file__).resolve().parents[1]
REQUIRED = ("model_dir", "input", "output")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """The folder of a run that classifies texts."""
  folder, _ = trained_runs.train("classes", tmp_path_factory.mktemp("texts"))
  return folder


@pytest.fixture
def predict_command(run_command):
  """Runs the command: (exit status, stdout, stderr)."""
  return lambda *arguments: run_command(
    predict, *arguments, required_flags=REQUIRED
  )


@pytest.fixture(scope="module")
def expected(run):
  """Text -> the fields of its prediction."""
  texts = ["good", "so bad"]
  with hub_estimator.Predictor(run) as predictor:
    found = predictor.predict(texts)
  return {
    text: {
      "predicted_class": found["class_names"][row],
      "predicted_class_id": int(found["class_ids"][row]),
      "probabilities": {
        name: float(str(found["probabilities"][row, column]))
        for column, name in enumerate(["neg", "pos"])
      },
    }
    for row, text in enumerate(texts)
  }


def write_table(path, *rows):
  path.write_text("".join("\t".join(row) + "\n" for row in rows))
  return path


def test_lines(run, predict_command, expected, tmp_path):
  path = write_table(
    tmp_path / "new.tsv", ["text"], ["good"], ["so bad"], ["good"]
  )
  output = tmp_path / "out.jsonl"
  status, printed, error = predict_command(
    f"--model_dir={run}", f"--input={path}", f"--output={output}"
  )
  assert (status, printed, error) == (0, "", "")
  lines = [json.loads(line) for line in output.read_text().splitlines()]
  assert lines == [
    {"key": f"line {number}", "text": text, **expected[text]}
    for number, text in ((2, "good"), (3, "so bad"), (4, "good"))
  ]
  assert sorted(p.name for p in tmp_path.iterdir()) == ["new.tsv", "out.jsonl"]


def test_labels_are_compared(run, predict_command, expected, tmp_path):
  texts = ("good", "so bad", "good", "good")
  names = ["neg", "pos"]
  good = expected["good"]["predicted_class"]
  labels = [good, "", "none", next(name for name in names if name != good)]
  path = write_table(
    tmp_path / "new.tsv", ["text", "label"], *zip(texts, labels)
  )
  status, printed, error = predict_command(
    f"--model_dir={run}", f"--input={path}", "--output=-"
  )
  assert status == 0
  found = [json.loads(line)["label"] for line in printed.splitlines()]
  assert found == [labels[0], None, None, labels[3]]
  assert error.splitlines()[-1] == "accuracy 0.5000 of 2 examples with labels"
  assert "2 examples" in error.splitlines()[0]


def test_csv(run, predict_command, expected, tmp_path):
  path = tmp_path / "new.txt"
  path.write_text("good\nso bad\n")
  good, bad = expected["good"], expected["so bad"]
  text = "key,text,predicted_class,predicted_class_id," + (
    "probability_neg,probability_pos\n"
  )
  for number, (name, of) in enumerate((("good", good), ("so bad", bad)), 1):
    probabilities = ",".join(map(str, of["probabilities"].values()))
    text += (
      f"line {number},{name},{of['predicted_class']},"
      f"{of['predicted_class_id']},{probabilities}\n"
    )
  arguments = (f"--model_dir={run}", f"--input={path}", "--batch_size=1")
  output = tmp_path / "out.csv"
  assert predict_command(*arguments, f"--output={output}")[0] == 0
  assert output.read_text() == text
  status, printed, _ = predict_command(*arguments, "--output=-", "--format=csv")
  assert (status, printed) == (0, text)


def test_standard_input(run, predict_command, expected, monkeypatch):
  given = types.SimpleNamespace(buffer=io.BytesIO(b"good\nso bad\n"))
  monkeypatch.setattr(sys, "stdin", given)
  status, printed, _ = predict_command(
    f"--model_dir={run}", "--input=-", "--output=-", "--file_format=txt"
  )
  assert status == 0
  lines = [json.loads(line) for line in printed.splitlines()]
  assert [line["text"] for line in lines] == ["good", "so bad"]
  assert lines[1]["probabilities"] == expected["so bad"]["probabilities"]


def test_bad_examples(run, predict_command, tmp_path):
  path = tmp_path / "new.tsv"
  path.write_bytes(b"text\ngood\n\xff\ngood\n")
  output = tmp_path / "out.jsonl"
  arguments = (f"--model_dir={run}", f"--input={path}", f"--output={output}")
  status, _, error = predict_command(*arguments)
  assert status == 2
  assert str(path) in error
  assert "on_bad_example" in error
  assert not output.exists()
  status, _, error = predict_command(*arguments, "--on_bad_example=skip")
  assert status == 0
  lines = [json.loads(line) for line in output.read_text().splitlines()]
  assert [line["key"] for line in lines] == ["line 2", "line 4"]
  assert error.count("\n") == 1


def test_lines_before_a_bad_one_are_printed(run, predict_command, tmp_path):
  path = write_table(tmp_path / "new.tsv", ["text"], *[["good"]] * 9)
  path.write_bytes(path.read_bytes() + b"\xff\n")
  status, printed, _ = predict_command(
    f"--model_dir={run}", f"--input={path}", "--output=-", "--batch_size=3"
  )
  assert (status, printed.count("\n")) == (2, 9)


def test_another_checkpoint(run, predict_command, expected, tmp_path):
  path = write_table(tmp_path / "new.tsv", ["text"], ["good"])
  printed = [
    predict_command(
      f"--model_dir={run}",
      f"--input={path}",
      "--output=-",
      f"--checkpoint_path=model.ckpt-{step}",
    )[1]
    for step in (0, 3)
  ]
  assert (
    json.loads(printed[1])["probabilities"]
    == (expected["good"]["probabilities"])
  )
  assert printed[0] != printed[1]


def test_an_empty_file(run, predict_command, tmp_path):
  path = write_table(tmp_path / "new.tsv", ["text"])
  output = tmp_path / "out.jsonl"
  status, _, error = predict_command(
    f"--model_dir={run}", f"--input={path}", f"--output={output}"
  )
  assert status == 0
  assert error == f"There is no example in {path}.\n"
  assert output.read_text() == ""


MISTAKES = {
  "no such format": (
    ["--format=xml"],
    "--format=xml: there is no such format; there are: jsonl, csv.",
  ),
  "no such file": (["--input={folder}/none.tsv"], "{folder}/none.tsv"),
  "a missing column": (["--input={folder}/other.tsv"], "'text'"),
  "a folder": (
    ["--output={folder}"],
    "--output={folder} is a folder: give the path of a file.",
  ),
  "no such folder": (
    ["--output={folder}/no/out"],
    "Cannot write --output={folder}/no/out: No such file or directory. Its "
    "folder has to be there, with room on its disk, and this user has to be "
    "allowed to write in it.",
  ),
  "no batch": (["--batch_size=0"], "flag --batch_size=0: "),
  "no such treatment": (["--on_bad_example=cry"], "flag --on_bad_example=cry"),
  "no such checkpoint": (
    ["--checkpoint_path=model.ckpt-9"],
    "--checkpoint_path=model.ckpt-9 is no checkpoint.",
  ),
  "no best one": (["--best"], "train.best_metric"),
  "no run": (["--model_dir={folder}"], "is no folder of a run"),
}


@pytest.mark.parametrize(("flags", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(run, predict_command, tmp_path, flags, message):
  path = write_table(tmp_path / "new.tsv", ["text"], ["good"])
  write_table(tmp_path / "other.tsv", ["texts"], ["good"])
  status, printed, error = predict_command(
    f"--model_dir={run}",
    f"--input={path}",
    f"--output={tmp_path / 'out'}",
    *(flag.format(folder=tmp_path) for flag in flags),
  )
  assert (status, printed) == (2, "")
  assert error.startswith("error: ")
  assert error.count("\n") == 1
  assert message.format(folder=tmp_path) in error
  names = sorted(p.name for p in tmp_path.iterdir())
  assert names == ["new.tsv", "other.tsv"]


def test_a_run_without_a_checkpoint(run, predict_command, tmp_path):
  for name in ("config.gin", "input.json"):
    (tmp_path / name).write_bytes((run / name).read_bytes())
  status, _, error = predict_command(
    f"--model_dir={tmp_path}", "--input=x.tsv", "--output=-"
  )
  assert status == 2
  assert error == (
    f"error: --model_dir={tmp_path} holds no checkpoint: the run has not come "
    "to its first one.\n"
  )


def test_memory_does_not_grow_with_the_file(run, tmp_path):
  def peak(number):
    path = write_table(tmp_path / "new.tsv", ["text"], *[["good"]] * number)
    tracemalloc.start()
    try:
      prediction_run.predict_file(
        *(str(run), str(path), str(tmp_path / "out"), "jsonl"), batch_size=256
      )
      return tracemalloc.get_traced_memory()[1]
    finally:
      tracemalloc.stop()

  peak(10)  # What is allocated once.
  little = peak(2_000)
  # 38 times the examples: kept, their texts alone would be 8 MB more.
  assert peak(76_000) < little + 4 * 2**20
  with open(tmp_path / "out", encoding="utf-8") as file:
    keys = [json.loads(line)["key"] for line in file]
  assert keys == [f"line {number}" for number in range(2, 76_002)]


def test_a_full_disk(run, predict_command, tmp_path):
  path = write_table(tmp_path / "new.tsv", ["text"], ["good"])
  # What writing to it says, is what writing to a full disk says.
  status, _, error = predict_command(
    f"--model_dir={run}", f"--input={path}", "--output=/dev/full"
  )
  assert status == 2
  assert error.startswith(
    "error: Cannot write --output=/dev/full: No space left on device. "
  )


# As a program.


def program(*arguments, **options):
  return subprocess.Popen(
    [sys.executable, "-m", "hub_estimator.predict", *map(str, arguments)],
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    **options,
  )


def test_a_reader_that_has_enough(run, tmp_path):
  path = write_table(tmp_path / "new.tsv", ["text"], *[["good"]] * 20_000)
  process = program(f"--model_dir={run}", f"--input={path}", "--output=-")
  assert process.stdout.readline().startswith(b'{"key": "line 2"')
  process.stdout.close()
  assert process.stderr.read() == b""
  assert process.wait() == 141


def test_through_a_pipe_each_batch_is_answered_at_once(run):
  process = program(
    *(f"--model_dir={run}", "--input=-", "--output=-", "--batch_size=1"),
    "--file_format=txt",
    stdin=subprocess.PIPE,
  )
  process.stdin.write(b"good\n")
  process.stdin.flush()
  assert json.loads(process.stdout.readline())["text"] == "good"
  process.stdin.write(b"so bad\n")
  process.stdin.close()
  assert json.loads(process.stdout.readline())["text"] == "so bad"
  assert process.stderr.read() == b""
  assert process.wait() == 0


DRIVER = """
import sys
from hub_estimator import command_line, export, predict

for command, flags, arguments in {calls}:
  module = globals()[command]
  sys.argv = [command, *arguments]
  try:
    command_line.run_command(
      module.main, usage=module.__doc__, required_flags=flags
    )
  except SystemExit as exit:
    print("status", exit.code, file=sys.stderr)
  module.flags.FLAGS.unparse_flags()
  for name in module.flags.FLAGS:
    module.flags.FLAGS[name].unparse()
assert "tensorflow" not in sys.modules
"""


def test_mistakes_that_need_no_tensorflow_do_not_wait_for_it():
  of_export = ("model_dir", "export_dir")
  calls = [
    ("predict", REQUIRED, ["--help"]),
    ("predict", REQUIRED, ["--model_dir=x", "--output=-"]),
    (
      "predict",
      REQUIRED,
      ["--model_dir=x", "--output=-", "--input=-"] + ["--format=xml"],
    ),
    ("export", of_export, ["--help"]),
    ("export", of_export, ["--model_dir=x"]),
    ("export", of_export, ["--model_dir=x", "--export_dir=y", "--format=z"]),
  ]
  completed = subprocess.run(
    [sys.executable, "-c", DRIVER.format(calls=calls)],
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
    check=False,
  )
  assert completed.returncode == 0, completed.stderr
  assert completed.stdout.startswith("Predicts with a run's model")
  assert completed.stderr.splitlines() == [
    "status 0",
    "error: --input=INPUT (What to predict on; - for stdin) is required",
    "status 2",
    "error: --format=xml: there is no such format; there are: jsonl, csv.",
    "status 2",
    "status 0",
    "error: --export_dir=DIR (The folder to write to) is required",
    "status 2",
    "error: --format=z: there is no such format; there are: tf_hub, "
    "saved_model.",
    "status 2",
  ]
