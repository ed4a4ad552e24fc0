"""Whether a module's folder is complete, told without TensorFlow."""

import os
import pathlib
import subprocess
import sys

import handle_modules
import pytest

from hub_estimator.file_formats import saved_model_outline
from hub_estimator.handles.contents import completeness, module_parts
from hub_estimator.tf_compat import graph_symbols, tf

PUBLISHED = (
  pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "modules"
)
DATA = [f"variables/variables.data-0000{i}-of-00002" for i in range(2)]
FILES = [
  "assets/words.txt",
  "saved_model.pb",
  "tfhub_module.pb",
  *DATA,
  "variables/variables.index",
]


def missing(folder, hub_module=None):
  return completeness.missing_parts(str(folder), hub_module)


# Complete ones


def test_a_module_is_complete(module):
  assert completeness.contents(str(module)) == FILES
  assert [missing(module, kind) for kind in (None, True, False)] == [[]] * 3


@pytest.mark.parametrize("folder", ["variables", "assets"])
def test_a_module_without_variables_and_assets(tmp_path, folder):
  path = handle_modules.export(handle_modules.double, tmp_path / "m")
  assert completeness.contents(str(path)) == [
    "saved_model.pb",
    "tfhub_module.pb",
  ]
  assert missing(path, True) == []
  (path / folder).rmdir()
  assert missing(path, True) == []


def test_a_tf2_saved_model(tmp_path):
  (tmp_path / "words.txt").write_text("a\n")
  path = handle_modules.save_tf2(tmp_path / "m", tmp_path / "words.txt")
  assert missing(path) == missing(path, False) == []
  assert missing(path, True) == ["tfhub_module.pb is missing"]
  (path / "assets" / "words.txt").unlink()
  assert missing(path) == ["assets/words.txt is missing"]
  (path / "variables" / "variables.index").unlink()
  assert missing(path) == [
    "variables/variables.index is missing",
    "assets/words.txt is missing",
  ]


def test_a_tf2_saved_model_without_variables_has_a_checkpoint_too(tmp_path):
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  tf.saved_model.save(tf.Module(), str(tmp_path / "m"))
  assert missing(tmp_path / "m") == []
  (tmp_path / "m" / "variables" / "variables.index").unlink()
  assert missing(tmp_path / "m") == ["variables/variables.index is missing"]
  with pytest.raises(OSError):
    tf.saved_model.load(str(tmp_path / "m"))


def test_a_tf1_saved_model(tmp_path):
  path = handle_modules.save_tf1(tmp_path / "m")
  assert missing(path, False) == []
  for kind in (None, True):
    assert missing(path, kind) == ["tfhub_module.pb is missing"]
  (path / "variables" / "variables.index").unlink()
  assert missing(path, False) == ["variables/variables.index is missing"]


def test_a_saved_model_in_text_form(tmp_path):
  path = handle_modules.save_tf1(tmp_path / "m")
  file = path / "saved_model.pb"
  saved_model = graph_symbols.SavedModel.FromString(file.read_bytes())
  file.unlink()
  (path / "saved_model.pbtxt").write_text(str(saved_model))
  assert missing(path, False) == []
  assert missing(path) == ["tfhub_module.pb is missing"]
  assert missing(path, True) == [
    "tfhub_module.pb is missing",
    "saved_model.pb is missing",
  ]
  saved_model.meta_graphs[0].object_graph_def.SetInParent()
  saved_model.meta_graphs[0].object_graph_def.nodes.add()
  (path / "saved_model.pbtxt").write_text(str(saved_model))
  assert missing(path) == []


def test_a_checkpoint_of_the_first_format(tmp_path):
  path = handle_modules.save_tf1(tmp_path / "m")
  prefix = handle_modules.save_checkpoint(
    tmp_path / "v1", tf.compat.v1.train.SaverDef.V1
  )
  for file in (path / "variables").iterdir():
    file.unlink()
  pathlib.Path(prefix).rename(path / "variables" / "variables")
  assert missing(path, False) == []


@pytest.mark.parametrize(
  ("name", "hub_module"),
  [
    ("half_plus_two_v1/module", True),
    ("module_v1_mini", True),
    ("dm21", True),
    ("saved_model_v2_mini", False),
  ],
)
def test_published_modules_are_complete(name, hub_module):
  path = PUBLISHED / name
  if not path.exists():
    pytest.skip(f"no folder {path}")
  assert missing(path) == missing(path, hub_module) == []
  if not hub_module:
    assert missing(path, True) == ["tfhub_module.pb is missing"]


# Missing and damaged files


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(module, name):
  (module / name).unlink()
  assert missing(module) == missing(module, True) == [f"{name} is missing"]


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_place_of_a_file(module, name):
  (module / name).unlink()
  (module / name).mkdir()
  assert missing(module, True) == [f"{name} is a folder and not a file"]


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_in_place_of_a_file(module, name):
  """It is not opened: that would wait for who writes into it."""
  (module / name).unlink()
  os.mkfifo(module / name)
  assert missing(module, True) == [f"{name} cannot be read"]


@pytest.mark.parametrize("name", FILES)
def test_a_pointer_of_git_lfs(module, name):
  (module / name).write_bytes(handle_modules.lfs_pointer())
  assert missing(module, True) == [
    f"{name} is a Git LFS pointer, not the file: run `git lfs pull`"
  ]
  names = [path.name for path in module.iterdir()]
  found = completeness.lfs_pointers(str(module), names)
  # An asset may well be about Git LFS.
  assert found == ([] if name.startswith("assets") else [name])


@pytest.mark.parametrize("name", FILES)
def test_an_empty_file(module, name):
  (module / name).write_bytes(b"")
  # An asset may be empty.
  is_asset = name.startswith("assets")
  assert missing(module, True) == ([] if is_asset else [f"{name} is empty"])


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_its_last_byte(module, name):
  file = module / name
  content = file.read_bytes()
  file.write_bytes(content[:-1])
  phrases = {
    "saved_model.pb": ["saved_model.pb is damaged: "],
    "tfhub_module.pb": ["tfhub_module.pb is damaged: "],
    "variables/variables.index": [
      "variables/variables.index is damaged: it does not end as such a file "
      f"does; its {len(content) - 1} bytes may be the beginning of a longer one"
    ],
    **{d: [f"{d} is cut off: it has 7 of at least 8 bytes"] for d in DATA},
  }
  # Of an asset, the end is not known.
  expected = phrases.get(name, [])
  found = missing(module, True)
  assert len(found) == len(expected)
  for text, phrase in zip(found, expected):
    assert text.startswith(phrase)
    assert str(module) not in text


def test_every_cut_of_the_graphs_is_noticed(module):
  file = module / "saved_model.pb"
  content = file.read_bytes()
  for end in [*range(1, 60), *range(60, len(content), 97)]:
    file.write_bytes(content[:end])
    (problem,) = missing(module, True)
    assert problem.startswith("saved_model.pb is damaged: "), end


def test_all_problems_are_told(module):
  for name in FILES[2:5]:
    (module / name).unlink()
  (module / FILES[0]).unlink()
  assert missing(module, True) == [
    "tfhub_module.pb is missing",
    *(f"{name} is missing" for name in DATA),
    "assets/words.txt is missing",
  ]


def test_an_empty_folder(tmp_path):
  both = ["tfhub_module.pb is missing", "saved_model.pb is missing"]
  assert missing(tmp_path) == missing(tmp_path, True) == both
  assert missing(tmp_path, False) == ["saved_model.pb is missing"]


def test_a_module_file_that_names_no_format(module):
  (module / "tfhub_module.pb").write_bytes(b"\x12\x01x")
  assert missing(module) == ["tfhub_module.pb is damaged: it names no format"]
  # Another format is no damage; loading says that it is not known.
  (module / "tfhub_module.pb").write_bytes(b"\x08\x02")
  assert missing(module) == []


def test_a_changed_index(module):
  file = module / "variables" / "variables.index"
  content = bytearray(file.read_bytes())
  content[3] ^= 1
  file.write_bytes(content)
  assert missing(module) == [
    "variables/variables.index is damaged: the checksum of block 0 does not "
    "match"
  ]


@pytest.mark.parametrize(
  "name",
  ["../words.txt", "/etc/words.txt", "a/../../words.txt", "a\\..\\b", ""],
)
def test_an_asset_outside(module, name):
  file = module / "saved_model.pb"
  saved_model = graph_symbols.SavedModel.FromString(file.read_bytes())
  (packed,) = (
    saved_model.meta_graphs[0]
    .collection_def["saved_model_assets"]
    .any_list.value
  )
  asset = graph_symbols.AssetFileDef.FromString(packed.value)
  asset.filename = name
  packed.value = asset.SerializeToString()
  file.write_bytes(saved_model.SerializeToString())
  assert missing(module) == [
    f"saved_model.pb names the asset {name!r}, which does not lie in assets/"
  ]


def test_assets_of_both_lists_count(module):
  file = module / "saved_model.pb"
  saved_model = graph_symbols.SavedModel.FromString(file.read_bytes())
  for name in ("words.txt", "more/second.txt"):
    saved_model.meta_graphs[0].asset_file_def.add(filename=name)
  file.write_bytes(saved_model.SerializeToString())
  assert missing(module) == ["assets/more/second.txt is missing"]
  (module / "assets" / "more").mkdir()
  (module / "assets" / "more" / "second.txt").write_text("x")
  assert missing(module) == []


def test_parts_of_a_variable_in_several_files(tmp_path):
  """A partitioned variable has an entry of its own for each part."""
  tf1 = tf.compat.v1
  with tf.Graph().as_default(), tf1.Session() as session:
    w = tf1.get_variable("w", [4], partitioner=tf1.fixed_size_partitioner(2))
    session.run(tf1.global_variables_initializer())
    builder = tf1.saved_model.Builder(str(tmp_path / "m"))
    with tf.device("/cpu:0"):
      builder.add_meta_graph_and_variables(
        session, ["serve"], saver=tf1.train.Saver(list(w), sharded=True)
      )
    builder.save()
  assert missing(tmp_path / "m", False) == []
  (data,) = (tmp_path / "m" / "variables").glob("variables.data-*")
  data.write_bytes(data.read_bytes()[:12])
  assert missing(tmp_path / "m", False) == [
    f"variables/{data.name} is cut off: it has 12 of at least 16 bytes"
  ]


# What the graphs say


def test_the_outline_says_what_belongs_to_a_module(module, tmp_path):
  outline = saved_model_outline.read_outline(str(module / "saved_model.pb"))
  assert outline.has_state
  assert outline.asset_files == ["words.txt"]
  assert outline.collections >= {"variables", "saved_model_assets"}
  double = handle_modules.export(handle_modules.double, tmp_path / "double")
  outline = saved_model_outline.read_outline(str(double / "saved_model.pb"))
  assert not outline.has_state
  assert outline.tag_sets == [frozenset()]


# Contents


def test_contents(tmp_path):
  for name in ("b/c/d", "a", ".manifest.json", "b/.manifest.json", "b-c"):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("")
  assert module_parts.MANIFEST_FILE == ".manifest.json"
  assert completeness.contents(str(tmp_path)) == ["a", "b-c", "b/c/d"]


def test_on_a_file_system_of_tensorflow(module):
  folder = "ram://completeness/m"
  for name in FILES:
    target = f"{folder}/{name}"
    tf.io.gfile.makedirs(target.rpartition("/")[0])
    with tf.io.gfile.GFile(target, "wb") as file:
      file.write((module / name).read_bytes())
  assert completeness.contents(folder) == FILES
  assert missing(folder, True) == []
  tf.io.gfile.remove(f"{folder}/{DATA[1]}")
  assert missing(folder, True) == [f"{DATA[1]} is missing"]


def test_tensorflow_is_not_imported(module):
  program = (
    "import sys; from hub_estimator.handles.contents import completeness, "
    "content_kinds; print(completeness.missing_parts(sys.argv[1]), "
    "content_kinds.describe(sys.argv[1] + '/assets'), "
    "'tensorflow' in sys.modules)"
  )
  result = subprocess.run(
    [sys.executable, "-c", program, str(module)],
    capture_output=True,
    text=True,
    check=True,
  )
  assert result.stdout == (
    f"[] It is a part of the module {module}: give {module}. False\n"
  )
