"""Copying tensors between checkpoints, against TensorFlow's own."""

import errno
import os

import numpy as np
import pytest

from hub_estimator.file_formats import (
  checkpoint_copy,
  crc32c,
  ordered_code,
  sorted_table,
  sorted_table_writer,
)
from hub_estimator.file_formats.checkpoint_index import CheckpointIndex
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def _save(prefix, names, slices, values):
  with tf.Graph().as_default(), tf1.Session() as session:
    session.run(
      tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=names,
        shape_and_slices=slices,
        tensors=[tf.constant(value) for value in values],
      )
    )
  return prefix


def _copy(source, names, target):
  index = CheckpointIndex(source)
  checkpoint_copy.write_checkpoint(
    target,
    {
      new: checkpoint_copy.find_tensor(index, old) for new, old in names.items()
    },
  )
  return tf.train.load_checkpoint(target)


VALUES = {
  "float": np.arange(6, dtype=np.float32).reshape(2, 3),
  "scalar": np.float64(0.5),
  "empty": np.zeros([0, 3], np.int32),
  "integers": np.arange(-3, 3),
  "booleans": np.array([True, False]),
  "text": np.array([[b"a", b""], [b"b\0c", b"d" * 300]], object),
  "half": np.float16([1, 2]),
}


def test_values_of_all_kinds(tmp_path):
  source = _save(
    str(tmp_path / "source"),
    list(VALUES),
    [""] * len(VALUES),
    list(VALUES.values()),
  )
  reader = _copy(
    source, {f"new/{name}": name for name in VALUES}, str(tmp_path / "target")
  )
  assert sorted(reader.get_variable_to_shape_map()) == sorted(
    f"new/{name}" for name in VALUES
  )
  for name, value in VALUES.items():
    copied = reader.get_tensor(f"new/{name}")
    np.testing.assert_array_equal(copied, value)
    assert np.shape(copied) == np.shape(value)


def test_only_what_is_named_is_copied(tmp_path):
  big = np.zeros(100_000, np.float32)
  source = _save(
    str(tmp_path / "source"), ["a", "slot", "z"], [""] * 3, [1.0, big, 2.0]
  )
  reader = _copy(source, {"w": "z"}, str(tmp_path / "target"))
  assert reader.get_variable_to_shape_map() == {"w": []}
  assert reader.get_tensor("w") == 2.0
  assert (tmp_path / "target.data-00000-of-00001").stat().st_size == 4


@pytest.mark.parametrize("sizes", [(2, 300, 1), (0, 3), (4,)])
def test_rows_become_a_whole(tmp_path, sizes):
  """Each slice has an entry whose key TensorFlow made."""
  total = sum(sizes)
  whole = np.random.default_rng(0).normal(size=[total, 5]).astype(np.float32)
  starts = np.cumsum([0, *sizes])
  order = [i for i in reversed(range(len(sizes))) if sizes[i]]
  source = _save(
    str(tmp_path / "source"),
    ["w"] * len(order),
    [f"{total} 5 {starts[i]},{sizes[i]}:0,5" for i in order],
    [whole[starts[i] : starts[i + 1]] for i in order],
  )
  reader = _copy(source, {"w": "w"}, str(tmp_path / "target"))
  np.testing.assert_array_equal(reader.get_tensor("w"), whole)
  assert not CheckpointIndex(str(tmp_path / "target")).entries["w"].is_sliced


def test_dimensions_that_a_slice_takes_whole(tmp_path):
  source = _save(
    str(tmp_path / "source"),
    ["w", "w"],
    ["2 3 0,1:-", "2 3 1,1:-"],
    [[[0.0, 1.0, 2.0]], [[3.0, 4.0, 5.0]]],
  )
  reader = _copy(source, {"w": "w"}, str(tmp_path / "target"))
  np.testing.assert_array_equal(
    reader.get_tensor("w"), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
  )


@pytest.mark.parametrize(
  "slices, shapes",
  [
    (["2 4 0,2:0,1", "2 4 0,2:1,3"], [(2, 1), (2, 3)]),  # Columns.
    (["3 2 0,1:0,2", "3 2 2,1:0,2"], [(1, 2), (1, 2)]),  # A row is missing.
  ],
)
def test_other_slices_are_not_copied(tmp_path, slices, shapes):
  source = _save(
    str(tmp_path / "source"), ["w"] * 2, slices, list(map(np.zeros, shapes))
  )
  assert checkpoint_copy.find_tensor(CheckpointIndex(source), "w") is None


def test_without_reserving_space(tmp_path, monkeypatch):
  def refuse(*args):
    raise OSError(errno.EOPNOTSUPP, "not here")

  monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
  source = _save(str(tmp_path / "source"), ["a", "b"], ["", ""], [1.0, 2.0])
  reader = _copy(source, {"a": "a", "b": "b"}, str(tmp_path / "target"))
  assert [reader.get_tensor(name) for name in "ab"] == [1.0, 2.0]


def test_a_full_disk_is_said(tmp_path, monkeypatch):
  def refuse(*args):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
  source = _save(str(tmp_path / "source"), ["a"], [""], [1.0])
  with pytest.raises(OSError, match="No space left"):
    _copy(source, {"a": "a"}, str(tmp_path / "target"))


def test_a_file_that_is_cut_off(tmp_path):
  source = _save(str(tmp_path / "source"), ["a"], [""], [np.zeros(9)])
  index = CheckpointIndex(source)
  tensor = checkpoint_copy.find_tensor(index, "a")
  (tmp_path / "source.data-00000-of-00001").write_bytes(b"1234")
  with pytest.raises(
    OSError, match="source.data-00000-of-00001 was cut off while it was copied"
  ):
    checkpoint_copy.write_checkpoint(str(tmp_path / "target"), {"a": tensor})


def test_other_file_systems(tmp_path):
  prefix = f"ram://copies/{tmp_path.name}"
  tf.io.gfile.makedirs(prefix)
  source = _save(f"{prefix}/source", ["a"], [""], [3.0])
  index = CheckpointIndex(source)
  tensor = checkpoint_copy.find_tensor(index, "a")
  checkpoint_copy.write_checkpoint(f"{prefix}/target", {"b": tensor})
  with tf.Graph().as_default(), tf1.Session() as session:
    (restored,) = tf.raw_ops.RestoreV2(
      prefix=f"{prefix}/target",
      tensor_names=["b"],
      shape_and_slices=[""],
      dtypes=[tf.float32],
    )
    assert session.run(restored) == 3.0


def test_a_changed_byte_is_found_when_the_copy_is_read(tmp_path):
  source = _save(str(tmp_path / "source"), ["a"], [""], [[1.0, 2.0]])
  data = tmp_path / "source.data-00000-of-00001"
  data.write_bytes(b"x" + data.read_bytes()[1:])
  reader = _copy(source, {"a": "a"}, str(tmp_path / "target"))
  with pytest.raises(tf.errors.OpError, match="Checksum does not match"):
    reader.get_tensor("a")


def test_many_tensors(tmp_path):
  """More than a block of the index; TensorFlow's reader searches in it."""
  names = [f"layer_{i:05}/kernel" for i in range(3000)]
  source = _save(
    str(tmp_path / "source"), names, [""] * 3000, list(np.arange(3000.0))
  )
  reader = _copy(source, {n: n for n in names}, str(tmp_path / "target"))
  assert [reader.get_tensor(n) for n in names] == list(range(3000))


# The parts.


def test_a_table_is_what_is_read():
  items = sorted(
    (f"{'x' * (i % 7)}{i}".encode(), bytes([i % 256]) * (i % 300))
    for i in range(2000)
  )
  items.insert(0, (b"", b"header"))
  content = sorted_table_writer.table_bytes(items)
  assert list(sorted_table.read_table(content)) == items
  assert (
    list(sorted_table.read_table(sorted_table_writer.table_bytes([]))) == []
  )


@pytest.mark.parametrize("second", [b"", b"b", b"0123456789" * 1000])
def test_joined_checksums(second):
  first = b"some bytes"
  assert crc32c.joined(
    crc32c.crc32c(first), crc32c.crc32c(second), len(second)
  ) == crc32c.crc32c(first + second)


def test_masking_turns_back():
  for crc in (0, 1, 0x12345678, 0xFFFFFFFF):
    assert crc32c.unmask(crc32c.mask(crc)) == crc


def test_a_key_of_a_slice():
  """0, "w", 2 dimensions, 0 and 1, 64 and -1, as TensorFlow writes them."""
  assert ordered_code.slice_key("w", [(0, 1), (64, -1)]) == (
    b"\x00" + b"w\x00\x01" + b"\x01\x02" + b"\x80\x81" + b"\xc0\x40\x7f"
  )
