"""What is said of a path at which there is nothing."""

import pathlib

import handle_modules
import pytest
import tiny_modules

from hub_estimator.handles.contents.content_kinds import describe_missing
from hub_estimator.tf_compat import tf

HANDLE = "A handle is the path of a module's folder."


def test_a_missing_folder(tmp_path):
  assert describe_missing(f"{tmp_path}/nope") == (
    f"{tmp_path}/nope does not exist. {HANDLE}"
  )


def test_missing_parents(tmp_path):
  assert describe_missing(f"{tmp_path}/no/pe") == (
    f"{tmp_path}/no/pe does not exist. Neither does its parent folder "
    f"{tmp_path}/no."
  )
  assert describe_missing(f"{tmp_path}/a/b/c/") == (
    f"{tmp_path}/a/b/c/ does not exist. Neither does its parent folder "
    f"{tmp_path}/a/b; the nearest folder that does is {tmp_path}."
  )


def test_a_similar_name(tmp_path):
  for name in ("nnlm-en-dim128", "nnlm-en-dim50", "other"):
    (tmp_path / name).mkdir()
  (tmp_path / "nnlm-en-dim").write_text("a file")
  assert describe_missing(f"{tmp_path}/nnlm-en-dim12") == (
    f"{tmp_path}/nnlm-en-dim12 does not exist. Did you mean "
    f"{tmp_path}/nnlm-en-dim128 or {tmp_path}/nnlm-en-dim50?"
  )
  assert describe_missing(f"{tmp_path}/Other") == (
    f"{tmp_path}/Other does not exist. Did you mean {tmp_path}/other?"
  )
  assert describe_missing(f"{tmp_path}/othr/1") == (
    f"{tmp_path}/othr/1 does not exist. Neither does its parent folder "
    f"{tmp_path}/othr. Did you mean {tmp_path}/other?"
  )


def test_an_archive_of_the_name(tmp_path):
  (tmp_path / "m.tar.gz").write_bytes(tiny_modules.archive())
  assert describe_missing(f"{tmp_path}/m") == (
    f"{tmp_path}/m does not exist. Did you mean {tmp_path}/m.tar.gz?"
  )


def test_the_prefix_of_a_checkpoint(tmp_path):
  prefix = handle_modules.save_checkpoint(tmp_path / "c")
  text = (
    f"{prefix} does not exist. It is the prefix of a bare checkpoint "
    f"({prefix}.index): weights without a graph. "
  )
  assert describe_missing(prefix) == (
    f"{text}A TF1 Hub module is a folder with tfhub_module.pb; export one with "
    "ModuleSpec.export(path, checkpoint_path)."
  )
  module = handle_modules.export_whole(tmp_path / "m")
  prefix = f"{module}/variables/variables"
  assert describe_missing(prefix) == (
    f"{prefix} does not exist. It is the prefix of a bare checkpoint "
    f"({prefix}.index): weights without a graph. They are those of the module "
    f"{module}: give {module}."
  )


def test_a_relative_path(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "models").mkdir()
  looked_for = f"It is looked for in the working directory {tmp_path}."
  assert describe_missing("x") == (f"x does not exist. {HANDLE} {looked_for}")
  assert describe_missing("modles/x") == (
    "modles/x does not exist. Neither does its parent folder modles. Did you "
    f"mean models? {looked_for}"
  )
  assert describe_missing("a/b/c") == (
    f"a/b/c does not exist. Neither does its parent folder a/b. {looked_for}"
  )


@pytest.mark.parametrize(
  ("path", "address"),
  [
    ("tfhub.dev/google/x/1", "https://tfhub.dev/google/x/1"),
    (
      "www.kaggle.com/models/google/x",
      "https://www.kaggle.com/models/google/x",
    ),
    ("localhost.example.org:80/m", "https://localhost.example.org:80/m"),
    (
      "google/nnlm/tensorFlow1/en-dim128/1",
      "https://www.kaggle.com/models/google/nnlm/tensorFlow1/en-dim128/1",
    ),
  ],
)
def test_an_address_without_its_scheme(path, address, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert describe_missing(path) == (
    f"{path} does not exist. If it is the address of a module, write {address}."
  )
  (tmp_path / pathlib.Path(path).parts[0]).mkdir()
  assert "https" not in describe_missing(path)


def test_a_path_that_is_written_in_another_way(tmp_path, monkeypatch):
  (tmp_path / "m").mkdir()
  monkeypatch.setenv("MODULES", str(tmp_path))
  for path in (f" {tmp_path}/m\n", f"'{tmp_path}/m'", "$MODULES/m"):
    assert describe_missing(path) == (
      f"{path} does not exist. Did you mean {tmp_path}/m?"
    )


def test_a_link_to_nothing(tmp_path):
  (tmp_path / "m").symlink_to(tmp_path / "gone")
  assert describe_missing(f"{tmp_path}/m") == (
    f"{tmp_path}/m is a symbolic link to {tmp_path}/gone, which does not exist."
  )


def test_below_a_file(tmp_path):
  (tmp_path / "m.tar").write_text("x")
  assert describe_missing(f"{tmp_path}/m.tar/m") == (
    f"{tmp_path}/m.tar/m does not exist. {tmp_path}/m.tar is a file, not a "
    f"folder. {HANDLE}"
  )


def test_on_a_file_system_of_tensorflow():
  tf.io.gfile.makedirs("ram://missing_paths/module")
  assert describe_missing("ram://missing_paths/modul") == (
    "ram://missing_paths/modul does not exist. Did you mean "
    "ram://missing_paths/module?"
  )
  assert describe_missing("ram://missing_paths_/a/b") == (
    "ram://missing_paths_/a/b does not exist. Neither does its parent folder "
    "ram://missing_paths_/a."
  )
