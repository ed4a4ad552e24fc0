"""Input pipelines: one object gives the data, its specs and the receiver.

Importing this package does not import TensorFlow.
"""

from hub_estimator.inputs.image_folder_input import ImageFolderInput
from hub_estimator.inputs.numpy_input import NumpyInput
from hub_estimator.inputs.pipeline import InputPipeline
from hub_estimator.inputs.saved_input import SavedInput
from hub_estimator.inputs.text_file_input import TextFileInput
from hub_estimator.inputs.tfds_input import TFDSInput
from hub_estimator.inputs.tfrecord_input import TFRecordInput

__all__ = [
  "ImageFolderInput",
  "InputPipeline",
  "NumpyInput",
  "SavedInput",
  "TFDSInput",
  "TFRecordInput",
  "TextFileInput",
]
