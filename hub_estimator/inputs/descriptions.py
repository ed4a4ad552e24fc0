"""What is saved of an input pipeline, so that a run is used without its data.

A description is a dict that JSON can hold:

    input                   the name of the pipeline's class
    feature_spec            feature name -> [dtype, shape], batch dimension None
    label_spec              [dtype, shape], likewise
    label_kind              "class", "multi_label" or "regression"
    num_classes             None for regression
    class_names             in the order of the labels; None if they have none
    num_targets             of regression; None otherwise
    num_train_examples
    class_counts            training examples of each class; None if not counted
    splits                  their names
    num_split_examples      split -> number of examples; None if not known
    largest_label           of all splits, of labels that are classes, or None
    batch_size
    weight_key              see `InputPipeline`
    augmentations           bindings in force, see `InputPipeline`
    vocabularies            name -> entries
    skipped_examples        reason -> number
    image                   of images: `ImagePreprocessing`, feature_name and
                            mixup_alpha; None otherwise
    own_receiver            whether the class defines its serving receiver
    reader                  what `prediction.create_example_reader` goes by;
                            None if there is no reader for such a pipeline
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hub_estimator import errors
from hub_estimator.inputs.label_encoding import CLASS, MULTI_LABEL, REGRESSION

if TYPE_CHECKING:
  from hub_estimator.inputs.pipeline import InputPipeline
  from hub_estimator.tf_compat import tf

_REQUIRED = (
  "input",
  "feature_spec",
  "label_spec",
  "label_kind",
  "num_classes",
  "class_names",
  "num_train_examples",
  "splits",
  "batch_size",
)


def describe(
  pipeline: InputPipeline, details: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns the description of a pipeline.

  Args:
    pipeline: the pipeline.
    details: what its class knows of "largest_label", "image", "own_receiver"
      and "reader".
  """
  label_spec = pipeline.label_spec()
  kind = _label_kind(pipeline, label_spec)
  num_examples = {
    split: _or_none(lambda split=split: pipeline.num_split_examples(split))
    for split in pipeline.splits
  }
  names = pipeline.class_names
  description = {
    "input": type(pipeline).__name__,
    "feature_spec": {
      name: _as_entry(spec) for name, spec in pipeline.feature_spec().items()
    },
    "label_spec": _as_entry(label_spec),
    "label_kind": kind,
    "num_classes": pipeline.num_classes,
    "class_names": None if names is None else [str(name) for name in names],
    "num_targets": label_spec.shape[-1] if kind == REGRESSION else None,
    "num_train_examples": pipeline.num_examples("train"),
    "class_counts": None
    if kind == REGRESSION
    else _or_none(pipeline.class_counts),
    "splits": list(pipeline.splits),
    "num_split_examples": num_examples,
    "batch_size": pipeline.batch_size,
    "weight_key": pipeline.weight_key,
    "augmentations": list(pipeline.augmentations),
    "vocabularies": pipeline.vocabularies(),
    "skipped_examples": pipeline.skipped_examples(),
    "largest_label": None,
    "image": None,
    "reader": None,
    **details,
  }
  # As it comes back from the file: lists, and Python's own numbers.
  return json.loads(json.dumps(description, default=_as_plain))


def check_description(description: Any) -> None:
  """Raises UserValueError unless something is a description of a pipeline."""
  missing = (
    list(_REQUIRED)
    if not isinstance(description, Mapping)
    else [name for name in _REQUIRED if name not in description]
  )
  if missing:
    raise errors.UserValueError(
      "The description of an input pipeline (a run's input.json) lacks "
      f"{', '.join(map(repr, missing))}: it is what InputPipeline.description "
      "returns. Was it changed by hand, or written by another version?"
    )


def read_spec(entry: Any, name: str) -> tf.TensorSpec:
  """Returns the spec of [dtype, shape]."""
  from hub_estimator.tf_compat import tf

  dtype, shape = entry
  return tf.TensorSpec(shape, dtype, name=name)


def _as_entry(spec: tf.TensorSpec) -> list[Any]:
  shape = None if spec.shape.rank is None else spec.shape.as_list()
  return [spec.dtype.name, shape]


def _label_kind(pipeline: InputPipeline, label_spec: tf.TensorSpec) -> str:
  if pipeline.num_classes is None:
    return REGRESSION
  return CLASS if label_spec.shape[-1] == 1 else MULTI_LABEL


def _or_none(call) -> Any:
  """Returns what a call gives; None if the pipeline does not know."""
  try:
    return call()
  except (errors.UserRuntimeError, errors.UserValueError):
    return None


def _as_plain(value: Any) -> Any:
  """Returns a number or array of NumPy as Python's own."""
  if hasattr(value, "tolist"):
    return value.tolist()
  raise TypeError(
    f"The description of a pipeline is to be saved as JSON; got {value!r}."
  )
