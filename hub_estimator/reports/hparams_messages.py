"""Messages of TensorBoard's HParams plugin, without TensorBoard installed.

TensorFlow 2.21 does not bring TensorBoard with it. The fields are those of
`tensorboard/plugins/hparams/plugin_data.proto`, which are part of event files
and so stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

from hub_estimator.file_formats.messages import (
  OPTIONAL,
  REPEATED,
  TYPES,
  build_messages,
)

PLUGIN_NAME = "hparams"
START_TAG = "_hparams_/session_start_info"
END_TAG = "_hparams_/session_end_info"
# Of the plugin's enum `Status`.
SUCCESS, FAILURE, RUNNING = 1, 2, 3

_MESSAGES = build_messages(
  "hparams.proto",
  {
    # A map's entries, on the wire. The values are google.protobuf.Value, which
    # tells 0 and "" from nothing: they are put in as bytes.
    "HParam": [
      ("key", 1, TYPES.TYPE_STRING, OPTIONAL),
      ("value", 2, TYPES.TYPE_BYTES, OPTIONAL),
    ],
    "SessionStart": [
      ("hparams", 1, TYPES.TYPE_MESSAGE, REPEATED, "HParam"),
      ("group_name", 4, TYPES.TYPE_STRING, OPTIONAL),
      ("start_time_secs", 5, TYPES.TYPE_DOUBLE, OPTIONAL),
    ],
    "SessionEnd": [
      ("status", 1, TYPES.TYPE_INT32, OPTIONAL),
      ("end_time_secs", 2, TYPES.TYPE_DOUBLE, OPTIONAL),
    ],
    "PluginData": [
      ("version", 1, TYPES.TYPE_INT32, OPTIONAL),
      ("session_start_info", 3, TYPES.TYPE_MESSAGE, OPTIONAL, "SessionStart"),
      ("session_end_info", 4, TYPES.TYPE_MESSAGE, OPTIONAL, "SessionEnd"),
    ],
  },
)


def session_start(
  hparams: Mapping[str, Any], group_name: str, seconds: float
) -> bytes:
  """Returns the plugin's data of a run that starts.

  Args:
    hparams: name -> bool, number or text; other values become text.
    group_name: runs of one group are repetitions of each other.
    seconds: when it started, since 1970.
  """
  start = _MESSAGES["SessionStart"](
    group_name=group_name, start_time_secs=seconds
  )
  for name, value in sorted(hparams.items()):
    start.hparams.add(key=name, value=_value(value).SerializeToString())
  return _MESSAGES["PluginData"](session_start_info=start).SerializeToString()


def session_end(status: int, seconds: float) -> bytes:
  """Returns the plugin's data of a run that has ended.

  Args:
    status: `SUCCESS`, `FAILURE` or `RUNNING`.
    seconds: when it ended, since 1970.
  """
  end = _MESSAGES["SessionEnd"](status=status, end_time_secs=seconds)
  return _MESSAGES["PluginData"](session_end_info=end).SerializeToString()


def _value(value: Any) -> struct_pb2.Value:
  if hasattr(value, "item"):
    value = value.item()
  if isinstance(value, bool):
    return struct_pb2.Value(bool_value=value)
  if isinstance(value, (int, float)):
    return struct_pb2.Value(number_value=value)
  return struct_pb2.Value(string_value=str(value))
