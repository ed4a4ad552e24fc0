"""ModuleSpec: a module's graphs, and where the values of its variables are."""

from __future__ import annotations

from typing import Callable, Optional

from google.protobuf import message as protobuf_message

from hub_estimator import errors
from hub_estimator.hub import exporting
from hub_estimator.hub.graph_variant import GraphVariant
from hub_estimator.hub.module_checks import export_warnings


class ModuleSpec:
  """What a module is, before it is instantiated.

  Made by `create_module_spec`, `load_module_spec` or
  `create_module_spec_from_saved_model`; instantiated by `Module`.
  """

  def __init__(
    self, meta_graphs, checkpoint_prefix=None, source="", graph_file=""
  ):
    """Holds a module's graphs; use the functions named above.

    Args:
      meta_graphs: one MetaGraphDef per tag set.
      checkpoint_prefix: the checkpoint of its variables; None if they are
        initialized by the graph.
      source: where it comes from, for messages.
      graph_file: the file that the graphs come from, if any, for messages.
    """
    self._variants = {}
    for meta_graph in meta_graphs:
      variant = GraphVariant(meta_graph, graph_file or source or "the module")
      self._variants[variant.tags] = variant
    self._checkpoint_prefix = checkpoint_prefix
    self._source = source

  def __repr__(self) -> str:
    return f"<hub.ModuleSpec {self._source}>"

  @property
  def source(self) -> str:
    """Where it comes from: its folder, or the name of its module_fn."""
    return self._source

  @property
  def checkpoint_prefix(self) -> Optional[str]:
    """The checkpoint of its variables, None if its graph initializes them."""
    return self._checkpoint_prefix

  def get_tags(self) -> list[frozenset[str]]:
    """Returns the tag set of each graph variant."""
    return list(self._variants)

  def variant(self, tags=None) -> GraphVariant:
    """Returns the graph of a tag set (None: the empty one).

    Raises:
      KeyError: there is none; the message lists those there are.
    """
    tags = as_tag_set(tags)
    if tags not in self._variants:
      raise errors.UserKeyError(
        f"SavedModelHandler has no graph with tags: {sorted(tags)}. The tag "
        f"sets of {self._source} are: {format_tag_sets(self.get_tags())}."
      )
    return self._variants[tags]

  @property
  def variants(self) -> list[GraphVariant]:
    """All graphs."""
    return list(self._variants.values())

  def get_signature_names(self, tags=None) -> list[str]:
    """Returns the signatures' names; KeyError for unknown tags."""
    return self.variant(tags).signature_names

  def get_input_info_dict(self, signature=None, tags=None) -> dict:
    """Describes a signature's inputs.

    Args:
      signature: its name; "default" if None.
      tags: the graph variant's tags; the empty set if None.

    Returns:
      {input name: info} where info has `dtype`, `get_shape()`, `is_sparse`,
      `is_composite`, `type_spec` and `is_supported_type`.

    Raises:
      KeyError: unknown tags.
      ValueError: unknown signature.
    """
    return self.variant(tags).inputs(signature)

  def get_output_info_dict(self, signature=None, tags=None) -> dict:
    """Describes a signature's outputs, as `get_input_info_dict` its inputs."""
    return self.variant(tags).outputs(signature)

  def get_attached_message(
    self, key: str, message_type: type, tags=None, required: bool = False
  ):
    """Returns a message that the publisher attached.

    Args:
      key: the key it was attached with.
      message_type: its class.
      tags: the graph variant's tags; the empty set if None.
      required: whether its absence is an error.

    Returns:
      a new message of `message_type`, or None if there is none.

    Raises:
      KeyError: unknown tags, or no such message and `required`.
      ValueError: it is a message of another type.
    """
    attached = self.variant(tags).attachments
    if key not in attached:
      if required:
        raise errors.UserKeyError(
          f"{self._source} has no attached message {key!r}. Its attachments "
          f"are: {sorted(attached)}."
        )
      return None
    message = message_type()
    try:
      message.ParseFromString(attached[key])
    except protobuf_message.DecodeError as error:
      raise errors.UserValueError(
        f"The attached message {key!r} of {self._source} is no "
        f"{message_type.DESCRIPTOR.full_name}: it cannot be parsed. Ask for it "
        "with the message_type that it was attached as."
      ) from error
    return message

  def export(
    self,
    path: str,
    _sentinel=None,
    checkpoint_path: Optional[str] = None,
    name_transform_fn: Optional[Callable[[str], str]] = None,
  ) -> None:
    """Writes the module with the values of a checkpoint.

    The values are copied from the checkpoint; no graph is built and no session
    is run.

    Args:
      path: the module's folder; it must not hold a module yet.
      checkpoint_path: a checkpoint's prefix, or a folder with checkpoints.
      name_transform_fn: module variable's name -> name in the checkpoint; the
        same name if None. A partitioned variable is one entry.

    Raises:
      ValueError: no `checkpoint_path`, or one that lacks a variable of the
        graph with no tags or holds it in another shape; or there is no such
        graph.
      AlreadyExistsError: there is a module at `path`.
    """
    del _sentinel
    if frozenset() not in self._variants:
      raise errors.UserValueError(
        "No such graph variant: tags=[]. ModuleSpec.export() writes the "
        "variables of the graph with no tags, and the tag sets of "
        f"{self._source} are: {format_tag_sets(self.get_tags())}. Use "
        "Module.export()."
      )
    exporting.export_from_checkpoint(
      self.variants,
      self.variant(),
      path,
      checkpoint_path,
      name_transform_fn or (lambda name: name),
    )
    export_warnings.log_export_warnings(
      self,
      lambda: export_warnings.read_training_graph(checkpoint_path),
    )


def as_tag_set(tags) -> frozenset[str]:
  """Returns tags as a set.

  Raises:
    ValueError: a string, which is one too few, or no collection of strings.
  """
  if isinstance(tags, (str, bytes)):
    raise errors.UserValueError(
      f"tags must be a set or list of strings: got the string {tags!r}. Write "
      f"tags={{{tags!r}}}."
    )
  try:
    tag_set = frozenset(() if tags is None else tags)
  except TypeError:  # Not iterable, or of lists.
    tag_set = None
  if tag_set is None or not all(isinstance(tag, str) for tag in tag_set):
    raise errors.UserValueError(
      f"tags must be a set or list of strings: got {tags!r}."
    )
  return tag_set


def format_tag_sets(tag_sets) -> str:
  """Returns, say, "{}, {train}"."""
  return ", ".join(
    "{" + ", ".join(sorted(tags)) + "}"
    for tags in sorted(tag_sets, key=lambda tags: sorted(tags))
  )
