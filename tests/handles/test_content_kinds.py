"""What messages say of files and folders that are no TF1 Hub modules."""

import os
import pathlib
import shutil
import tempfile

import handle_modules
import pytest

from hub_estimator import errors, hub
from hub_estimator.handles.contents.content_kinds import describe
from hub_estimator.tf_compat import graph_symbols, tf

TF1 = (
  "is a TF1 SavedModel; use hub.create_module_spec_from_saved_model(path) to "
  "make a module of it."
)
TF2 = "use tf.saved_model.load() or tensorflow_hub's hub.load() for it."


def said(path):
  return describe(str(path))


# SavedModels


def test_a_tf2_saved_model(tmp_path):
  path = handle_modules.save_tf2(tmp_path / "m")
  assert said(path) == f"It is a TF2 SavedModel; {TF2}"
  for part in ("saved_model.pb", "variables", "variables/variables.index"):
    assert said(path / part) == (
      f"It is a part of {path}. That is a TF2 SavedModel; {TF2}"
    )


def test_a_saved_model_of_keras(tmp_path):
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  path = tmp_path / "m"
  tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,))]).save(
    path, save_format="tf"
  )
  assert (path / "keras_metadata.pb").exists()
  assert said(path) == (
    f"It is a TF2 SavedModel that Keras wrote (keras_metadata.pb); {TF2}"
  )


def test_a_tf1_saved_model(tmp_path):
  path = handle_modules.save_tf1(tmp_path / "m")
  assert said(path) == f"It {TF1}"
  assert said(path / "variables") == f"It is a part of {path}. That {TF1}"


def test_a_saved_model_in_text_form(tmp_path):
  path = handle_modules.save_tf1(tmp_path / "m")
  file = path / "saved_model.pb"
  text = str(graph_symbols.SavedModel.FromString(file.read_bytes()))
  (path / "saved_model.pbtxt").write_text(text)
  file.unlink()
  assert said(path) == (
    "It is a SavedModel in text form; use tf.saved_model.load() for it."
  )


def test_damaged_saved_models(tmp_path):
  path = handle_modules.save_tf1(tmp_path / "m")
  file = path / "saved_model.pb"
  size = file.stat().st_size
  file.write_bytes(file.read_bytes()[:-1])
  assert said(path) == (
    f"Its saved_model.pb is cut off after {size - 1:,} bytes: copy or download "
    "it again."
  )
  file.write_bytes(b"\xff\xff")
  assert said(path) == "Its saved_model.pb is damaged."
  file.write_bytes(b"")
  assert said(path) == (
    "Its saved_model.pb is an empty file; whatever wrote, copied or downloaded "
    "it ended early."
  )
  file.write_bytes(b"<!DOCTYPE html><title>Sign in</title>")
  assert said(path) == (
    "Its saved_model.pb is a web page; a server sent it in place of the file, "
    "which has to be downloaded again."
  )


def test_a_file_of_a_saved_model_alone(tmp_path):
  path = handle_modules.save_tf1(tmp_path / "m")
  shutil.copy(path / "saved_model.pb", tmp_path / "model.pb")
  assert said(tmp_path / "model.pb") == (
    "It is the saved_model.pb of a SavedModel, without its folder: give the "
    "folder, in which it has that name."
  )


# Modules: parts of them, what is left of them, and modules below


@pytest.mark.parametrize(
  "part",
  [
    "saved_model.pb",
    "tfhub_module.pb",
    "variables",
    "variables/",
    "variables/variables.index",
    "variables/variables.data-00000-of-00002",
    "assets",
    "assets/words.txt",
  ],
)
def test_a_part_of_a_module(module, part, monkeypatch):
  assert describe(f"{module}/{part}") == (
    f"It is a part of the module {module}: give {module}."
  )
  monkeypatch.chdir(module.parent)
  assert describe(f"m/{part}") == "It is a part of the module m: give m."
  monkeypatch.chdir((module / part).parent)
  name = pathlib.Path(part).name
  assert describe(name).startswith("It is a part of the module ")


def test_the_working_folder_may_be_a_part_of_a_module(module, monkeypatch):
  monkeypatch.chdir(module / "assets")
  for path in (".", "../assets", "./words.txt"):
    assert describe(path).startswith("It is a part of the module ")


def test_a_module_without_the_file_that_makes_it_one(module, tmp_path):
  half = (
    "It holds the graph of a TF1 Hub module, and its tfhub_module.pb may have "
    "been deleted or not been copied: copy the module again, or use "
    "hub.create_module_spec_from_saved_model(path) to make a module of it."
  )
  (module / "tfhub_module.pb").unlink()
  assert said(module) == half
  assert said(module / "variables") == (
    f"It is a part of {module}. {half.replace('It', 'That', 1)}"
  )
  # The advice works.
  spec = hub.create_module_spec_from_saved_model(str(module))
  assert spec.get_signature_names() == ["default", "words"]


def test_a_graph_with_messages_of_a_module(tmp_path):
  path = handle_modules.export(
    handle_modules.double_with_message, tmp_path / "m", {"serve"}
  )
  assert said(path) == "It is a TF1 Hub module; use hub.Module() for it."
  (path / "tfhub_module.pb").unlink()
  assert said(path).startswith("It holds the graph of a TF1 Hub module, and")


def test_a_module_that_is_not_whole(module):
  assert said(module) == "It is a TF1 Hub module; use hub.Module() for it."
  (module / "variables" / "variables.index").unlink()
  assert said(module) == (
    "It is a TF1 Hub module that is not whole: copy or download it again, with "
    "all of its files."
  )


def test_modules_below(module, tmp_path):
  (tmp_path / "other.txt").write_text("x")
  assert said(tmp_path) == f"There is a module one level down: give {module}."
  copies = [
    handle_modules.copy(module, tmp_path / name) for name in ("m2", "m3")
  ]
  assert said(tmp_path) == (
    "There are 3 modules one level down: give "
    f"{module}, {copies[0]} or {copies[1]}."
  )
  for number in range(4, 8):
    handle_modules.copy(module, tmp_path / f"m{number}")
  shown = ", ".join([str(module), *(f"{tmp_path}/m{n}" for n in range(2, 6))])
  assert said(tmp_path) == (
    f"There are 7 modules one level down: give {shown} or others."
  )


def test_a_module_two_levels_below(module, tmp_path):
  inner = tmp_path / "x" / "y" / "1"
  handle_modules.copy(module, inner)
  assert said(tmp_path / "x") == (
    f"There is a module two levels down: give {inner}."
  )


def test_a_saved_model_below(tmp_path):
  path = handle_modules.save_tf2(tmp_path / "1")
  assert said(tmp_path) == (
    f"There is no module one level down, but {path}. That is a TF2 SavedModel; "
    f"{TF2}"
  )


def test_the_folder_of_a_run(module, tmp_path):
  run = tmp_path / "run"
  exported = run / "export" / "tf_hub"
  (run / "export" / "best").mkdir(parents=True)
  handle_modules.copy(module, exported / "1700000000" / "encoder")
  handle_modules.save_checkpoint(run)
  assert said(run) == f"It is the folder of a run: give {exported}."
  assert said(run / "export") == (
    f"It is the folder of a run's exports: give {exported}."
  )


# Folders of which little can be said


def test_other_folders(tmp_path):
  assert said(tmp_path) == "The folder is empty."
  for number in range(9):
    (tmp_path / f"{number}.txt").write_text("x")
  assert said(tmp_path) == (
    "It holds 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, 5.txt, 6.txt, 7.txt, …."
  )


@pytest.fixture
def locked(tmp_path):
  """A folder of what may not be read, and a user who may not read it."""
  folder = pathlib.Path(tempfile.mkdtemp())
  folder.chmod(0o755)
  (folder / "locked").mkdir(0)
  (folder / "x.h5").touch(0)
  user = os.geteuid()
  if user == 0:
    os.seteuid(65534)
  yield folder
  os.seteuid(user)
  shutil.rmtree(folder)


def test_what_may_not_be_read(locked):
  assert said(locked / "locked") == (
    "The folder cannot be read: Permission denied."
  )
  assert said(locked / "x.h5") == "It is no file that can be read."
  assert said(locked) == "It holds locked, x.h5."


def test_a_graph_that_may_not_be_read(locked):
  file = locked / "locked" / "saved_model.pb"
  user = os.geteuid()
  os.seteuid(os.getuid())
  file.parent.chmod(0o755)
  file.touch(0)
  os.seteuid(user)
  assert said(locked / "locked") == (
    "Its saved_model.pb cannot be read: Permission denied."
  )
  assert said(locked) == "It holds locked, x.h5."


def test_pipes_are_not_opened(tmp_path):
  for name in ("a", "checkpoint"):
    os.mkfifo(tmp_path / name)
  assert said(tmp_path / "a") == "It is no file that can be read."
  assert "'checkpoint', which should name one, and" in said(tmp_path)
  os.mkfifo(tmp_path / "saved_model.pb")
  assert said(tmp_path) == "Its saved_model.pb is not a file."


# Git LFS


def test_pointers_of_git_lfs(module):
  (module / "tfhub_module.pb").unlink()
  (module / "saved_model.pb").write_bytes(handle_modules.lfs_pointer())
  assert said(module) == (
    "Its saved_model.pb is a Git LFS pointer, not the file: run `git lfs pull` "
    "in its repository."
  )
  data = "variables/variables.data-00001-of-00002"
  (module / data).write_bytes(handle_modules.lfs_pointer())
  assert said(module) == (
    f"Its saved_model.pb and {data} are Git LFS pointers, not the files: run "
    "`git lfs pull` in its repository."
  )


# In the errors of the library


def test_what_loading_says(module, tmp_path):
  (tmp_path / "c").mkdir()
  (tmp_path / "c" / "m.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
  with pytest.raises(tf.errors.NotFoundError) as caught:
    hub.load_module_spec(str(tmp_path / "c"))
  assert str(caught.value) == (
    f"{tmp_path}/c is not a TF1 Hub module: it has no tfhub_module.pb. Its "
    "m.h5 is an HDF5 file, in which Keras keeps models and weights (.h5); load "
    "it with tf.keras.models.load_model(), or with load_weights() if it holds "
    "weights only."
  )
  with pytest.raises(ValueError) as caught:
    hub.load(str(module / "variables"))
  assert str(caught.value) == (
    f"{module}/variables is no SavedModel and no module: it has no "
    f"saved_model.pb. It is a part of the module {module}: give {module}."
  )


@pytest.mark.parametrize(
  ("name", "error"),
  [("tfhub_module.pb", ValueError), ("saved_model.pb", OSError)],
)
def test_what_loading_says_of_pointers_and_pages(module, name, error):
  for content, text in (
    (
      handle_modules.lfs_pointer(),
      "It is a Git LFS pointer, which stands for 1,234 bytes; run `git lfs "
      "pull` in its repository.",
    ),
    (
      b"<html>",
      "The server sent a web page, not an archive: a login, a proxy or a moved "
      "address.",
    ),
  ):
    (module / name).write_bytes(content)
    with pytest.raises(error) as caught:
      hub.load_module_spec(str(module))
    assert isinstance(caught.value, errors.UserError)
    assert f"{module}/{name}" in str(caught.value)
    assert str(caught.value).endswith(f". {text}")


# On a file system of TensorFlow


def test_on_a_file_system_of_tensorflow(module):
  folder = "ram://content_kinds/m"
  for path in module.rglob("*"):
    if path.is_file():
      target = f"{folder}/{path.relative_to(module)}"
      tf.io.gfile.makedirs(target.rpartition("/")[0])
      with tf.io.gfile.GFile(target, "wb") as file:
        file.write(path.read_bytes())
  for part in ("variables", "assets/words.txt", "saved_model.pb"):
    assert describe(f"{folder}/{part}") == (
      f"It is a part of the module {folder}: give {folder}."
    )
  assert describe("ram://content_kinds") == (
    f"There is a module one level down: give {folder}."
  )
  tf.io.gfile.remove(f"{folder}/tfhub_module.pb")
  assert describe(folder).startswith("It holds the graph of a TF1 Hub module")
  tf.io.gfile.remove(f"{folder}/saved_model.pb")
  assert describe(f"{folder}/variables").startswith("It holds a bare checkp")
  assert describe(f"{folder}/assets/words.txt") == "It is a file, not a folder."
