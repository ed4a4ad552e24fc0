"""Indexes of checkpoints that hold what cannot be."""

import pytest
from table_builder import table

from hub_estimator.file_formats import checkpoint_index, damage

# Of tensor_bundle.proto: {num_shards: 1}, and an entry of dtype 1 and size 4.
HEADER = b"\x08\x01"
FLOAT, SIZE = b"\x08\x01", b"\x28\x04"
MINUS_ONE = b"\xff" * 9 + b"\x01"
OFFSET, SHARD, LENGTH = b"\x20", b"\x18", b"\x28"


def _index(tmp_path, entry):
  content = table([(0, b"", len(HEADER), HEADER), (0, b"w", len(entry), entry)])
  (tmp_path / "model.index").write_bytes(content)
  return checkpoint_index.CheckpointIndex(str(tmp_path / "model"))


def test_an_entry(tmp_path):
  index = _index(tmp_path, FLOAT + OFFSET + b"\x08" + SIZE)
  assert index.entries == {"w": ((), 1, 0, 12, False, 8, 0, ())}
  assert index.shard_path("w").endswith("model.data-00000-of-00001")


@pytest.mark.parametrize("field", [OFFSET, SHARD, LENGTH])
def test_negative_numbers_are_damage(tmp_path, field):
  with pytest.raises(damage.DamagedFileError, match="holds a negative number"):
    _index(tmp_path, FLOAT + SIZE + field + MINUS_ONE)
