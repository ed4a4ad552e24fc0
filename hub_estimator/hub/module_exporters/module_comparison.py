"""Comparing an exported module with the model that it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from hub_estimator import errors
from hub_estimator.file_formats import damage
from hub_estimator.hub import calls, module_folder, variable_files
from hub_estimator.hub.module import Module
from hub_estimator.hub.module_exporters.saver_names import SaverNames
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

# Multiples of the dtype's precision (2**-23 for float32) by which a number may
# differ: 1e-5 of itself, and 1e-6 of the tensor's largest one.
_RELATIVE, _OF_LARGEST = 84, 8.4


class FailedComparisonError(errors.UserRuntimeError):
  """An exported module that does not do what the model does."""


class ComparedCall(NamedTuple):
  """Values of a call of a module in the model's graph.

  Attributes:
    signature: the signature's name.
    inputs: name -> values of the tensors that it consists of.
    outputs: name -> likewise; None if they differ from run to run.
  """

  signature: str
  inputs: dict[str, list[np.ndarray]]
  outputs: dict[str, Optional[list[np.ndarray]]]


def run_model(
  graph: tf.Graph,
  receiver_tensors: Mapping[str, Any],
  batch: Mapping[str, Any],
  modules: Iterable[Module],
  checkpoint_path: str,
  saver_names: SaverNames,
) -> dict[Module, list[ComparedCall]]:
  """Runs the modules of a model on a batch.

  Of the checkpoint, those variables are restored that the modules' outputs
  need: not the rest of the model, and no slots of an optimizer.

  Args:
    graph: the model's graph, to which ops are added.
    receiver_tensors: name -> what a batch is fed to.
    batch: name -> its value.
    modules: the modules.
    checkpoint_path: the checkpoint's prefix.
    saver_names: where it has the variables.

  Returns:
    module -> its calls, without those that take or give something else than
    values.

  Raises:
    UserError: the batch does not fit.
  """
  _check_names(receiver_tensors, batch)
  fetches = {}
  for module in modules:
    fetches[module] = [
      {"inputs": call.inputs, "outputs": _flattened(call.outputs)}
      for call in calls.calls_of(module)
      if _has_values_only(call)
    ]
  tensors = tf.nest.flatten([found for found in fetches.values()])
  if not tensors:
    return {module: [] for module in fetches}
  with graph.as_default():
    restore = _restore_op(graph, tensors, checkpoint_path, saver_names)
    initializers = [
      tf1.local_variables_initializer(),
      tf1.tables_initializer(),
    ]
  with tf1.Session(graph=graph, config=_plain_config()) as session:
    session.run(restore)
    session.run(initializers)
    feeds = {receiver_tensors[name]: value for name, value in batch.items()}
    try:
      first = session.run(fetches, feeds)
      second = session.run(fetches, feeds)
    except (tf.errors.OpError, ValueError, TypeError) as error:
      raise errors.UserValueError(
        "The model cannot be run on the batch of `verification_batch_fn`, "
        f"which is fed to {sorted(receiver_tensors)}: "
        f"{damage.first_line(error)}. Give a batch that it can take, or "
        "verification_batch_fn=None."
      ) from error
  result = {}
  for module, found in first.items():
    signatures = [
      call.signature
      for call in calls.calls_of(module)
      if _has_values_only(call)
    ]
    result[module] = [
      ComparedCall(
        signature,
        values["inputs"],
        {
          name: value if _are_same(value, again["outputs"][name]) else None
          for name, value in values["outputs"].items()
        },
      )
      for signature, values, again in zip(signatures, found, second[module])
    ]
  return result


def compare_outputs(
  path: str, tags: Iterable[str], compared: Iterable[ComparedCall], what: str
) -> None:
  """Loads a module in a graph of its own and compares its outputs.

  Args:
    path: the module's folder.
    tags: the tags of the graph to load.
    compared: calls of it in the model's graph.
    what: of which export and step it is, for messages.

  Raises:
    FailedComparisonError: an output differs.
  """
  with tf.Graph().as_default() as graph:
    module = Module(path, tags=tags)
    fetches, feeds, expected = [], {}, []
    for call in compared:
      infos = module.get_input_info_dict(call.signature)
      inputs = {}
      for name, values in call.inputs.items():
        placeholders = [tf1.placeholder(value.dtype) for value in values]
        for tensor, value in zip(placeholders, values):
          tensor.set_shape(value.shape)
          feeds[tensor] = value
        by_name = dict(zip(infos[name].tensor_names, placeholders))
        inputs[name] = infos[name].build(by_name.__getitem__)
      outputs = module(inputs, signature=call.signature, as_dict=True)
      fetches.append(_flattened(outputs))
      expected.append(call)
    initializers = [
      tf1.global_variables_initializer(),
      tf1.tables_initializer(),
    ]
    with tf1.Session(graph=graph, config=_plain_config()) as session:
      session.run(initializers)
      found = session.run(fetches, feeds)
  problems = [
    f"output {name!r} of signature {call.signature!r}: {problem}"
    for call, outputs in zip(expected, found)
    for name, values in call.outputs.items()
    if values is not None
    for problem in _differences(values, outputs[name])
  ]
  _refuse(problems, what)


def compare_variables(
  path: str, names: Mapping[str, str], checkpoint_path: str, what: str
) -> None:
  """Compares the values of an exported module with those of a checkpoint.

  For modules that the model does not call; one value after the other.

  Args:
    path: the module's folder.
    names: name in the module -> name in the checkpoint.
    checkpoint_path: the checkpoint's prefix.
    what: of which export and step it is, for messages.

  Raises:
    FailedComparisonError: a value differs.
  """
  if not names:
    return
  source = variable_files.open_checkpoint(checkpoint_path)
  prefix = module_folder.variables_prefix(path)
  written = variable_files.open_checkpoint(prefix)
  problems = []
  for name, source_name in sorted(names.items()):
    with damage.reading(f"{checkpoint_path} (tensor {source_name})"):
      expected = np.asarray(source.get_tensor(source_name))
    with damage.reading(f"{prefix} (tensor {name})"):
      found = np.asarray(written.get_tensor(name))
    if not _are_same([expected], [found]):
      problems.append(f"variable {name!r}: its values differ")
  _refuse(problems, what)


def _refuse(problems: list[str], what: str) -> None:
  if problems:
    raise FailedComparisonError(
      f"{what} was refused, and removed: loaded again, it does not give what "
      f"the model gives. {'; '.join(problems)}. verification_batch_fn=None "
      "exports without this comparison."
    )


def _check_names(receiver_tensors, batch) -> None:
  unknown = sorted(set(batch) - set(receiver_tensors))
  needed = {
    name
    for name, tensor in receiver_tensors.items()
    if any(
      part.op.type == "Placeholder"
      for part in tf.nest.flatten(tensor, expand_composites=True)
    )
  }
  missing = sorted(needed - set(batch))
  if unknown or missing:
    raise errors.UserValueError(
      f"`verification_batch_fn` returns {sorted(batch)}: missing {missing}, "
      f"unknown {unknown}. The serving input's receiver tensors are: "
      f"{sorted(receiver_tensors)}."
    )


def _flattened(outputs) -> dict[str, list]:
  return {
    name: tf.nest.flatten(value, expand_composites=True)
    for name, value in outputs.items()
  }


def _has_values_only(call) -> bool:
  tensors = tf.nest.flatten([call.inputs, _flattened(call.outputs)])
  return not any(t.dtype in (tf.resource, tf.variant) for t in tensors)


def _plain_config():
  """Returns a config that has both graphs run the same kernels."""
  config = tf1.ConfigProto()
  config.graph_options.rewrite_options.disable_meta_optimizer = True
  return config


def _restore_op(graph, tensors, checkpoint_path, saver_names):
  """Returns an op that restores what some tensors need."""
  needed = _ancestors(tensors)
  variables = [
    variable
    for variable in graph.get_collection(tf1.GraphKeys.GLOBAL_VARIABLES)
    if variable.op in needed
  ]
  if not variables:
    return tf.no_op()
  specs = [variable._get_save_slice_info() for variable in variables]
  with tf.device("/cpu:0"):
    values = tf.raw_ops.RestoreV2(
      prefix=checkpoint_path,
      tensor_names=[saver_names.name_of(v) for v in variables],
      shape_and_slices=[spec.spec if spec else "" for spec in specs],
      dtypes=[variable.dtype.base_dtype for variable in variables],
    )
  return tf.group(
    [
      variable.assign(tf.ensure_shape(value, variable.shape)).op
      for variable, value in zip(variables, values)
    ]
  )


def _ancestors(tensors) -> set[tf.Operation]:
  waiting = [tensor.op for tensor in tensors]
  found = set(waiting)
  while waiting:
    op = waiting.pop()
    for above in (*(t.op for t in op.inputs), *op.control_inputs):
      if above not in found:
        found.add(above)
        waiting.append(above)
  return found


def _are_same(values, others) -> bool:
  return all(
    np.array_equal(value, other, equal_nan=_is_float(value))
    for value, other in zip(map(_numbers, values), map(_numbers, others))
  )


def _numbers(value) -> np.ndarray:
  array = np.asarray(value)
  # A float of TensorFlow's own, such as bfloat16.
  return array.astype(np.float32) if array.dtype.kind == "V" else array


def _is_float(value) -> bool:
  return np.asarray(value).dtype.kind in "fc"


def _differences(expected, found) -> Iterable[str]:
  """Yields what differs in the tensors that an output consists of."""
  for value, other in zip(expected, found):
    if np.shape(value) != np.shape(other):
      yield f"shape {list(np.shape(other))} instead of {list(np.shape(value))}"
      continue
    precision = _precision(value)
    value, other = _numbers(value), _numbers(other)
    if not _is_float(value):
      if not np.array_equal(value, other):
        yield f"{int(np.sum(value != other))} of {value.size} values differ"
      continue
    both = np.stack([value, other])
    if not np.array_equal(*np.isnan(both)) or not np.array_equal(
      *np.where(np.isinf(both), both, 0)
    ):
      yield "other values are NaN or infinite"
      continue
    finite = np.isfinite(value)
    value, other = value[finite], other[finite]
    if not value.size:
      continue
    difference = np.abs(value - other)
    allowed = precision * (
      _RELATIVE * np.abs(value) + _OF_LARGEST * np.abs(value).max()
    )
    if (difference > allowed).any():
      yield (
        f"largest difference {difference.max():.3g}, of values up to "
        f"{np.abs(value).max():.3g}"
      )


def _precision(value) -> float:
  dtype = np.asarray(value).dtype
  if dtype.kind == "V" or dtype.name == "bfloat16":
    return 2.0**-8
  return float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0
