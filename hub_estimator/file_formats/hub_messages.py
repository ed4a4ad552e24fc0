"""The messages of the TF1 Hub format.

Field numbers are the format's and never change.
"""

from hub_estimator.file_formats.messages import (
  OPTIONAL,
  REPEATED,
  TYPES,
  build_messages,
)

MODULE_FORMAT_V3 = 3

_CLASSES = build_messages(
  "hub_format.proto",
  {
    "ModuleDef": (
      # The enum {UNKNOWN = 0; FORMAT_V3 = 3} is read and written as a number.
      ("format", 1, TYPES.TYPE_INT32, OPTIONAL),
      ("required_features", 2, TYPES.TYPE_STRING, REPEATED),
    ),
    "ModuleAttachment": (
      ("key", 1, TYPES.TYPE_STRING, OPTIONAL),
      ("value", 2, TYPES.TYPE_BYTES, OPTIONAL),
    ),
    "ImageModuleInfo": (
      (
        "default_image_size",
        1,
        TYPES.TYPE_MESSAGE,
        OPTIONAL,
        "ImageModuleInfo.InputSize",
      ),
    ),
    "ImageModuleInfo.InputSize": (
      ("height", 1, TYPES.TYPE_INT32, OPTIONAL),
      ("width", 2, TYPES.TYPE_INT32, OPTIONAL),
    ),
  },
)
ModuleDef = _CLASSES["ModuleDef"]
ModuleAttachment = _CLASSES["ModuleAttachment"]
ImageModuleInfo = _CLASSES["ImageModuleInfo"]
