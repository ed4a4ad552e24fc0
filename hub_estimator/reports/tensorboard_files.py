"""Summaries for TensorBoard that are written outside of any graph."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any, Optional

import numpy as np

from hub_estimator.reports import hparams_messages
from hub_estimator.reports.confusion_image import confusion_pixels
from hub_estimator.reports.png_files import encode_png
from hub_estimator.tf_compat import tf

CONFUSION_TAG = "confusion_matrix"

_V1 = tf.compat.v1
_RGB = 3


def write_confusion_matrix(
  folder: str, metrics: Mapping[str, Any], global_step: int
) -> None:
  """Writes a confusion matrix as a picture.

  It takes the place of what an earlier call wrote into the folder.

  Args:
    folder: where the summaries of the split's evaluations are.
    metrics: of `evaluation.compute_metrics`; without a confusion matrix,
      nothing is written.
    global_step: that of the checkpoint.
  """
  matrix = metrics.get("confusion_matrix")
  if not matrix:
    return
  pixels = confusion_pixels(np.array(matrix))
  image = _V1.Summary.Image(
    height=pixels.shape[0],
    width=pixels.shape[1],
    colorspace=_RGB,
    encoded_image_string=encode_png(pixels),
  )
  value = _V1.Summary.Value(tag=CONFUSION_TAG, image=image)
  with own_event_file(folder, "confusion_matrix") as writer:
    writer.add_summary(_V1.Summary(value=[value]), global_step)


def write_hparams(
  model_dir: str,
  hparams: Mapping[str, Any],
  group_name: Optional[str] = None,
  status: int = hparams_messages.SUCCESS,
  start_time: Optional[float] = None,
  end_time: Optional[float] = None,
) -> None:
  """Writes what TensorBoard's HParams page shows of a run.

  The page takes metrics from the scalars of the run and of its evaluations. It
  takes the place of what an earlier call wrote.

  Args:
    model_dir: the run's folder.
    hparams: name -> bool, number or text, such as Gin bindings; other values
      become text.
    group_name: runs of one group are repetitions of each other; if None, the
      run is alone.
    status: `SUCCESS`, `FAILURE` or `RUNNING` of `hparams_messages`.
    start_time: seconds since 1970; now if None.
    end_time: likewise.
  """
  now = time.time()
  if group_name is None:
    group_name = os.path.basename(os.path.abspath(model_dir))
  data = {
    hparams_messages.START_TAG: hparams_messages.session_start(
      hparams, group_name, now if start_time is None else start_time
    ),
    hparams_messages.END_TAG: hparams_messages.session_end(
      status, now if end_time is None else end_time
    ),
  }
  with own_event_file(model_dir, "hparams") as writer:
    for tag, content in data.items():
      writer.add_summary(_V1.Summary(value=[_plugin_value(tag, content)]), 0)


def _plugin_value(tag: str, content: bytes):
  metadata = _V1.SummaryMetadata()
  metadata.plugin_data.plugin_name = hparams_messages.PLUGIN_NAME
  metadata.plugin_data.content = content
  # A value has to hold something: TensorBoard's own summaries have this.
  return _V1.Summary.Value(
    tag=tag, metadata=metadata, tensor=tf.make_tensor_proto(0.0, shape=[])
  )


@contextlib.contextmanager
def own_event_file(folder: str, name: str) -> Iterator[Any]:
  """Gives the writer of an event file that replaces the last one of its name.

  Args:
    folder: is made if it does not exist.
    name: the end of the file's name.

  Yields:
    a `tf.compat.v1.summary.FileWriter`.
  """
  suffix = f".{name}"
  pattern = os.path.join(glob.escape(folder), f"*.tfevents.*{suffix}")
  earlier = glob.glob(pattern)
  # FileWriter refuses to work in eager mode.
  with tf.Graph().as_default():
    writer = _V1.summary.FileWriter(folder, filename_suffix=suffix)
    try:
      yield writer
    finally:
      writer.close()
  for path in set(earlier) & set(glob.glob(pattern)):
    # Made within the same second it has the same name, and is the new one.
    if len(glob.glob(pattern)) > 1:
      os.remove(path)
