import numpy as np
import pytest
from test_pictures import decode

from hub_estimator import errors
from hub_estimator.reports import write_embeddings


def test_files(tmp_path):
  folder = write_embeddings(
    str(tmp_path),
    np.array([[0.5, 1], [2, 3]], np.float32),
    {"label": ["a", "b"], "text": [b"one\ttwo\n", ""]},
    images=[np.zeros([4, 6, 1]), np.ones([4, 6, 1])],
  )
  assert folder == str(tmp_path / "projector")
  files = {p.name: p for p in (tmp_path / "projector").iterdir()}
  assert files["tensors.tsv"].read_text() == "0.5\t1\n2\t3\n"
  assert files["metadata.tsv"].read_text() == (
    "label\ttext\na\tone two\nb\t-\n"
  )
  sprite = decode(files["sprite.png"].read_bytes())
  assert sprite.shape == (8, 12, 1)
  assert sprite[:4, :6].max() == 0
  assert sprite[:4, 6:].min() == 255
  assert any(".tfevents." in name for name in files)
  assert files["projector_config.pbtxt"].read_text() == (
    'embeddings {\ntensor_name: "embeddings"\ntensor_path: "tensors.tsv"\n'
    'metadata_path: "metadata.tsv"\nsprite { image_path: "sprite.png" '
    "single_image_dim: 6 single_image_dim: 4 }\n}\n"
  )


def test_config_is_what_tensorboard_reads(tmp_path):
  config_pb2 = pytest.importorskip(
    "tensorboard.plugins.projector.projector_config_pb2"
  )
  from google.protobuf import text_format

  folder = write_embeddings(
    str(tmp_path), np.ones([1, 2]), {}, images=[np.zeros([4, 6])]
  )
  with open(f"{folder}/projector_config.pbtxt") as file:
    config = text_format.Parse(file.read(), config_pb2.ProjectorConfig())
  (embedding,) = config.embeddings
  assert embedding.tensor_path == "tensors.tsv"
  assert embedding.metadata_path == ""
  assert list(embedding.sprite.single_image_dim) == [6, 4]


def test_one_column_has_no_header(tmp_path):
  folder = write_embeddings(str(tmp_path), np.ones([2, 1]), {"label": [3, 4]})
  with open(f"{folder}/metadata.tsv") as file:
    assert file.read() == "3\n4\n"


@pytest.mark.parametrize(
  "shape, metadata, found",
  [
    ([2, 3], {"label": [1]}, "with metadata of the lengths {'label': 1}"),
    ([0, 3], {}, "[0, 3]: they have the shape"),
    ([3], {"label": [1, 2, 3]}, "[3]: they have the shape"),
  ],
  ids=["lengths", "none", "rank"],
)
def test_what_does_not_fit(tmp_path, shape, metadata, found):
  with pytest.raises(errors.UserValueError) as raised:
    write_embeddings(str(tmp_path), np.ones(shape), metadata)
  assert found in str(raised.value)
