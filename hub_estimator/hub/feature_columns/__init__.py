"""Feature columns that embed texts and images by a module.

Each is a column of both generations: it goes into
`tf.compat.v1.feature_column.input_layer` and `linear_model`, into Keras's
DenseFeatures, and into the canned estimators of both generations.
"""

from hub_estimator.hub.feature_columns.image import image_embedding_column
from hub_estimator.hub.feature_columns.sparse_text import (
  sparse_text_embedding_column,
)
from hub_estimator.hub.feature_columns.text import text_embedding_column

__all__ = [
  "image_embedding_column",
  "sparse_text_embedding_column",
  "text_embedding_column",
]
