"""Reading all of a module's bytes, to find those that have changed."""

from __future__ import annotations

from hub_estimator.file_formats import checkpoint_index, damage
from hub_estimator.hub import state, variable_files
from hub_estimator.hub.loading import load_module_spec
from hub_estimator.tf_compat import tf


def verify_module(handle: str) -> None:
  """Checks every file of a module, all values of its variables included.

  `Module` checks what it can without reading the values: the graphs, the index
  of the checkpoint, that data files and assets are there and long enough.
  Changed bytes within the values have a checksum that does not match, and that
  is found when they are restored (by `session.run` of the initializers, which
  raises DataLossError) or here.

  Nothing is added to the default graph. The values are read one after the
  other: memory holds the largest of them.

  Args:
    handle: the module's handle, as for `load_module_spec`.

  Raises:
    OSError: a file is missing or damaged; the message names it.
    NotFoundError: there is no module, or it uses ops that are not registered.
    ValueError: what `load_module_spec` and `Module` raise for a module that
      cannot be used.
  """
  spec = load_module_spec(handle)
  prefix = spec.checkpoint_prefix
  for variant in spec.variants:
    state.check_state(variant, prefix)
  if not tf.io.gfile.exists(f"{prefix}.index"):
    return
  index = checkpoint_index.CheckpointIndex(prefix)
  index.check_shards(index.entries)
  reader = variable_files.open_checkpoint(prefix)
  for name in sorted(index.entries):
    with damage.reading(f"{index.shard_path(name)} (tensor {name})"):
      reader.get_tensor(name)
