"""Finding the operations of a module that reach outside of its graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Optional

from hub_estimator.file_formats import damage
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.security import node_risks, risky_ops
from hub_estimator.hub.security.own_files import OwnFiles
from hub_estimator.hub.security.program import Program


class Finding(NamedTuple):
  """An operation that reaches outside of its graph.

  Attributes:
    tags: the tags of the graph, sorted.
    node: its name; "function NAME, node NODE" for one in a function.
    op: its type.
    kind: "reads files", "writes files", "connects", "runs Python", "loads
      code"; or "unknown op" for an op that is not TensorFlow's, of which nobody
      can say here what it does.
    reason: what it does, to be read after "it".
  """

  tags: tuple[str, ...]
  node: str
  op: str
  kind: str
  reason: str

  @property
  def is_risky(self) -> bool:
    """False for an unknown op, which a policy does not stop by itself."""
    return self.kind != risky_ops.UNKNOWN_OP

  def as_dict(self) -> dict[str, Any]:
    """Returns it ready for JSON."""
    return {**self._asdict(), "tags": list(self.tags)}


def scan(
  variants: Iterable[GraphVariant], assets_folder: Optional[str] = None
) -> list[Finding]:
  """Looks through graphs and their functions, without importing them.

  Not listed is what reads the module's own assets (the path of the file has to
  be a constant of the graph that is listed among them, taken by itself or
  through Identity), and the ops of savers that nothing else needs. That an op
  is not needed by any signature does not matter otherwise.

  Args:
    variants: the graphs; not changed.
    assets_folder: the module's folder of assets, if the paths of the assets are
      in the graphs, as `module_folder.read_saved_model` puts them; None if the
      graphs are as they were saved and TensorFlow's loader gives the paths.

  Returns:
    the findings: by tags, then the graph's in its order, then its functions'.

  Raises:
    OSError (which is a ValueError): a graph is damaged.
  """
  findings = []
  harmless = node_risks.harmless_ops()
  variants = sorted(variants, key=lambda variant: sorted(variant.tags))
  for variant in variants:
    with damage.reading(variant.origin):
      tags = tuple(sorted(variant.tags))
      program = Program(variant)
      own_files = OwnFiles(program, assets_folder, len(variants) == 1)
      for body in program.bodies:
        for node in body.nodes:
          if node.op in harmless:
            continue
          risk = node_risks.find_risk(program, own_files, body, node)
          if risk is not None:
            findings.append(
              Finding(tags, body.label(node), node.op, risk.kind, risk.reason)
            )
  return findings
