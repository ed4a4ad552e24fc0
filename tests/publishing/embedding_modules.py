"""What the tests of text modules share: three words, and how to embed."""

import numpy as np

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

CONTENT = "cat 1 2 3\ndog 4 5 6\ncaf\u00e9 0 0 1\n".encode()
CAT, DOG, CAFE = np.float32([[1, 2, 3], [4, 5, 6], [0, 0, 1]])


def embed(path, texts):
  """Embeds texts with the module in a folder."""
  with tf.Graph().as_default(), tf1.Session() as session:
    output = hub.Module(str(path))(np.array(texts, dtype=object))
    session.run([tf1.global_variables_initializer()])
    session.run(tf1.tables_initializer())
    return session.run(output)


def names(folder):
  """Returns the sorted names of what is in a folder."""
  return sorted(path.name for path in folder.iterdir())
