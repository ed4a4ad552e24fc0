"""text_embedding_column: one text an example."""

from __future__ import annotations

import collections
from typing import Any, Union

from hub_estimator import errors
from hub_estimator.hub.common_signature_kinds import (
  TEXT_EMBEDDING,
  common_signature_problems,
)
from hub_estimator.hub.feature_columns.module_column import (
  ModuleColumn,
  as_handle,
  check_dense_feature,
)
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.tf_compat import tf


def text_embedding_column(
  key: Any, module_spec: Union[str, ModuleSpec], trainable: bool = False
) -> TextEmbeddingColumn:
  """Creates a feature column that embeds one text an example by a module.

      comment = hub.text_embedding_column("comment", "/path/of/a/module")
      features = {"comment": np.array(["wow, much amazing", "so easy"])}
      estimator.DNNClassifier(hidden_units, feature_columns=[comment])

  A model that trains it gets the tuned module out by passing a
  `hub.LatestModuleExporter` to its EvalSpec: the module is registered for
  export under the feature's name, with "_" for what no folder's name can have
  and a number where the name is taken. Canned linear models train with FTRL by
  default, which starts every weight from zero and so forgets what the module
  knows: give them another optimizer.

  Collections: instantiating a layer or model with the column adds what a new
  `hub.Module` adds, to TRAINABLE_VARIABLES and REGULARIZATION_LOSSES only if
  both the column and the layer are trainable. Canned estimators leave
  REGULARIZATION_LOSSES out of their loss.

  Args:
    key: the name of a feature, [batch_size] or [batch_size, 1] string; or a
      column that gives such a tensor.
    module_spec: a ModuleSpec, or a handle for `load_module_spec`. Its signature
      "default" takes one input, [batch_size] string, and gives [batch_size,
      dim] float32.
    trainable: whether the module is to be trained.

  Returns:
    a column of [batch_size, dim] float32, for dense columns of both
    generations.

  Raises:
    ValueError: the module is not such a text embedding.
    KeyError: the module has no graph with no tags.
    OSError, NotFoundError: there is no module at the handle.
    TypeError: `key` is neither a string nor a column.
  """
  return TextEmbeddingColumn(key, as_handle(module_spec), trainable).checked()


class TextEmbeddingColumn(
  ModuleColumn,
  collections.namedtuple(
    "TextEmbeddingColumn", ("key", "module_spec_path", "trainable")
  ),
):
  """What `text_embedding_column` returns."""

  function_name = "text_embedding_column"
  feature_spec = tf.io.FixedLenFeature([1], tf.string)

  def check_spec(self, spec: ModuleSpec) -> None:
    """Raises ValueError unless the module embeds texts."""
    check_text_embedding(spec)

  def prepare(self, feature: Any) -> tf.Tensor:
    """Returns the feature as [batch_size] string."""
    texts = check_dense_feature(self, feature, tf.string)
    if texts.shape[1:].num_elements() not in (1, None):
      raise errors.UserValueError(
        f"Feature {self.key_name!r} has shape {texts.shape}: hub."
        f"{self.function_name}() takes one text an example. Use "
        "hub.sparse_text_embedding_column() for several."
      )
    return tf.reshape(texts, [-1])


def check_text_embedding(spec: ModuleSpec) -> None:
  """Raises ValueError unless a module embeds texts."""
  problems = common_signature_problems(
    spec.get_input_info_dict(), spec.get_output_info_dict(), TEXT_EMBEDDING
  )
  if problems:
    raise errors.UserValueError(
      f"Module is not a text-embedding: in signature 'default' of "
      f"{spec.source} {'; '.join(problems)}."
    )
