"""Modules, SavedModels and checkpoints, written by TensorFlow."""

import shutil

import pytest

from hub_estimator import hub
from hub_estimator.hub import variable_files
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def double():
  """y = 2 x, without variables."""
  x = tf1.placeholder(tf.float32, [None], name="x")
  hub.add_signature(inputs=x, outputs=x * 2.0)


def double_with_message():
  """`double` with a message attached."""
  double()
  hub.attach_message("note", tf.train.BytesList(value=[b"x"]))


def scale_and_look_up(vocabulary):
  """Returns a module_fn with two variables and an asset."""

  def module_fn():
    x = tf1.placeholder(tf.float32, [None], name="x")
    a = tf1.get_variable("a", initializer=[1.0, 2.0])
    b = tf1.get_variable("b", initializer=[3.0, 4.0])
    hub.add_signature(inputs=x, outputs=x * tf.reduce_sum(a + b))
    words = tf1.placeholder(tf.string, name="words")
    table = tf.lookup.StaticHashTable(
      tf.lookup.TextFileInitializer(
        str(vocabulary),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
      ),
      -1,
    )
    hub.add_signature("words", words, table.lookup(words))

  return module_fn


def export(module_fn, path, tags=()):
  """Exports a module; each of its variables lies in a data file of its own."""
  with pytest.MonkeyPatch.context() as patch, tf.Graph().as_default():
    patch.setattr(variable_files, "_PART_BYTES", 1)
    spec = hub.create_module_spec(module_fn, [(set(tags), {})])
    module = hub.Module(spec, tags=tags)
    with tf1.Session() as session:
      session.run(tf1.global_variables_initializer())
      session.run(tf1.tables_initializer())
      module.export(str(path), session)
  return path


def export_whole(path):
  """Exports a module that has all that a module can have."""
  vocabulary = path.parent / "words.txt"
  vocabulary.write_text("a\nb\n")
  export(scale_and_look_up(vocabulary), path)
  vocabulary.unlink()
  return path


def save_tf1(path):
  """Writes a TF1 SavedModel with a variable."""
  with tf.Graph().as_default(), tf1.Session() as session:
    x = tf1.placeholder(tf.float32, [None], name="x")
    w = tf1.get_variable("w", initializer=3.0)
    session.run(tf1.global_variables_initializer())
    tf1.saved_model.simple_save(session, str(path), {"x": x}, {"y": x * w})
  return path


def save_tf2(path, asset=None):
  """Writes a TF2 SavedModel with a variable, and perhaps with an asset."""
  if not tf.executing_eagerly():
    pytest.skip("Eager execution has been disabled in this process.")
  model = tf.Module()
  model.w = tf.Variable([3.0, 4.0])
  if asset is not None:
    model.asset = tf.saved_model.Asset(str(asset))
  tf.saved_model.save(model, str(path))
  return path


def save_checkpoint(folder, version=tf1.train.SaverDef.V2):
  """Writes the checkpoint model.ckpt-3; returns its prefix."""
  folder.mkdir(exist_ok=True)
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.get_variable("w", initializer=3.0)
    session.run(tf1.global_variables_initializer())
    saver = tf1.train.Saver(write_version=version)
    return saver.save(session, str(folder / "model.ckpt"), 3)


def copy(source, target):
  """Copies a folder; returns the copy."""
  shutil.copytree(source, target)
  return target


def lfs_pointer(num_bytes=1234):
  """Returns what Git LFS leaves in place of a file."""
  return (
    "version https://git-lfs.github.com/spec/v1\n"
    f"oid sha256:{'0' * 64}\nsize {num_bytes}\n"
  ).encode()
