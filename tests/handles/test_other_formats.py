"""What messages say of models and archives of other formats."""

import io
import pickle
import tarfile
import zipfile

import handle_modules
import numpy as np
import pytest

from hub_estimator import hub
from hub_estimator.handles.contents.content_kinds import describe
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

UNPACK = "unpack it and give the folder in it that holds tfhub_module.pb."


def said(path):
  return describe(str(path))


def keras_model():
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  return tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,))])


def frozen_graph():
  with tf.Graph().as_default() as graph:
    tf1.placeholder(tf.float32, [None], name="x")
  return graph.as_graph_def()


KERAS = "a Keras model (.keras); load it with tf.keras.models.load_model()."
HDF5 = (
  "an HDF5 file, in which Keras keeps models and weights (.h5); load it with "
  "tf.keras.models.load_model(), or with load_weights() if it holds weights "
  "only."
)
GRAPH = (
  "a graph (GraphDef), frozen or without its weights; wrap it in a module_fn "
  "with tf.import_graph_def() and export what "
  "hub.create_module_spec(module_fn) returns."
)


def told_as_file_and_in_folder(path, text):
  assert said(path) == f"It is {text}"
  assert said(path.parent) == f"Its {path.name} is {text}"


def test_keras_files(tmp_path):
  model = keras_model()
  for name, text in (("m.keras", KERAS), ("m.h5", HDF5)):
    (tmp_path / name[2:]).mkdir()
    model.save(tmp_path / name[2:] / name)
    told_as_file_and_in_folder(tmp_path / name[2:] / name, text)
  model.save_weights(tmp_path / "w.h5")
  assert said(tmp_path / "w.h5") == f"It is {HDF5}"


def test_graphs(tmp_path):
  graph = frozen_graph()
  for name, content in (
    ("graph.pb", graph.SerializeToString()),
    ("graph.pbtxt", str(graph).encode()),
  ):
    (tmp_path / name).mkdir()
    (tmp_path / name / name).write_bytes(content)
    told_as_file_and_in_folder(tmp_path / name / name, GRAPH)


def test_the_advice_on_graphs_works(tmp_path):
  graph_def = frozen_graph()

  def module_fn():
    (x,) = tf.import_graph_def(graph_def, return_elements=["x:0"], name="")
    hub.add_signature(inputs=x, outputs=x + 1.0)

  spec = hub.create_module_spec(module_fn)
  assert list(spec.get_input_info_dict()) == ["default"]


def test_a_model_of_tensorflow_lite(tmp_path):
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  function = tf.function(
    lambda x: x + 1.0, input_signature=[tf.TensorSpec([1])]
  )
  converter = tf.lite.TFLiteConverter.from_concrete_functions(
    [function.get_concrete_function()]
  )
  (tmp_path / "m.tflite").write_bytes(converter.convert())
  told_as_file_and_in_folder(
    tmp_path / "m.tflite",
    "a TensorFlow Lite model; run it with tf.lite.Interpreter().",
  )


def zipped(*names):
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, "w") as archive:
    for name in names:
      archive.writestr(name, "x")
  return buffer.getvalue()


def tarred(mode):
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode=f"w:{mode}") as archive:
    archive.addfile(tarfile.TarInfo("m"))
  return buffer.getvalue()


def saved_numpy(save):
  buffer = io.BytesIO()
  save(buffer, np.zeros(2))
  return buffer.getvalue()


# An ONNX ModelProto: ir_version 8, producer_name "tf2onnx".
ONNX = b"\x08\x08\x12\x07tf2onnx\x1a\x051.0.0"
# What torch.save wrote before it wrote zip archives: its magic number, pickled.
OLD_PYTORCH = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)


@pytest.mark.parametrize(
  ("content", "text", "is_model"),
  [
    (zipped("config.json", "model.weights.h5"), KERAS, True),
    (
      zipped("archive/data.pkl"),
      "a PyTorch file; load it with torch.load().",
      True,
    ),
    (OLD_PYTORCH, "a PyTorch file; load it with torch.load().", True),
    (ONNX, "an ONNX model; run it with the package onnxruntime.", True),
    (
      b'{"format": "graph-model", "modelTopology": {"node": []}}',
      "a TensorFlow.js model; load it in JavaScript with TensorFlow.js.",
      True,
    ),
    (
      b'\x40\0\0\0\0\0\0\0{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      "a safetensors file: weights without a graph; load it with the package "
      "safetensors.",
      True,
    ),
    (zipped("saved_model.pb"), f"a zip archive; {UNPACK}", True),
    (tarred("gz"), f"a gzip archive; {UNPACK}", True),
    (tarred("bz2"), f"a bzip2 archive; {UNPACK}", True),
    (tarred("xz"), f"an xz archive; {UNPACK}", True),
    (tarred(""), f"a tar archive; {UNPACK}", True),
    (zipped(), "a zip archive without files; pack it again.", False),
    (
      b"7z\xbc\xaf\x27\x1c\0\4",
      "a 7z archive; a module's archive is a .tar.gz file, so unpack it and "
      "give the folder.",
      False,
    ),
    (saved_numpy(np.save), "a NumPy array; load it with np.load().", False),
    (
      saved_numpy(np.savez),
      "an archive of NumPy arrays (.npz); load it with np.load().",
      False,
    ),
    (
      b"",
      "an empty file; whatever wrote, copied or downloaded it ended early.",
      False,
    ),
  ],
)
def test_other_formats(tmp_path, content, text, is_model):
  path = tmp_path / "file"
  path.write_bytes(content)
  assert said(path) == f"It is {text}"
  in_folder = f"Its file is {text}" if is_model else "It holds file."
  assert said(tmp_path) == in_folder


def test_a_model_counts_more_than_an_archive(tmp_path):
  (tmp_path / "a.zip").write_bytes(zipped("x"))
  (tmp_path / "b.onnx").write_bytes(ONNX)
  assert said(tmp_path).startswith("Its b.onnx is an ONNX model")


@pytest.mark.parametrize(
  "content",
  [b"a b\n", b"\xff\xff", b"\x0a", b"\x0a\x05\x0a\x03", b"\x08", b"PK", b"<a>"],
)
def test_a_file_of_no_known_format(tmp_path, content):
  (tmp_path / "file").write_bytes(content)
  assert said(tmp_path / "file") == "It is a file, not a folder."
  assert said(tmp_path) == "It holds file."


def test_a_pointer_of_git_lfs_alone(tmp_path):
  (tmp_path / "m.h5").write_bytes(handle_modules.lfs_pointer())
  assert said(tmp_path / "m.h5") == (
    "It is a Git LFS pointer, which stands for 1,234 bytes; run `git lfs pull` "
    "in its repository."
  )
  assert said(tmp_path).startswith("Its m.h5 is a Git LFS pointer, not the")
