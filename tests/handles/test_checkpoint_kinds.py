"""What messages say of bare checkpoints and their files."""

import os

import handle_modules

from hub_estimator.handles.contents.content_kinds import describe
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

EXPORT = (
  "Export a module from it with ModuleSpec.export(path, checkpoint_path)."
)


def said(path):
  return describe(str(path))


def test_a_bare_checkpoint(tmp_path):
  prefix = handle_modules.save_checkpoint(tmp_path / "c")
  assert said(tmp_path / "c") == (
    f"It holds a bare checkpoint: weights without a graph. {EXPORT}"
  )
  for end in (".index", ".meta", ".data-00000-of-00001"):
    assert said(prefix + end) == (
      f"It is a file of the bare checkpoint {prefix}: weights without a graph. "
      f"{EXPORT}"
    )


def test_a_bare_checkpoint_of_the_first_format(tmp_path):
  prefix = handle_modules.save_checkpoint(tmp_path / "c", tf1.train.SaverDef.V1)
  assert said(tmp_path / "c") == (
    "It holds model.ckpt-3, a bare checkpoint of TensorFlow's first format: "
    f"weights without a graph. {EXPORT}"
  )
  assert said(prefix) == (
    "It is a bare checkpoint of TensorFlow's first format: weights without a "
    f"graph. {EXPORT}"
  )
  assert said(f"{prefix}.meta") == (
    f"It is a file of the bare checkpoint {prefix}: weights without a graph. "
    f"{EXPORT}"
  )


def test_what_is_left_of_a_checkpoint(tmp_path):
  prefix = handle_modules.save_checkpoint(tmp_path / "c")
  os.remove(f"{prefix}.index")
  assert said(tmp_path / "c") == (
    "It holds model.ckpt-3.data-00000-of-00001, data of a bare checkpoint "
    f"without its index: copy model.ckpt-3.index too. {EXPORT}"
  )
  os.remove(f"{prefix}.data-00000-of-00001")
  assert said(tmp_path / "c") == (
    "It holds the file 'checkpoint', which names model.ckpt-3, and no bare "
    f"checkpoint: copy its .index and .data files too. {EXPORT}".replace(
      "names model", f"names {tmp_path}/c/model"
    )
  )
  (tmp_path / "c" / "checkpoint").write_bytes(b"\xff")
  assert "'checkpoint', which should name one, and" in said(tmp_path / "c")
