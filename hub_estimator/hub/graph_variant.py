"""One graph of a module: its MetaGraphDef, read once and cut many times."""

from __future__ import annotations

import functools
from typing import Any, Callable, NamedTuple, Optional

from hub_estimator import errors
from hub_estimator.file_formats import damage
from hub_estimator.hub import (
  attachments,
  control_flow,
  file_errors,
  tensor_info,
)
from hub_estimator.hub.graph_index import Endpoint, GraphIndex, Subgraph
from hub_estimator.tf_compat import graph_symbols, tf

_KEYS = tf.compat.v1.GraphKeys
VARIABLE_COLLECTIONS = (
  _KEYS.GLOBAL_VARIABLES,
  _KEYS.TRAINABLE_VARIABLES,
  _KEYS.MODEL_VARIABLES,
)


class Variable(NamedTuple):
  """A variable of a module's graph.

  Attributes:
    proto: its VariableDef.
    collections: names of the collections that it is in.
  """

  proto: Any
  collections: tuple[str, ...]

  @property
  def node_name(self) -> str:
    """The name of its node in the module's graph."""
    return self.proto.variable_name.partition(":")[0]

  @property
  def checkpoint_name(self) -> str:
    """Its name in the module's checkpoint: that of the whole, for a slice."""
    return self.slice_info.full_name if self.slice_info else self.node_name

  @property
  def snapshot_name(self) -> str:
    """The name of the tensor that is its value."""
    # Protos of early resource variables leave it out.
    return self.proto.snapshot_name or f"{self.node_name}/Read/ReadVariableOp:0"

  @property
  def slice_info(self):
    """Its SaveSliceInfoDef if it is one part of a partitioned variable."""
    if self.proto.HasField("save_slice_info_def"):
      return self.proto.save_slice_info_def
    return None

  @property
  def trainable(self) -> bool:
    """Whether training the module trains it."""
    return _KEYS.TRAINABLE_VARIABLES in self.collections


class Application(NamedTuple):
  """What one signature's application imports.

  Attributes:
    keep: positions of the nodes.
    subgraph: the nodes themselves.
    update_ops: names of the update ops among them.
  """

  keep: set[int]
  subgraph: Subgraph
  update_ops: tuple[str, ...]


class GraphVariant:
  """The graph of one tag set of a module."""

  def __init__(self, meta_graph, origin: str = "the module"):
    """Wraps a MetaGraphDef, which must not change afterwards.

    Args:
      meta_graph: the MetaGraphDef.
      origin: where it comes from, for messages.
    """
    self.meta_graph = meta_graph
    self.origin = origin
    self.tags = frozenset(meta_graph.meta_info_def.tags)
    self.is_checked = False
    self._shapes: dict[str, tf.TensorShape] = {}
    self._kept: dict[Any, Any] = {}

  @functools.cached_property
  def index(self) -> GraphIndex:
    """The graph, indexed."""
    return GraphIndex(
      self.meta_graph.graph_def, self.producer_op_list, self.origin
    )

  @functools.cached_property
  def contexts(self) -> list[control_flow.RootContext]:
    """The TF1 control flow contexts of the graph."""
    with damage.reading(self.origin):
      return control_flow.read_contexts(self.meta_graph, self.index)

  @functools.cached_property
  def attachments(self) -> dict[str, bytes]:
    """The attached messages, serialized, by key."""
    with damage.reading(self.origin):
      return attachments.read_attachments(self.meta_graph)

  @property
  def signature_names(self) -> list[str]:
    """The names of the signatures."""
    return sorted(self.meta_graph.signature_def)

  @property
  def producer_op_list(self):
    """The definitions of the ops as the graph's producer knew them."""
    return self.meta_graph.meta_info_def.stripped_op_list

  def signature(self, name: Optional[str]):
    """Returns a signature's SignatureDef; ValueError lists those there are."""
    name = name or "default"
    if name not in self.meta_graph.signature_def:
      raise errors.UserValueError(
        f"Signature {name!r} is missing from meta graph. The signatures of "
        f"this module are: {sorted(self.signature_names)}."
      )
    return self.meta_graph.signature_def[name]

  def inputs(self, signature: Optional[str]) -> dict:
    """Returns {input name: ParsedTensorInfo} of a signature."""
    return self._parse_infos(self.signature(signature).inputs)

  def outputs(self, signature: Optional[str]) -> dict:
    """Returns {output name: ParsedTensorInfo} of a signature."""
    return self._parse_infos(self.signature(signature).outputs)

  def _parse_infos(self, infos) -> dict:
    with damage.reading(self.origin):
      return tensor_info.parse_tensor_infos(infos)

  def optional_inputs(self, signature: Optional[str]) -> frozenset[str]:
    """Returns the inputs of a signature that have a default: hyperparameters.

    Those are the scalars that are a PlaceholderWithDefault in the graph.
    """
    return frozenset(
      name
      for name, info in self.inputs(signature).items()
      if not info.is_composite
      and info.get_shape().rank == 0
      and self._node(info.tensor_names[0]).op == "PlaceholderWithDefault"
    )

  def default_value(self, signature: Optional[str], name: str):
    """Returns the default of an optional input as an array, None if computed.

    Args:
      signature: the signature's name.
      name: one of its `optional_inputs`.
    """
    info = self.inputs(signature)[name]
    position, _ = self.index.endpoint(info.tensor_names[0])
    source = self.index.nodes[self.index.data_inputs(position)[0][0]]
    if source.op != "Const":
      return None
    return tf.make_ndarray(source.attr["value"].tensor)

  def _node(self, tensor_name: str):
    return self.index.nodes[self.index.endpoint(tensor_name)[0]]

  def collection(self, name: str) -> list[str]:
    """Returns the node or tensor names in a collection."""
    if name not in self.meta_graph.collection_def:
      return []
    return list(self.meta_graph.collection_def[name].node_list.value)

  @functools.cached_property
  def variables(self) -> list[Variable]:
    """The variables, in the order of the collections that hold them."""
    with damage.reading(self.origin):
      return self._read_variables()

  def _read_variables(self) -> list[Variable]:
    message_class = graph_symbols.proto_type(_KEYS.GLOBAL_VARIABLES)
    found: dict[str, tuple[Any, list[str]]] = {}
    for name in VARIABLE_COLLECTIONS:
      if name in self.meta_graph.collection_def:
        values = self.meta_graph.collection_def[name].bytes_list.value
        for value in values:
          proto = message_class()
          proto.ParseFromString(value)
          # The same variable's bytes may differ from one collection to another.
          found.setdefault(proto.variable_name, (proto, []))[1].append(name)
    return [
      Variable(proto, tuple(collections))
      for proto, collections in found.values()
    ]

  def variable_shape(self, variable: Variable) -> tf.TensorShape:
    """Returns a variable's shape; that of the whole, for a part."""
    if variable.slice_info:
      return tf.TensorShape(variable.slice_info.full_shape)
    name = variable.node_name
    if name not in self._shapes:
      shape = self._variable_attr(variable, "shape").shape
      self._shapes[name] = tf.TensorShape(shape)
    return self._shapes[name]

  def variable_dtype(self, variable: Variable) -> tf.DType:
    """Returns a variable's dtype."""
    return tf.dtypes.as_dtype(self._variable_attr(variable, "dtype").type)

  def _variable_attr(self, variable, name):
    position = self.index.position(variable.node_name)
    return self.index.nodes[position].attr[name]

  @functools.cached_property
  def state_nodes(self) -> set[int]:
    """Positions of the nodes that hold state: stateful and without inputs.

    Raises:
      ValueError: one of them has not exactly one output.
    """
    num_outputs = {}  # Of the types of ops that hold state.
    for op_type in {node.op for node in self.index.nodes}:
      op_def = graph_symbols.registered_op_def(op_type)
      if op_def and op_def.is_stateful and not op_def.input_arg:
        num_outputs[op_type] = len(op_def.output_arg)
    positions = {
      position
      for position, node in enumerate(self.index.nodes)
      if node.op in num_outputs
    }
    for position in positions:
      node = self.index.nodes[position]
      if num_outputs[node.op] != 1:
        raise errors.UserValueError(
          f"Node {node.name} ({node.op}) holds state and has "
          f"{num_outputs[node.op]} outputs: a module's state ops must have "
          "exactly one."
        )
    return positions

  @functools.cached_property
  def applied_nodes(self) -> set[int]:
    """Positions of all nodes that some signature or update op needs."""
    targets = set()
    for signature in self.meta_graph.signature_def.values():
      for info in self._parse_infos(signature.outputs).values():
        targets |= {self.index.endpoint(n)[0] for n in info.tensor_names}
    targets |= {
      self.index.endpoint(n)[0] for n in self.collection(_KEYS.UPDATE_OPS)
    }
    keep = self.index.ancestors(targets)
    control_flow.complete(self.contexts, keep, self.index.ancestors)
    return keep

  def check_ops_are_registered(self) -> None:
    """Raises NotFoundError if this process lacks an op that the graph uses."""
    functions = {
      f.signature.name for f in self.meta_graph.graph_def.library.function
    }
    used = {op.name for op in self.producer_op_list.op}
    used |= {node.op for node in self.index.nodes}
    unknown = sorted(
      name
      for name in used - functions
      if graph_symbols.registered_op_def(name) is None
    )
    if unknown:
      raise file_errors.UnregisteredOpsError(
        f"The module uses ops that are not registered here: {unknown}. Import "
        "the library that registers them before instantiating it.",
      )

  def application(
    self,
    signature: Optional[str],
    trainable: bool,
    is_first: bool,
    omitted: frozenset[str] = frozenset(),
  ) -> Application:
    """Returns what an application of a signature imports.

    Args:
      signature: the signature's name.
      trainable: whether UPDATE_OPS belong to it.
      is_first: whether the update ops that depend on no input do, too: run by
        every application they would step n times for n applications.
      omitted: names of inputs whose default applies.
    """
    key = (signature or "default", trainable, trainable and is_first, omitted)
    return self.kept(("application", *key), lambda: self._cut_application(*key))

  def kept(self, key: Any, compute: Callable[[], Any]) -> Any:
    """Returns what a function returned when it was first asked for by a key."""
    if key not in self._kept:
      with damage.reading(self.origin):
        self._kept[key] = compute()
    return self._kept[key]

  def _cut_application(
    self, signature, trainable, is_first, omitted
  ) -> Application:
    index = self.index
    fed = {
      index.endpoint(name)
      for key, info in self.inputs(signature).items()
      if key not in omitted
      for name in info.tensor_names
    }
    placeholders = {p for p, _ in fed if _is_placeholder(index.nodes[p])}
    cut_nodes = self.state_nodes | placeholders

    def ancestors(targets):
      return index.ancestors(targets, cut_nodes, fed)

    targets = {
      index.endpoint(name)
      for info in self.outputs(signature).values()
      for name in info.tensor_names
    }
    keep = ancestors({p for p, _ in targets - fed})
    update_ops = self._update_ops(ancestors, fed, is_first) if trainable else []
    keep |= ancestors({index.endpoint(name)[0] for name in update_ops})
    for name in update_ops:
      if ":" not in name and index.position(name) not in keep:
        raise ValueError(f"its update op {name} is an input or holds state")
    control_flow.complete(self.contexts, keep, ancestors)
    feeds: set[Endpoint] = fed | {(p, 0) for p in self.state_nodes}
    return Application(keep, index.subgraph(keep, feeds), tuple(update_ops))

  def _update_ops(self, ancestors, fed, is_first) -> list[str]:
    """Returns the names of the update ops that an application runs."""
    index = self.index
    names = self.collection(_KEYS.UPDATE_OPS)
    needed = ancestors({index.endpoint(name)[0] for name in names})
    # One walk for all of them: a deep network has hundreds.
    takes_inputs, takes_others = index.descendants(
      (p for p in needed if not fed.isdisjoint(index.data_inputs(p))),
      # They belong to another signature's inputs and could never run here.
      (p for p in needed if index.nodes[p].op == "Placeholder"),
      within=needed,
      cut_tensors=fed,
    )
    return [
      name
      for name in names
      for position in [index.endpoint(name)[0]]
      if position not in takes_others and (position in takes_inputs or is_first)
    ]


def _is_placeholder(node) -> bool:
  return node.op in ("Placeholder", "PlaceholderV2", "PlaceholderWithDefault")
