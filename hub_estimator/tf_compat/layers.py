"""The TF1 layers (conv2d, batch_normalization, …) on every TensorFlow.

`tf.compat.v1.layers` is gone where `tf.keras` is Keras 3; tf_keras carries the
same functions. They keep their variables in the graph's collections, which is
what a module's graph needs.
"""

import warnings

from tf_keras.api._v1.keras.__internal__.legacy import layers as _layers

# Each call warns that the function is deprecated, which is known here.
warnings.filterwarnings(
  "ignore", message=r"`tf\.layers\.\w+` is deprecated", category=UserWarning
)

average_pooling2d = _layers.average_pooling2d
batch_normalization = _layers.batch_normalization
conv2d = _layers.conv2d
dense = _layers.dense
dropout = _layers.dropout
max_pooling2d = _layers.max_pooling2d
