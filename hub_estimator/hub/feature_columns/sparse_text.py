"""sparse_text_embedding_column: several texts an example, combined."""

from __future__ import annotations

import collections
from typing import Any, Optional, Union

from hub_estimator import errors
from hub_estimator.hub.feature_columns.module_column import (
  ModuleColumn,
  as_handle,
)
from hub_estimator.hub.feature_columns.text import check_text_embedding
from hub_estimator.hub.module_spec import ModuleSpec
from hub_estimator.tf_compat import tf

_COMBINERS = ("mean", "sqrtn", "sum")


def sparse_text_embedding_column(
  key: Any,
  module_spec: Union[str, ModuleSpec],
  combiner: str,
  default_value: Optional[str],
  trainable: bool = False,
) -> SparseTextEmbeddingColumn:
  """Creates a feature column that embeds several texts an example.

  Each distinct text of a batch is embedded once, by one module however often
  the column is used; the embeddings of an example's n texts are combined:
  their sum, their sum / n ("mean") or their sum / √n ("sqrtn").

  Collections, and getting the tuned module out: as for `text_embedding_column`.

  Args:
    key: the name of a feature: a SparseTensor of string with one row an
      example, or a Tensor, whose empty texts do not count; or a column that
      gives such a tensor.
    module_spec: a ModuleSpec, or a handle for `load_module_spec`. Its signature
      "default" takes one input, [batch_size] string, and gives [batch_size,
      dim] float32.
    combiner: "mean", "sqrtn" or "sum".
    default_value: the text of an example that has none; None for an embedding
      of zeros.
    trainable: whether the module is to be trained.

  Returns:
    a column of [batch_size, dim] float32, for dense columns of both
    generations.

  Raises:
    ValueError: an unknown combiner, or the module is not a text embedding.
    KeyError: the module has no graph with no tags.
    OSError, NotFoundError: there is no module at the handle.
    TypeError: `key` is neither a string nor a column, or `default_value`
      neither a string nor None.
  """
  return SparseTextEmbeddingColumn(
    key, as_handle(module_spec), combiner, default_value, trainable
  ).checked()


class SparseTextEmbeddingColumn(
  ModuleColumn,
  collections.namedtuple(
    "SparseTextEmbeddingColumn",
    ("key", "module_spec_path", "combiner", "default_value", "trainable"),
  ),
):
  """What `sparse_text_embedding_column` returns."""

  function_name = "sparse_text_embedding_column"
  feature_spec = tf.io.VarLenFeature(tf.string)

  def check_spec(self, spec: ModuleSpec) -> None:
    """Raises ValueError unless the module embeds texts."""
    check_text_embedding(spec)

  def checked(self) -> SparseTextEmbeddingColumn:
    """Returns the column, with its module loaded and its fields checked."""
    if self.combiner not in _COMBINERS:
      raise errors.UserValueError(
        "combiner of hub.sparse_text_embedding_column() must be 'mean', "
        f"'sqrtn' or 'sum': {self.combiner!r}."
      )
    if not isinstance(self.default_value, (str, bytes, type(None))):
      raise errors.UserTypeError(
        "default_value of hub.sparse_text_embedding_column() must be a string, "
        f"or None for zeros: got {self.default_value!r}."
      )
    return super().checked()

  def prepare(self, feature: Any) -> tf.SparseTensor:
    """Returns the feature with the default text in its empty rows."""
    texts = feature
    if isinstance(texts, tf.Tensor) and texts.dtype == tf.string:
      texts = tf.sparse.from_dense(texts)
    if not isinstance(texts, tf.SparseTensor) or texts.dtype != tf.string:
      kind = getattr(feature, "dtype", type(feature)).name
      raise errors.UserValueError(
        f"Feature {self.key_name!r} of hub.{self.function_name}() must be a "
        f"SparseTensor of string: got {type(feature).__name__} of {kind}."
      )
    if self.default_value is None:
      return texts
    filled, _ = tf.sparse.fill_empty_rows(texts, self.default_value)
    return filled

  def embed(self, module, prepared: tf.SparseTensor) -> tf.Tensor:
    """Returns the combined embeddings of each row."""
    texts, positions = tf.unique(prepared.values)
    embeddings = tf.gather(module(texts), positions)
    rows = prepared.indices[:, 0]
    # Not embedding_lookup_sparse: that has no row for trailing examples that
    # are empty.
    num_rows = prepared.dense_shape[0]
    sums = tf.math.unsorted_segment_sum(embeddings, rows, num_rows)
    sums.set_shape([prepared.shape[0], self.variable_shape[0]])
    if self.combiner == "sum":
      return sums
    ones = tf.ones_like(rows, dtype=sums.dtype)
    counts = tf.math.unsorted_segment_sum(ones, rows, num_rows)
    divisors = tf.maximum(counts, 1.0)[:, tf.newaxis]
    return sums / (
      divisors if self.combiner == "mean" else tf.math.sqrt(divisors)
    )
