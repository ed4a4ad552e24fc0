"""Defining a module: from a module_fn to a ModuleSpec."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable, Optional

from hub_estimator import errors
from hub_estimator.hub import (
  assets,
  attachments,
  module_folder,
  signatures,
)
from hub_estimator.hub.module_spec import ModuleSpec, as_tag_set
from hub_estimator.tf_compat import tf


def create_module_spec(
  module_fn: Callable[..., Any],
  tags_and_args: Optional[Iterable[tuple[Iterable[str], dict]]] = None,
  drop_collections: Optional[Iterable[str]] = None,
) -> ModuleSpec:
  """Creates a ModuleSpec from a function that builds the module's graph.

  Args:
    module_fn: builds a graph and declares at least one signature with
      `add_signature`. It is called once for each tag set, in a new graph, with
      resource variables; nothing of the caller's graph reaches it.
    tags_and_args: (tags, keyword arguments for module_fn) pairs, one per graph
      variant; one variant with no tags and no arguments if None.
    drop_collections: names of collections to leave out of the module.

  Returns:
    a ModuleSpec whose variables are initialized as module_fn says.

  Raises:
    ValueError: no signature, the same tags twice, a collection that modules
      cannot store, or a state op that is colocated with an op without state.
    TypeError: an asset path that is not a constant scalar string.
  """
  drop_collections = list(drop_collections or ())
  variants: dict[frozenset[str], Any] = {}
  for tags, arguments in tags_and_args or [(set(), {})]:
    tag_set = as_tag_set(tags)
    if tag_set in variants:
      raise errors.UserValueError(
        f"Tags {sorted(tag_set)} used repeatedly: each graph variant needs its "
        "own tag set."
      )
    variants[tag_set] = _build_meta_graph(
      module_fn, arguments, tag_set, drop_collections
    )
  spec = ModuleSpec(
    variants.values(), source=f"module_fn {_function_name(module_fn)}"
  )
  for variant in spec.variants:
    _check_state_colocations(variant)
  return spec


def _function_name(function) -> str:
  function = getattr(function, "func", function)  # functools.partial
  name = getattr(function, "__qualname__", type(function).__name__)
  # Of a function within a function, the outer one's name says more.
  return name.partition(".<locals>")[0]


def _build_meta_graph(module_fn, arguments, tags, drop_collections):
  with tf.Graph().as_default() as graph:
    with tf.compat.v1.variable_scope("", use_resource=True):
      module_fn(**arguments)
    for name in drop_collections:
      graph.clear_collection(name)
    meta_graph = tf.compat.v1.MetaGraphDef()
    signatures.write_signature_defs(graph, meta_graph)
    _check_collections(graph)
    exported = tf.compat.v1.train.export_meta_graph(
      graph=graph, strip_default_attrs=True
    )
    for name, signature in meta_graph.signature_def.items():
      exported.signature_def[name].CopyFrom(signature)
    attachments.write_attachments(graph, exported)
  exported.meta_info_def.tags.extend(sorted(tags))
  assets.check_assets(exported)
  return exported


def _check_collections(graph) -> None:
  # Checked on the graph: what cannot be serialized is not in the MetaGraphDef,
  # and would otherwise be lost without a word.
  names = [
    name
    for name in graph.get_all_collection_keys()
    if graph.get_collection_ref(name)
  ]
  module_folder.check_collection_names(names)


def _check_state_colocations(variant) -> None:
  """Raises ValueError if a state op is colocated with an op without state."""
  index = variant.index
  for position in variant.state_nodes:
    node = index.nodes[position]
    for value in node.attr["_class"].list.s if "_class" in node.attr else ():
      name = value.decode().partition("loc:@")[2]
      if name in index and index.position(name) not in variant.state_nodes:
        raise errors.UserValueError(
          "A node that holds state may be colocated only with nodes that hold "
          f"state: {node.name} ({node.op}) is colocated with {name} "
          f"({index.nodes[index.position(name)].op}). Create it outside of "
          "tf.colocate_with()."
        )
