"""Bad input: the index and the data files of a module's checkpoint."""

import os

import hub_module_fns
import numpy as np
import pytest

from hub_estimator import errors, hub
from hub_estimator.file_formats import checkpoint_index, crc32c, snappy_format
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


@pytest.fixture
def path(tmp_path):
  """An exported module with two variables: a = 3 and b = 1."""
  hub_module_fns.export(hub_module_fns.regularized, tmp_path / "m")
  return tmp_path / "m"


@pytest.fixture
def refused(graph):
  """Checks that a module is refused, and leaves the graph as it was."""

  def check(path, text, error=OSError):
    tf.constant(1.0, name="before")
    before = graph.as_graph_def()
    with pytest.raises(error, match=text) as caught:
      hub.Module(str(path))
    assert isinstance(caught.value, errors.UserError)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
    assert graph.as_graph_def() == before
    assert not graph.get_all_collection_keys()
    assert hub.Module(_good_spec()).variables[0].name == "module/w:0"

  return check


def _good_spec():
  return hub.create_module_spec(hub_module_fns.scale)


def _save(prefix, build_variables, **saver_arguments):
  with tf.Graph().as_default():
    build_variables()
    saver = tf1.train.Saver(**saver_arguments)
    with tf1.Session() as session:
      hub_module_fns.initialize(session)
      return saver.save(session, str(prefix), write_meta_graph=False)


# What an index says


def _three_variables():
  tf1.get_variable("a", initializer=np.zeros([2, 3], np.float32))
  tf1.get_variable("b", initializer=np.zeros([], np.int64))
  tf1.get_variable("ab/c", initializer=np.zeros([0, 1], bool))


def _many_variables():
  for i in range(300):
    tf1.get_variable(f"layer_{i}/weights", initializer=[float(i)])


def _partitioned_variable():
  tf1.get_variable(
    "w", [4, 2], partitioner=tf1.fixed_size_partitioner(2), dtype=tf.float32
  )


@pytest.mark.parametrize(
  "build_variables", [_three_variables, _many_variables, _partitioned_variable]
)
@pytest.mark.parametrize("sharded", [False, True])
def test_an_index_is_read_as_tensorflow_reads_it(
  tmp_path, build_variables, sharded
):
  prefix = _save(tmp_path / "model", build_variables, sharded=sharded)
  reader = tf.train.load_checkpoint(prefix)
  index = checkpoint_index.CheckpointIndex(prefix)
  shapes = reader.get_variable_to_shape_map()
  assert {n: list(e.shape) for n, e in index.entries.items()} == shapes
  dtypes = reader.get_variable_to_dtype_map()
  assert {n: e.dtype for n, e in index.entries.items()} == dtypes
  index.check_shards(index.entries)


def test_the_checksum():
  # The check value of the catalogue of parametrised CRC algorithms.
  assert crc32c.crc32c(b"123456789") == 0xE3069283
  assert crc32c.crc32c(b"") == 0
  # RFC 3720, B.4.
  assert crc32c.crc32c(bytes(32)) == 0x8A9136AA
  assert crc32c.crc32c(b"\xff" * 32) == 0x62A8AB43
  assert crc32c.crc32c(bytes(range(32))) == 0x46DD794E
  # Fewer bytes than a register has; worked out bit by bit.
  assert crc32c.crc32c(b"a") == 0xC1D04330
  assert crc32c.crc32c(b"abc") == 0x364B3FB7
  # Longer than what is computed at once.
  content = bytes(range(256)) * 4096
  assert crc32c.crc32c(content + b"1") != crc32c.crc32c(content + b"2")


@pytest.mark.parametrize(
  ("compressed", "content"),
  [
    (b"\x00", b""),
    (b"\x03\x08abc", b"abc"),
    # A literal whose length takes a byte of its own.
    (b"\x46\xf0\x45" + b"x" * 70, b"x" * 70),
    # "ab", and six bytes from two before: the copy overlaps itself.
    (b"\x08\x04ab\x09\x02", b"abababab"),
    (b"\x05\x04ab\x0a\x02\x00", b"ababa"),
    (b"\x05\x04ab\x0b\x02\x00\x00\x00", b"ababa"),
  ],
)
def test_compressed_blocks(compressed, content):
  assert snappy_format.decompress(compressed) == content


@pytest.mark.parametrize(
  "compressed",
  [
    b"",
    b"\x80",
    b"\x04\x08abc",
    b"\x02\x08abc",
    b"\x03\x08ab",
    b"\x08\x04ab\x09\x03",
    b"\x08\x04ab\x09\x00",
    b"\x08\x04ab\x09",
    b"\x08\xf4",
  ],
)
def test_damaged_compressed_blocks(compressed):
  with pytest.raises(ValueError, match="compressed bytes"):
    snappy_format.decompress(compressed)


# A damaged index


def test_every_flipped_byte_of_an_index_is_found(path, tmp_path):
  file = path / "variables" / "variables.index"
  content = file.read_bytes()
  prefix = str(path / "variables" / "variables")
  whole = checkpoint_index.CheckpointIndex(prefix).entries
  unnoticed = []
  for place in range(len(content)):
    flipped = bytearray(content)
    flipped[place] ^= 0x41
    file.write_bytes(bytes(flipped))
    try:
      entries = checkpoint_index.CheckpointIndex(prefix).entries
    except OSError as error:
      assert str(file) in str(error)
      assert isinstance(error, errors.UserError)
    else:
      # The footer has unused bytes.
      assert entries == whole
      unnoticed.append(place)
  assert all(place >= len(content) - 48 for place in unnoticed)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_off_index(path, refused, share):
  file = path / "variables" / "variables.index"
  content = file.read_bytes()
  file.write_bytes(content[: int(share * len(content))])
  refused(path, f"Cannot read checkpoint .*{file} is damaged: it does not end")


def test_a_changed_index(path, refused):
  file = path / "variables" / "variables.index"
  content = bytearray(file.read_bytes())
  content[20] ^= 1
  file.write_bytes(bytes(content))
  refused(path, f"{file} is damaged: the checksum of block 0 does not match")


# Data files


def test_a_cut_off_data_file(path, refused):
  file = path / "variables" / "variables.data-00000-of-00001"
  file.write_bytes(file.read_bytes()[:-1])
  refused(path, f"{file} has 7 bytes, and .*index says that tensors lie in 8")


def test_a_missing_data_file(path, refused):
  file = path / "variables" / "variables.data-00000-of-00001"
  file.unlink()
  refused(path, f"There is no file {file}, in which .*variables.index says")


def test_only_the_data_files_of_the_modules_variables_are_needed(tmp_path):
  prefix = _save(
    tmp_path / "model",
    lambda: [tf1.get_variable(name, initializer=3.0) for name in ("w", "z")],
  )
  index = checkpoint_index.CheckpointIndex(prefix)
  assert [index.entries[name].end for name in ("w", "z")] == [4, 8]
  with open(prefix + ".data-00000-of-00001", "r+b") as file:
    file.truncate(4)
  index.check_shards(["w"])
  with pytest.raises(OSError, match="has 4 bytes"):
    index.check_shards(["w", "z"])


def test_slices_lie_in_the_data_file(tmp_path):
  prefix = _save(tmp_path / "model", _partitioned_variable)
  index = checkpoint_index.CheckpointIndex(prefix)
  assert index.entries["w"].is_sliced
  index.check_shards(["w"])
  with open(prefix + ".data-00000-of-00001", "r+b") as file:
    file.truncate(31)  # of 4 · 2 · 4
  with pytest.raises(OSError, match="has 31 bytes.*lie in 32"):
    index.check_shards(["w"])


def test_an_export_from_a_damaged_checkpoint(tmp_path, scale_spec):
  prefix = _save(
    tmp_path / "model", lambda: tf1.get_variable("w", initializer=3.0)
  )
  os.unlink(prefix + ".data-00000-of-00001")
  with pytest.raises(OSError, match="There is no file .*data-00000-of-00001"):
    scale_spec.export(str(tmp_path / "m"), checkpoint_path=prefix)
  assert not (tmp_path / "m").exists()


# Bytes that have changed within the values


@pytest.fixture
def changed(tmp_path):
  """A module of one changed byte in its data file."""
  hub_module_fns.export(hub_module_fns.scale, tmp_path / "m", {"w": 5.0})
  file = tmp_path / "m" / "variables" / "variables.data-00000-of-00001"
  content = bytearray(file.read_bytes())
  content[2] ^= 1
  file.write_bytes(bytes(content))
  return tmp_path / "m"


def test_a_changed_value_is_found_when_it_is_restored(changed, graph):
  hub.Module(str(changed))
  with tf1.Session() as session:
    with pytest.raises(tf.errors.DataLossError, match="hecksum does not match"):
      hub_module_fns.initialize(session)


def test_a_changed_value_is_found_by_verification(changed, graph):
  with pytest.raises(
    OSError,
    match=rf"{changed}/variables/variables.data-00000-of-00001 \(tensor w\) is "
    "damaged: .*hecksum does not match",
  ) as caught:
    hub.verify_module(str(changed))
  assert isinstance(caught.value, errors.UserError)
  assert not graph.get_operations()


@pytest.mark.parametrize(
  "module_fn", [hub_module_fns.regularized, hub_module_fns.double]
)
def test_verification_of_a_module_that_is_whole(module_fn, tmp_path, graph):
  hub.verify_module(hub_module_fns.export(module_fn, tmp_path / "m"))
  assert not graph.get_operations()


def test_verification_finds_what_instantiation_finds(tmp_path):
  hub_module_fns.export(hub_module_fns.scale, tmp_path / "m")
  (tmp_path / "m" / "variables" / "variables.data-00000-of-00001").unlink()
  with pytest.raises(OSError, match="There is no file .*data-00000"):
    hub.verify_module(str(tmp_path / "m"))
  with pytest.raises(OSError, match="nowhere does not exist"):
    hub.verify_module(str(tmp_path / "nowhere"))
