"""What an Estimator wrote for TensorBoard."""

import pathlib

from hub_estimator.tf_compat import tf


def scalars(folder):
  """Returns {tag: [(step, value), …]} of the event files in a folder."""
  found = {}
  for path in sorted(pathlib.Path(folder).glob("events.out.tfevents.*")):
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        if value.HasField("simple_value"):
          found.setdefault(value.tag, []).append(
            (event.step, value.simple_value)
          )
  return found
