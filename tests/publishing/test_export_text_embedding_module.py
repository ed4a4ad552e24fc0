"""The command export_text_embedding_module: what it makes, and mistakes."""

import gzip
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from embedding_modules import CAT, CONTENT, DOG, embed, names

from hub_estimator import errors
from hub_estimator.hub import description
from hub_estimator.publishing import (
  embedding_export,
  export_text_embedding_module,
)
from hub_estimator.publishing.embedding_export import export_text_embedding

ROOT = pathlib.Path(__file__).resolve().parents[2]
GLOVE_FILE = ROOT.parent / "shared/data/text/glove/glove_50d_5k.txt"


@pytest.fixture
def export(run_command):
  """Runs the command: (exit status, stdout, stderr)."""

  def run(*arguments):
    return run_command(
      export_text_embedding_module,
      *arguments,
      required_flags=("embedding_file", "export_path"),
    )

  return run


def test_the_command(export, embedding_file, tmp_path):
  path = tmp_path / "module"
  status, out, err = export(
    f"--embedding_file={embedding_file}",
    f"--export_path={path}",
    "--combiner=mean",
    "--num_oov_buckets=0",
    "--preprocess_text",
    "--lowercase_text",
    "--l2_scale=0.5",
  )
  assert (status, err) == (0, "")
  assert out.startswith(
    f"{path}: 3 words of 3 dimensions, 0 OOV buckets, combiner mean; "
  )
  assert len(out.splitlines()) == 1
  np.testing.assert_allclose(
    embed(path, ["Cat, dog!", "bird CAT"]), [(CAT + DOG) / 2, CAT]
  )
  (graph,) = description.describe_module(str(path))["graphs"]
  assert len(graph["regularization_losses"]) == 1


def test_what_the_command_notes(export, tmp_path):
  path = tmp_path / "vectors.txt"
  path.write_bytes(b"cat 1\nbad\ncat 2\ndog 3\n")
  arguments = [f"--embedding_file={path}", "--skip_malformed_lines"]
  status, out, _ = export(*arguments, f"--export_path={tmp_path}/m1")
  assert status == 0
  _, skipped, note = out.splitlines()
  assert skipped.startswith(
    "left out 2 malformed lines, the first: line 2: expected a word and 1"
  )
  assert note.startswith("note: no word has a capital letter")
  path.write_bytes(b"cat 1\nDog 3\n")
  _, out, _ = export(*arguments, f"--export_path={tmp_path}/m2")
  assert len(out.splitlines()) == 1


def test_progress_is_shown(export, tmp_path, monkeypatch):
  path = tmp_path / "vectors.txt"
  path.write_bytes(CONTENT)
  seen = []

  class Progress:
    def __init__(self, num_bytes):
      seen.append(num_bytes)

    def update(self, bytes_read, num_words):
      seen.append((bytes_read, num_words))

    def close(self):
      seen.append("closed")

  monkeypatch.setattr(export_text_embedding_module, "ReadingProgress", Progress)
  export(f"--embedding_file={path}", f"--export_path={tmp_path}/m")
  size = len(CONTENT)
  # The first line alone, and then the rest.
  assert seen[0] == size
  assert [words for _, words in seen[1:-1]] == [1, 3]
  assert seen[-2:] == [(size, 3), "closed"]


@pytest.mark.parametrize(
  "content, text",
  [
    (CONTENT + b"bird 1 2\n", ", line 4: expected a word and 3 values, "),
    (CONTENT + b"bird 1 2 x\n", "found value 3, 'x', is not a number in"),
    (
      CONTENT + b"cat 1 2 3\n",
      ", line 4: expected each word once, found 'cat'",
    ),
    (b"9 3\n" + CONTENT, ", line 1: the header says 9 words, found 3 lines"),
    (b"", " has no embeddings: expected lines with a word"),
    (gzip.compress(CONTENT, mtime=0)[:-9], " cannot be read after line "),
  ],
)
def test_a_malformed_file(export, tmp_path, content, text):
  path = tmp_path / "vectors.txt"
  path.write_bytes(content)
  status, out, err = export(
    f"--embedding_file={path}", f"--export_path={tmp_path}/new/module"
  )
  assert (status, out) == (2, "")
  assert err.startswith(f"error: {path}")
  assert text in err
  assert err.count("\n") == 1
  # Nothing half-written, no temporary folder.
  assert names(tmp_path) == ["vectors.txt"]


def test_a_place_that_is_taken(export, embedding_file, tmp_path, monkeypatch):
  # Before the file is read.
  monkeypatch.setattr(embedding_export, "EmbeddingFile", None)
  folder = tmp_path / "folder"
  folder.mkdir()
  for name in "abcd":
    (folder / name).write_text("")
  for path, what in (
    (folder, "holds a, b, c, …"),
    (folder / "a", "is a file"),
    (embedding_file, "is a file"),
  ):
    status, out, err = export(
      f"--embedding_file={embedding_file}", f"--export_path={path}"
    )
    assert (status, out) == (2, "")
    assert err == (
      f"error: {path} already exists and {what}: nothing is written over it. "
      "Give another path, or remove it first.\n"
    )
    with pytest.raises(errors.UserOSError, match="already exists"):
      export_text_embedding(str(embedding_file), str(path))
  assert names(folder) == ["a", "b", "c", "d"]


def test_a_place_that_cannot_be(export, embedding_file, tmp_path):
  status, _, err = export(
    f"--embedding_file={embedding_file}",
    f"--export_path={embedding_file}/module",
  )
  assert status == 2
  assert err == (
    f"error: {embedding_file}/module cannot be made: {embedding_file} is a "
    "file.\n"
  )


@pytest.mark.parametrize(
  "arguments, text",
  [
    ([], "--embedding_file=FILE (The file of word embeddings), --export_path="),
    (["--embedding_file=f"], "--export_path=PATH (The folder of the module"),
    (
      ["--embedding_file={}/nowhere"],
      "nowhere does not exist: expected a text",
    ),
    (["--embedding_file={}"], " is a folder: expected a text file of word"),
    (["--combiner=max"], "value should be one of <sqrtn|mean|sum>"),
    (["--num_oov_buckets=-1"], "is not a non-negative integer"),
    (["--num_lines_to_ignore=x"], "num_lines_to_ignore"),
    (["--l2_scale=-1"], "is not a non-negative number"),
    (["--combine=sum"], "there is no flag --combine; did you mean --combiner?"),
    (["vectors.txt"], "vectors.txt is one argument too many"),
  ],
)
def test_wrong_flags(export, tmp_path, arguments, text):
  given = [argument.format(tmp_path) for argument in arguments]
  if given and text.find("--export_path") < 0:
    given.append(f"--export_path={tmp_path}/module")
  status, out, err = export(*given)
  assert (status, out) == (2, "")
  assert err.startswith("error: ")
  assert text in err
  assert err.count("\n") == 1


def test_help_and_mistakes_need_no_tensorflow(tmp_path):
  program = (
    "import sys\n"
    "from hub_estimator.publishing import export_text_embedding_module as m\n"
    "from hub_estimator.command_line import run_command\n"
    "try:\n"
    "  run_command(m.main, usage=m.__doc__)\n"
    "finally:\n"
    "  assert 'tensorflow' not in sys.modules\n"
  )
  for argument, status in (("--help", 0), (f"--embedding_file={tmp_path}", 2)):
    result = subprocess.run(
      [sys.executable, "-c", program, argument, "--export_path=m"],
      env={**os.environ, "PYTHONPATH": str(ROOT)},
      capture_output=True,
      text=True,
    )
    assert result.returncode == status, result.stderr
    assert "AssertionError" not in result.stderr


def test_as_a_program_on_glove(tmp_path):
  if not GLOVE_FILE.exists():
    pytest.skip("the GloVe vectors are not there")
  path = tmp_path / "module"
  result = subprocess.run(
    [
      sys.executable,
      "-m",
      "hub_estimator.publishing.export_text_embedding_module",
      f"--embedding_file={GLOVE_FILE}",
      f"--export_path={path}",
    ],
    env={**os.environ, "PYTHONPATH": str(ROOT)},
    capture_output=True,
    text=True,
  )
  assert (result.returncode, result.stderr) == (0, "")
  assert f"{path}: 5,050 words of 50 dimensions" in result.stdout
  film, movie, tuesday = embed(path, ["film", "movie", "tuesday"])

  def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

  assert cosine(film, movie) > 0.8 > 0.5 > cosine(film, tuesday)
