"""Whether one node reaches outside of its graph."""

from __future__ import annotations

import functools
from typing import Optional

from hub_estimator.hub.security import risky_ops
from hub_estimator.hub.security.own_files import OwnFiles
from hub_estimator.hub.security.program import Body, Program, data_inputs
from hub_estimator.hub.security.risky_ops import Risk
from hub_estimator.tf_compat import tf

_LOCAL_DESCRIPTORS = (b"", b"local://")


@functools.cache
def harmless_ops() -> frozenset[str]:
  """Returns the ops of TensorFlow's API that never reach outside."""
  names = {name for name in dir(tf.raw_ops) if name[0].isalpha()}
  return frozenset(
    names - set(risky_ops.RISKY_OPS) - set(risky_ops.CONDITIONAL_OPS)
  )


def find_risk(
  program: Program, own_files: OwnFiles, body: Body, node
) -> Optional[Risk]:
  """Returns how a node reaches outside of its graph, None if it does not."""
  op = node.op
  risk = risky_ops.RISKY_OPS.get(op)
  if risk is not None:
    if risk.file_inputs and own_files.reads_assets(
      body, node, risk.file_inputs
    ):
      return None
    if op in risky_ops.CHECKPOINT_OPS and own_files.belongs_to_saver(
      body, node
    ):
      return None
    return risk
  if op in risky_ops.CONDITIONAL_OPS:
    return _CONDITIONS[op](program, body, node, risky_ops.CONDITIONAL_OPS[op])
  if (
    op in harmless_ops()
    or op in program.functions  # Their nodes are looked at themselves.
    or op.startswith(risky_ops.INTERNAL_OP_PREFIXES)
  ):
    return None
  return risky_ops.UNKNOWN


def _text(node, name: str) -> bytes:
  value = node.attr.get(name)  # `node.attr[name]` would add it.
  return b"" if value is None else value.s


def _print(program, body, node, risk) -> Optional[Risk]:
  del program, body
  return risk if _text(node, "output_stream").startswith(b"file://") else None


def _proto(program, body, node, risk) -> Optional[Risk]:
  del program, body
  source = _text(node, "descriptor_source")
  is_local = source in _LOCAL_DESCRIPTORS or source.startswith(b"bytes://")
  return None if is_local else risk


def _vocabulary(program, body, node, risk) -> Optional[Risk]:
  del program, body
  return risk if _text(node, "vocab_file") else None


def _debug(program, body, node, risk) -> Optional[Risk]:
  del program, body
  value = node.attr.get("debug_urls")
  urls = [] if value is None else list(value.list.s)
  if not urls:
    return None
  if all(url.startswith(b"file://") for url in urls):
    return risk
  reason = "sends a tensor to the debug_urls of its attribute"
  return Risk(risky_ops.CONNECTS, reason)


def _cache(program, body, node, risk) -> Optional[Risk]:
  inputs = data_inputs(node)
  if len(inputs) > 1:
    leaves = program.leaves(body, inputs[1], {"Identity": 1})
    if leaves and all(_is_empty_text(leaf.node) for leaf in leaves):
      return None  # It keeps them in memory.
  return risk


def _is_empty_text(node) -> bool:
  if node is None or node.op != "Const":
    return False
  value = node.attr.get("value")
  if value is None:
    return False
  tensor = value.tensor
  return not tensor.tensor_content and not any(tensor.string_val)


_CONDITIONS = {
  "PrintV2": _print,
  "CacheDataset": _cache,
  "CacheDatasetV2": _cache,
  "DecodeProtoV2": _proto,
  "EncodeProto": _proto,
  "FixedUnigramCandidateSampler": _vocabulary,
  "DebugIdentity": _debug,
  "DebugIdentityV2": _debug,
  "DebugIdentityV3": _debug,
  "DebugNanCount": _debug,
  "DebugNumericSummary": _debug,
}
