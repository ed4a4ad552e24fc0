"""Modules that ours and tensorflow_hub write and load, and what they give.

As a program, with the folders of our modules and of its own modules: writes its
own with tensorflow_hub, loads both, and prints what `describe` finds as JSON.
"""

import json
import sys

import hub_module_fns
import numpy as np

from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def regularized_with_attachments():
  hub_module_fns.regularized()
  hub_module_fns.hub.attach_message("node", tf1.NodeDef(name="n"))
  hub_module_fns.hub.attach_message("attr", tf1.AttrValue(i=7))


def _sparse():
  return tf.sparse.from_dense(np.float32([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]))


def _ragged():
  return tf.ragged.constant([[1.0], [2.0, 3.0], []])


_XY = {"x": [1.0, 2.0], "y": [3.0, 4.0]}

# name -> (module_fn of the vocabulary's path, tags_and_args,
#          variables to assign before the export,
#          applications: (tags, signature, inputs))
CASES = {
  "plain": (
    lambda vocabulary: hub_module_fns.scale,
    None,
    {"w": 5.0},
    [(None, None, [1.0, 2.0])],
  ),
  "ref_variable": (
    lambda vocabulary: hub_module_fns.scale_ref,
    None,
    {"w": 6.0},
    [(None, None, [1.0, 2.0])],
  ),
  "no_variables": (
    lambda vocabulary: hub_module_fns.double,
    None,
    {},
    [(None, None, [1.0, 2.0])],
  ),
  "batch_norm_with_tags": (
    lambda vocabulary: hub_module_fns.batch_norm,
    hub_module_fns.BATCH_NORM_TAGS,
    {"moving_mean": 2.0},
    [(None, None, [1.0, 2.0]), ({"train"}, None, [1.0, 2.0])],
  ),
  "table_with_asset": (
    hub_module_fns.table,
    None,
    {},
    [(None, None, ["b", "x", "a"])],
  ),
  "partitioned_rows": (
    lambda vocabulary: hub_module_fns.partitioned(0),
    None,
    {},
    [(None, None, [[1.0, 2.0]])],
  ),
  "signatures": (
    lambda vocabulary: hub_module_fns.multiple_signatures,
    None,
    {"w": 4.0},
    [
      (None, "sum", _XY),
      (None, "difference", _XY),
      (None, "w", None),
      (None, "sparse", _sparse),
      (None, "ragged", _ragged),
      (None, "integers", [3]),
    ],
  ),
  "regularized_with_attachments": (
    lambda vocabulary: regularized_with_attachments,
    None,
    {"a": 2.0},
    [(None, None, [1.0])],
  ),
  "v1_control_flow": (
    lambda vocabulary: hub_module_fns.nested_control_flow,
    None,
    {},
    [(None, None, 1.0)],
  ),
}


def write(hub, folder, vocabulary):
  """Writes all modules with one implementation of the API."""
  hub_module_fns.hub = hub
  for name, (build_module_fn, tags_and_args, values, _) in CASES.items():
    hub_module_fns.export(
      build_module_fn(vocabulary), f"{folder}/{name}", values, tags_and_args
    )


def describe(hub, folder):
  """Returns all that an implementation shows of the modules, as plain values.

  The order of names is not part of it.
  """
  return {
    name: [
      _describe_application(hub, f"{folder}/{name}", *application)
      for application in applications
    ]
    for name, (_, _, _, applications) in CASES.items()
  }


def _describe_application(hub, path, tags, signature, inputs):
  with tf.Graph().as_default() as graph:
    spec = hub.load_module_spec(path)
    with tf1.variable_scope("vs"):
      module = hub.Module(spec, trainable=True, tags=tags)
    if callable(inputs):
      inputs = inputs()
    outputs = module(inputs, signature=signature, as_dict=True)
    found = {
      "tags": sorted(sorted(t) for t in spec.get_tags()),
      "signatures": sorted(spec.get_signature_names(tags=tags)),
      "inputs": _infos(spec.get_input_info_dict(signature, tags=tags)),
      "outputs": _infos(module.get_output_info_dict(signature)),
      "attachments": [
        str(module.get_attached_message("node", tf1.NodeDef)),
        str(module.get_attached_message("attr", tf1.AttrValue)),
      ],
      "variable_map": {
        key: [v.name for v in value] if isinstance(value, list) else value.name
        for key, value in module.variable_map.items()
      },
      "collections": {
        name: sorted(v.name for v in graph.get_collection(name))
        for name in (
          "variables",
          "trainable_variables",
          "model_variables",
          "regularization_losses",
          "update_ops",
        )
      },
    }
    updates = graph.get_collection("update_ops")
    losses = graph.get_collection("regularization_losses")
    gradients = [
      tf1.gradients(
        [o for o in outputs.values() if isinstance(o, tf.Tensor)], v
      )
      for v in graph.get_collection("trainable_variables")
    ]
    gradients = [g for g in gradients if g[0] is not None]
    with tf1.Session() as session:
      hub_module_fns.initialize(session)
      found["values"] = _plain(
        session.run([outputs, losses, gradients, module.variables])
      )
      session.run(updates)
      found["updated"] = _plain(session.run(module.variables))
  return found


def _infos(infos):
  return {
    key: [
      info.dtype.name,
      str(info.get_shape()),
      info.is_sparse,
      info.is_composite,
      info.is_supported_type,
      str(info.type_spec),
    ]
    for key, info in infos.items()
  }


def _plain(value):
  if isinstance(value, dict):
    return {key: _plain(item) for key, item in sorted(value.items())}
  if isinstance(value, tf1.ragged.RaggedTensorValue):
    return value.to_list()
  if isinstance(value, (list, tuple)):
    return [_plain(item) for item in value]
  return np.asarray(value).tolist()


def main():
  import tensorflow_hub

  _, ours, theirs, vocabulary = sys.argv
  tf1.disable_control_flow_v2()
  write(tensorflow_hub, theirs, vocabulary)
  found = {
    "ours": describe(tensorflow_hub, ours),
    "theirs": describe(tensorflow_hub, theirs),
  }
  print("FOUND" + json.dumps(found))


if __name__ == "__main__":
  main()
