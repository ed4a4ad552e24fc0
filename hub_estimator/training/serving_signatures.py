"""What a model for serving receives, and what its signatures give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from hub_estimator import estimator
from hub_estimator.inputs import SavedInput
from hub_estimator.inputs.image_receivers import IMAGE_BYTES
from hub_estimator.inputs.label_encoding import CLASS, REGRESSION
from hub_estimator.tf_compat import tf
from hub_estimator.training.inference_session import InferenceSession
from hub_estimator.training.predictor import THRESHOLD

_V1 = tf.compat.v1
_SIGNATURES = _V1.saved_model.signature_constants
_EXAMPLES = "examples"

CLASSIFICATION, PREDICT = "classification", "predict"
DECODED_IMAGES = "decoded_images"
# As tensorflow-estimator's heads name it, and their exports.
_REGRESSION = "regression"


class ServingReceiver:
  """Several ways into one model.

  Each is a placeholder that is empty unless it is fed, and the features are all
  of them, one behind the other: so one graph serves raw features, image files
  and serialized tf.train.Examples, and whichever a signature feeds is all that
  the model sees.

  Attributes:
    raw: feature name -> placeholder.
    image_bytes: placeholder for image files, string [batch_size]; None if the
      features are no images.
    examples: placeholder for serialized Examples, string [batch_size]; None if
      the features are of no fixed shape.
  """

  def __init__(self, data: SavedInput):
    """Holds the data's description; the graph is built with `__call__`.

    Args:
      data: says what the features are.
    """
    # Raises for those whose features are not what is received.
    data.serving_input_receiver_fn()
    self._data = data
    self.raw: dict[str, tf.Tensor] = {}
    self.image_bytes: Optional[tf.Tensor] = None
    self.examples: Optional[tf.Tensor] = None

  def __call__(self) -> estimator.export.ServingInputReceiver:
    """Builds placeholders and features in the default graph."""
    specs = self._data.feature_spec()
    has_images = hasattr(self._data, "image_preprocessing")
    is_fixed = all(spec.shape[1:].is_fully_defined() for spec in specs.values())
    if not is_fixed:
      self.raw = {
        n: _V1.placeholder(s.dtype, s.shape) for n, s in specs.items()
      }
      features = dict(self.raw)
    else:
      self.raw = {name: _empty(spec) for name, spec in specs.items()}
      self.examples = _empty(tf.TensorSpec([None], tf.string))
      if has_images:
        features = self._with_images(specs)
      else:
        parsed = _parse(self.examples, specs)
        features = {
          name: tf.concat([raw, parsed[name]], axis=0)
          for name, raw in self.raw.items()
        }
    receivers = {**self.raw, _EXAMPLES: self.examples}
    if self.image_bytes is not None:
      receivers[IMAGE_BYTES] = self.image_bytes
    return estimator.export.ServingInputReceiver(
      features, {n: r for n, r in receivers.items() if r is not None}
    )

  def _with_images(self, specs) -> dict[str, tf.Tensor]:
    """Returns features of images: decoded ones, files, and in Examples."""
    ((name, spec),) = specs.items()
    content_spec = tf.TensorSpec([None], tf.string)
    self.image_bytes = _empty(content_spec)
    parsed = _parse(self.examples, {IMAGE_BYTES: content_spec})
    files = tf.map_fn(
      self._data.image_preprocessing.preprocess,
      tf.concat([self.image_bytes, parsed[IMAGE_BYTES]], axis=0),
      # Of no image at all the shape has to be known, too.
      fn_output_signature=tf.TensorSpec(spec.shape[1:], spec.dtype),
    )
    return {name: tf.concat([self.raw[name], files], axis=0)}


def build_signatures(
  model: InferenceSession, receiver: ServingReceiver
) -> dict[str, Any]:
  """Returns the signatures of a model, by TensorFlow Serving's conventions.

    serving_default  (predict) the raw features, or files under "image_bytes"
    decoded_images   (predict) of images: float arrays
    predict          (predict) as serving_default, with all that the head gives
    classification   (classify) serialized Examples to names and scores
    regression       (regress) serialized Examples to one number, where the head
                     has one

  Args:
    model: the model, whose graph is added to.
    receiver: what its features were made of.

  Returns:
    name -> SignatureDef.
  """
  with model.graph.as_default():
    names = None
    if model.class_names is not None:
      names = _all_names(model)
    outputs = _outputs(model, names)
    raw = dict(receiver.raw)
    inputs = raw
    if receiver.image_bytes is not None:
      inputs = {IMAGE_BYTES: receiver.image_bytes}
    found = {
      _SIGNATURES.DEFAULT_SERVING_SIGNATURE_DEF_KEY: _predict(inputs, outputs),
      PREDICT: _predict(inputs, _head_outputs(model)),
    }
    if receiver.image_bytes is not None:
      found[DECODED_IMAGES] = _predict(raw, outputs)
    if receiver.examples is None:
      return found
    if names is not None:
      found[CLASSIFICATION] = _V1.saved_model.classification_signature_def(
        receiver.examples, classes=names, scores=model.scores
      )
    value = _regression_value(model)
    if value is not None:
      found[_REGRESSION] = _V1.saved_model.regression_signature_def(
        receiver.examples, value
      )
    return found


def _all_names(model: InferenceSession) -> tf.Tensor:
  """Returns the names of all classes, in a row for each example."""
  names = tf.constant([model.class_names], tf.string, name="class_names")
  return tf.tile(names, [tf.shape(model.scores)[0], 1])


def _outputs(model: InferenceSession, names) -> dict[str, tf.Tensor]:
  if model.kind == REGRESSION:
    return {"predictions": model.scores}
  outputs = {"probabilities": model.scores, "all_class_names": names}
  if model.kind == CLASS:
    class_ids = tf.argmax(model.scores, axis=1, output_type=tf.int64)
    outputs["class_ids"] = class_ids
    outputs["class_names"] = tf.gather(
      tf.constant(model.class_names, tf.string), class_ids
    )
  else:
    outputs["labels"] = tf.cast(model.scores > THRESHOLD, tf.int64)
  return outputs


def _head_outputs(model: InferenceSession) -> dict[str, tf.Tensor]:
  predictions = model.spec.predictions
  return {n: v for n, v in predictions.items() if isinstance(v, tf.Tensor)}


def _regression_value(model: InferenceSession) -> Optional[tf.Tensor]:
  """Returns the head's regression output, if it is one number each."""
  for output in (model.spec.export_outputs or {}).values():
    if isinstance(output, estimator.export.RegressionOutput):
      value = output.value
      if value.shape.rank == 1 or value.shape[-1] == 1:
        return value
  return None


def _predict(inputs: Mapping[str, tf.Tensor], outputs) -> Any:
  return _V1.saved_model.predict_signature_def(dict(inputs), dict(outputs))


def _empty(spec: tf.TensorSpec) -> tf.Tensor:
  """Returns a placeholder that holds no example unless it is fed."""
  sizes = spec.shape[1:].as_list()
  if spec.dtype == tf.string:
    default = tf.constant([], tf.string, shape=[0, *sizes])
  else:
    default = tf.zeros([0, *sizes], spec.dtype)
  return _V1.placeholder_with_default(default, [None, *sizes])


def _parse(
  examples: tf.Tensor, specs: Mapping[str, tf.TensorSpec]
) -> dict[str, tf.Tensor]:
  """Returns the features of Examples, which know three dtypes."""
  stored = {}
  for name, spec in specs.items():
    dtype = tf.int64 if spec.dtype.is_integer else tf.float32
    if spec.dtype == tf.bool:
      dtype = tf.int64
    if spec.dtype == tf.string:
      dtype = tf.string
    stored[name] = tf.io.FixedLenFeature(spec.shape[1:].as_list(), dtype)
  parsed = tf.io.parse_example(examples, stored)
  return {
    name: value
    if value.dtype == specs[name].dtype
    else tf.cast(value, specs[name].dtype)
    for name, value in parsed.items()
  }
