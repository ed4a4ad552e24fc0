"""Module: an instance of a ModuleSpec in the caller's graph."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any, Optional, Union

from hub_estimator import errors
from hub_estimator.hub import (
  application_trial,
  calls,
  exporting,
  graph_import,
  scopes,
  state,
  tensor_info,
)
from hub_estimator.hub.garbage_collection import deferred_collection
from hub_estimator.hub.loading import load_module_spec
from hub_estimator.hub.module_checks import export_warnings
from hub_estimator.hub.module_spec import (
  ModuleSpec,
  as_tag_set,
  format_tag_sets,
)
from hub_estimator.tf_compat import graph_symbols, tf

_KEYS = tf.compat.v1.GraphKeys
# Inside a Keras layer AutoGraph would rewrite all of the package, which takes
# seconds and has nothing to rewrite.
_do_not_convert = tf.autograph.experimental.do_not_convert


class Module:
  """A module in a graph: its state once, and an application for each call.

  Creating it adds its variables, tables and assets to the default graph, under
  the current variable scope and `name`; calling it adds the ops between a
  signature's inputs and outputs. Calls share the variables; another instance
  has its own.

  Collections: creating it adds to GLOBAL_VARIABLES, MODEL_VARIABLES,
  TABLE_INITIALIZERS and ASSET_FILEPATHS and, if `trainable`, to
  TRAINABLE_VARIABLES and REGULARIZATION_LOSSES (whose losses are the caller's
  to add to the loss). Calling it adds to ASSET_FILEPATHS what the signature
  uses and, if `trainable`, to UPDATE_OPS (which are the caller's to run).
  Variables and tables are initialized by the ordinary initializers.

  Inside a function that is built for TPUs (its control flow context is a
  TPUReplicateContext) the state, with its collections, goes to the graph around
  the function, and calls of the module capture what they use of it.
  """

  @_do_not_convert
  @deferred_collection()
  def __init__(
    self,
    spec: Union[ModuleSpec, str],
    trainable: bool = False,
    name: str = "module",
    tags=None,
  ):
    """Instantiates a module in the default graph.

    Args:
      spec: a ModuleSpec, or a handle for `load_module_spec`.
      trainable: whether its variables are to be trained.
      name: name of the scope; made unique within the current variable scope.
      tags: the set of tags of the graph variant to use; the empty set if None.

    Raises:
      ValueError: an unknown graph variant, a string given as tags, something
        that is no spec, or a checkpoint that does not fit the graph.
      RuntimeError: no graph to build in (eager execution), one that is
        finalized, or a name scope that is taken although the variable scope is
        not.
      NotFoundError: the module uses ops that are not registered.
    """
    self._spec = _as_spec(spec)
    self._trainable = bool(trainable)
    tags = as_tag_set(tags)
    if tags not in self._spec.get_tags():
      raise errors.UserValueError(
        f"No such graph variant: tags={sorted(tags)}. The tag sets of "
        f"{self._spec.source} are: {format_tag_sets(self._spec.get_tags())}."
      )
    if tf.executing_eagerly():
      raise errors.UserRuntimeError(
        "hub.Module cannot be instantiated in eager execution: it needs a "
        "graph. Build it inside `with tf.Graph().as_default():` or a model_fn."
      )
    self._variant = self._spec.variant(tags)
    self._graph = tf.compat.v1.get_default_graph()
    # What can go wrong is found before anything is added to the graph.
    _check_not_finalized(self._graph, "instantiated")
    state.check_state(
      self._variant, self._spec.checkpoint_prefix, self._trainable
    )
    self._is_applied = False
    with (
      _state_graph(self._graph) as graph,
      scopes.new_scope(graph, name) as scope,
    ):
      self._graph_of_state = graph
      self._name = scope.rpartition("/")[2]
      self._scope = scope + "/"
      self._state = state.import_state(
        self._variant,
        self._scope,
        self._trainable,
        self._spec.checkpoint_prefix,
      )

  @_do_not_convert
  @deferred_collection()
  def __call__(
    self, inputs=None, _sentinel=None, signature=None, as_dict=None
  ) -> Any:
    """Applies a signature: adds its ops to the graph.

    Args:
      inputs: a dict from input names to tensors, or to values that convert to
        tensors of the declared dtype; or a single one if the signature has a
        single input; None if it has none. An input that is a scalar
        `placeholder_with_default` (see `hyperparameter_input`) may be left out,
        and does not count as one then: its default applies.
      signature: the signature's name; "default" if None.
      as_dict: True to get all outputs.

    Returns:
      the output "default", or a dict of all outputs.

    Raises:
      TypeError: inputs that do not fit the signature, no output "default", or
        a second positional argument.
      ValueError: an unknown signature, a tensor of another dtype, a type that
        modules cannot take, or colocations that cannot be rewritten.
      RuntimeError: the default graph is not the module's, or is finalized.
    """
    if _sentinel is not None:
      raise errors.UserTypeError(
        f"hub.Module takes one positional argument: got {_sentinel!r} as a "
        "second one. Write signature=… or as_dict=…."
      )
    if tf.compat.v1.get_default_graph() is not self._graph:
      raise errors.UserRuntimeError(
        "Module must be applied in the graph it was instantiated for."
      )
    _check_not_finalized(self._graph, "applied")
    signature = signature or "default"
    input_infos = self._variant.inputs(signature)
    output_infos = self._variant.outputs(signature)
    _check_supported(signature, input_infos)
    if not as_dict:
      tensor_info.check_default_output(output_infos, signature)
    optional = self._variant.optional_inputs(signature)
    values = tensor_info.convert_inputs(input_infos, inputs, optional)
    omitted = optional.difference(values)
    input_infos = {k: i for k, i in input_infos.items() if k not in omitted}
    context = graph_symbols.control_flow_context(self._graph)
    application = self._variant.application(
      signature, self._trainable, not self._is_applied, omitted
    )
    is_lifted = self._graph_of_state is not self._graph
    application_trial.try_application(
      self._variant,
      application,
      input_infos,
      values,
      output_infos,
      self._state.tensors,
      changes_graph=is_lifted or context is not None,
    )
    feeds = dict(self._state.tensors)
    inputs = {}
    for key, info in input_infos.items():
      tensors = inputs[key] = info.convert(values[key], key, name=None)
      for tensor_name, tensor in zip(info.tensor_names, tensors):
        feeds[self._variant.index.endpoint(tensor_name)] = tensor
    if is_lifted or context is not None:
      # Only what is used: every tensor that enters a loop is carried by it, and
      # every tensor that enters a function is an argument of it.
      used = {*application.subgraph.external_inputs}
      used |= {
        self._variant.index.endpoint(name)
        for info in output_infos.values()
        for name in info.tensor_names
      }
      used |= {
        endpoint
        for endpoint in feeds
        if endpoint[0] in application.subgraph.external_controls
      }
      for endpoint in sorted(used & set(feeds)):
        if is_lifted and feeds[endpoint].graph is self._graph_of_state:
          feeds[endpoint] = graph_symbols.capture(self._graph, feeds[endpoint])
        if context is not None:
          feeds[endpoint] = context.AddValue(feeds[endpoint])
    scope_name = f"{self._name}_apply_{signature}"
    with scopes.application_scope(self._graph, scope_name) as scope:
      imported = graph_import.import_subgraph(
        self._variant.index,
        application.subgraph,
        application.keep,
        feeds,
        scope=scope,
        shared_name_prefix=self._scope,
        contexts=self._variant.contexts,
      )
    self._is_applied = True
    self._add_collections(application, imported)
    outputs = {
      key: info.build(imported.tensor) for key, info in output_infos.items()
    }
    if not is_lifted and context is None:
      calls.record(self, signature, inputs, outputs)
    return outputs if as_dict else outputs["default"]

  def _add_collections(self, application, imported) -> None:
    for name in application.update_ops:
      self._graph.add_to_collection(_KEYS.UPDATE_OPS, imported.element(name))
    for name in self._variant.collection(_KEYS.ASSET_FILEPATHS):
      if self._variant.index.endpoint(name)[0] in application.keep:
        self._graph.add_to_collection(
          _KEYS.ASSET_FILEPATHS, imported.tensor(name)
        )

  def export(self, path: str, session: tf.compat.v1.Session) -> None:
    """Writes the module with the values that its variables have in a session.

    All graph variants of the spec are written. The variables must have been
    initialized.

    Args:
      path: the module's folder; it must not hold a module yet.
      session: a session of this module's graph; nothing is added to it.

    Raises:
      RuntimeError: the default graph, or the session's, is not the module's.
      AlreadyExistsError: there is a module at `path`.
    """
    if tf.compat.v1.get_default_graph() is not self._graph_of_state:
      raise errors.UserRuntimeError(
        "Module must be exported with its own graph as the default graph."
      )
    if session.graph is not self._graph_of_state:
      raise errors.UserRuntimeError(
        "Module must be exported with a session of the graph it was "
        "instantiated in."
      )
    exporting.export_from_session(
      self._spec.variants, self._state.variables, path, session
    )
    export_warnings.log_export_warnings(
      self._spec, lambda: session.graph, self.variable_map
    )

  def export_from_checkpoint(
    self,
    path: str,
    checkpoint_path: str,
    names: Optional[Mapping[str, str]] = None,
  ) -> dict[str, str]:
    """Writes the module with the values that a checkpoint of its graph holds.

    No session is run and no other variable of the graph is read: the bytes of
    the values are copied from file to file.

    Args:
      path: the module's folder; it must not hold a module yet.
      checkpoint_path: prefix of a checkpoint.
      names: name in the module -> name in the checkpoint; what it lacks has the
        name of the graph's variable.

    Returns:
      variables that had to be read and written instead -> why.

    Raises:
      ValueError: a checkpoint that cannot be read or lacks a variable.
      AlreadyExistsError: there is a module at `path`.
    """
    not_copied = exporting.export_from_checkpoint(
      self._spec.variants,
      self._variant,
      path,
      checkpoint_path,
      lambda name: (names or {}).get(name, self._scope + name),
    )
    export_warnings.log_export_warnings(
      self._spec,
      lambda: export_warnings.read_training_graph(checkpoint_path),
      self.variable_map,
    )
    return not_copied

  @property
  def spec(self) -> ModuleSpec:
    """The ModuleSpec that it is an instance of."""
    return self._spec

  @property
  def tags(self) -> frozenset[str]:
    """The tags of its graph variant."""
    return self._variant.tags

  @property
  def is_trainable(self) -> bool:
    """Whether it was instantiated with `trainable=True`."""
    return self._trainable

  @property
  def graph(self) -> tf.Graph:
    """The graph that holds its variables."""
    return self._graph_of_state

  @property
  def variable_map(self) -> dict[str, Union[tf.Variable, list[tf.Variable]]]:
    """Name in the module -> variable, or parts ordered by offset."""
    return self._state.variable_map

  @property
  def variables(self) -> list[tf.Variable]:
    """All variables, sorted by name in the module, parts by offset."""
    flat: list[tf.Variable] = []
    for _, value in sorted(self.variable_map.items()):
      flat.extend(value if isinstance(value, list) else [value])
    return flat

  def get_signature_names(self) -> list[str]:
    """Returns the signatures' names."""
    return self._variant.signature_names

  def get_input_info_dict(self, signature=None) -> dict:
    """Describes a signature's inputs; see `ModuleSpec`."""
    return self._variant.inputs(signature)

  def get_output_info_dict(self, signature=None) -> dict:
    """Describes a signature's outputs; see `ModuleSpec`."""
    return self._variant.outputs(signature)

  def get_attached_message(
    self, key: str, message_type: type, required: bool = False
  ) -> Optional[Any]:
    """Returns an attached message; see `ModuleSpec`."""
    return self._spec.get_attached_message(
      key, message_type, tags=self._variant.tags, required=required
    )


@contextlib.contextmanager
def _state_graph(graph: tf.Graph) -> Iterator[tf.Graph]:
  """Makes the graph default that a new module's state belongs in."""
  if not graph.building_function:
    yield graph
    return
  context = graph_symbols.control_flow_context(graph)
  if type(context).__name__.endswith("TPUReplicateContext"):
    # A computation for TPUs that is built as a function cannot hold variables:
    # they go to the graph around it, and are captured where they are used.
    with tf.init_scope():
      if not tf.executing_eagerly():
        yield tf.compat.v1.get_default_graph()
        return
  tf.compat.v1.logging.warning(
    f"Using TF1 Hub format while building a function: {graph.name}. This can "
    "lead to errors if the function is not pruned: its variables are "
    "initialized by ops inside of it."
  )
  yield graph


def _as_spec(spec) -> ModuleSpec:
  if isinstance(spec, ModuleSpec):
    return spec
  if isinstance(spec, (str, os.PathLike)):
    return load_module_spec(spec)
  raise errors.UserValueError(
    f"Unknown module spec type: {type(spec)}. Give a handle or a ModuleSpec."
  )


def _check_not_finalized(graph: tf.Graph, what: str) -> None:
  if graph.finalized:
    raise errors.UserRuntimeError(
      "Graph is finalized and cannot be modified: a module cannot be "
      f"{what} in it. Do so before a MonitoredSession or graph.finalize() "
      "finalizes it."
    )


def _check_supported(signature, infos) -> None:
  for key, info in infos.items():
    if not info.is_supported_type:
      raise errors.UserValueError(
        f"Signature {signature!r} expects a {info.kind} for input {key!r}, "
        "which is not supported by this version of hub_estimator."
      )
