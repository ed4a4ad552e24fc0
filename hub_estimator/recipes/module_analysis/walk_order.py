"""The order in which data flows through a graph, with loops as single steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Union

from hub_estimator.hub.graph_index import GraphIndex
from hub_estimator.recipes.module_analysis import op_types

# A node outside of all loops is a step by itself; a loop, with all that is
# nested in it, is one step. The former has the node's position as its key, the
# latter the name of the loop's frame.
StepKey = Union[int, bytes]


def forward_inputs(index: GraphIndex, position: int):
  """Returns a node's data inputs, without those that close a loop."""
  inputs = index.data_inputs(position)
  if index.nodes[position].op in op_types.MERGES:
    return [
      source
      for source in inputs
      if index.nodes[source[0]].op not in op_types.NEXT_ITERATIONS
    ]
  return inputs


def closes_loop(index: GraphIndex, position: int) -> bool:
  """Whether a node is the merge at the head of a loop."""
  inputs = index.data_inputs(position)
  return len(forward_inputs(index, position)) < len(inputs)


def steps_in_order(
  index: GraphIndex, targets: Iterable[int], cut_nodes: Iterable[int]
) -> list[tuple[StepKey, list[int]]]:
  """Returns what the data for `targets` goes through, inputs before outputs.

  Args:
    index: the graph.
    targets: positions of nodes.
    cut_nodes: positions of nodes whose inputs do not matter.

  Returns:
    (key, positions of the step's nodes, in order) pairs.
  """
  cut_nodes = set(cut_nodes)

  def sources(position):
    if position in cut_nodes:
      return []
    return [source for source, _ in forward_inputs(index, position)]

  # The back edge's source is reached over the loop's exits in no graph that
  # TensorFlow makes, but what it needs belongs to the loop's step.
  nodes = _closure(index, targets, cut_nodes)
  order = _post_order(nodes, sources)
  frames = _frames(index, order, cut_nodes)
  members: dict[StepKey, list[int]] = {}
  for position in order:
    key = frames[position][0] if frames[position] else position
    members.setdefault(key, []).append(position)
  key_of = {p: key for key, positions in members.items() for p in positions}

  def step_sources(key):
    return [key_of[s] for p in members[key] for s in sources(p)]

  return [(key, members[key]) for key in _post_order(members, step_sources)]


def _closure(index, targets, cut_nodes) -> list[int]:
  """Returns the positions of all nodes on the way, back edges included."""
  found: dict[int, None] = {}
  pending = list(targets)
  while pending:
    position = pending.pop()
    if position in found:
      continue
    found[position] = None
    if position not in cut_nodes:
      pending.extend(source for source, _ in index.data_inputs(position))
  return sorted(found)


def _post_order(keys: Iterable, sources: Callable[..., Sequence]) -> list:
  """Sorts keys such that each comes after its sources."""
  order, seen = [], set()
  for key in keys:
    if key in seen:
      continue
    seen.add(key)
    stack = [(key, iter(sources(key)))]
    while stack:
      current, pending = stack[-1]
      for source in pending:
        if source not in seen:
          seen.add(source)
          stack.append((source, iter(sources(source))))
          break
      else:
        order.append(current)
        stack.pop()
  return order


def _frames(index, order, cut_nodes) -> dict[int, tuple[bytes, ...]]:
  """Returns position -> names of the loops around a node, outermost first."""
  frames: dict[int, tuple[bytes, ...]] = {}
  for position in order:
    found: tuple[bytes, ...] = ()
    if position not in cut_nodes:
      for source, _ in forward_inputs(index, position):
        of_source = frames.get(source, ())
        if index.nodes[source].op in op_types.EXITS:
          of_source = of_source[:-1]
        found = max(found, of_source, key=len)
    node = index.nodes[position]
    if node.op in op_types.ENTERS:
      found = (*found, node.attr["frame_name"].s)
    frames[position] = found
  return frames
