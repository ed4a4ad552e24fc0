"""Damaging a module's files, and doing with it all that a program may do."""

import os

import hub_module_fns
import mutations
from google.protobuf import message as protobuf_message

from hub_estimator import errors, hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def good_spec():
  """Returns the spec of a module that is whole."""
  return hub.create_module_spec(hub_module_fns.scale)


def damage(rng, path) -> str:
  """Damages one file of a module, in place; returns what was done."""
  files = sorted(
    os.path.join(folder, name)
    for folder, _, names in os.walk(path)
    for name in names
  )
  graph_file = os.path.join(path, "saved_model.pb")
  file = rng.choice([graph_file, graph_file, *files])
  with open(file, "rb") as stream:
    content = stream.read()
  mutate = mutations.mutate_bytes
  if file == graph_file and rng.random() < 0.8:
    mutate = mutations.mutate_saved_model
  for _ in range(rng.choice((1, 1, 1, 2))):
    try:
      content = mutate(rng, content)
    except (ValueError, protobuf_message.DecodeError):
      break  # Text that no message may hold, or what is damaged already.
  if rng.random() < 0.02:
    os.unlink(file)
    return f"removed {file}"
  with open(file, "wb") as stream:
    stream.write(content)
  return f"{mutate.__name__} of {file}"


class GraphState:
  """What a graph consists of."""

  def __init__(self, graph):
    self.graph_def = graph.as_graph_def()
    self.collections = {
      key: list(graph.get_collection_ref(key))
      for key in graph.get_all_collection_keys()
      if graph.get_collection_ref(key)
    }

  def check_unchanged(self, graph) -> None:
    now = GraphState(graph)
    assert now.graph_def == self.graph_def
    assert now.collections.keys() == self.collections.keys()
    for key, items in self.collections.items():
      assert [id(i) for i in items] == [id(i) for i in now.collections[key]]


def _attempt(graph, step):
  """Returns a step's result, None if it fails as it may and changes nothing."""
  before = GraphState(graph)
  try:
    return step()
  except errors.UserError as error:
    check_message(error)
  before.check_unchanged(graph)
  return None


def check_message(error) -> None:
  """Checks that an error says something, in one line."""
  text = str(error)
  # The contract gives this one's text, which has two.
  lines = text.split("\nUse hub.create_module_spec(")[0].splitlines()
  assert len(lines) == 1, text
  assert len(text) > 20, text


def exercise(rng, path, good) -> list[str]:
  """Loads, describes, instantiates, calls and initializes a module.

  Args:
    rng: chooses how.
    path: its folder.
    good: a spec of another module, which must be as if there were no others.

  Returns:
    the steps that went well.
  """
  try:
    spec = hub.load_module_spec(path)
    _describe(spec)
  except errors.UserError as error:
    check_message(error)
    return []
  done = ["load"]
  for tags in spec.get_tags():
    for trainable in (False, True):
      with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="before")
        _use(rng, graph, spec, tags, trainable, good, done)
  return done


def _describe(spec) -> None:
  for tags in spec.get_tags():
    for name in spec.get_signature_names(tags):
      spec.get_input_info_dict(name, tags)
      spec.get_output_info_dict(name, tags)
    spec.get_attached_message("a", tf1.NodeDef, tags)


def _use(rng, graph, spec, tags, trainable, good, done) -> None:
  module = _attempt(
    graph, lambda: hub.Module(spec, trainable=trainable, tags=tags)
  )
  if module is None:
    # Its name is free, and nothing else has it.
    assert hub.Module(good).variables[0].name == "module/w:0"
    return
  done.append("instantiate")
  for name in module.get_signature_names():
    infos = module.get_input_info_dict(name)
    try:
      inputs = mutations.inputs_like(infos, rng.random() < 0.5)
    except (TypeError, ValueError, tf.errors.OpError):
      continue  # No such inputs can be made.
    if module_apply(graph, module, inputs, name) is not None:
      done.append("call")
    else:
      scope = f"module_apply_{name.replace(':', '_')}"
      assert graph.unique_name(scope, mark_as_used=False) == scope
  try:
    config = tf1.ConfigProto(operation_timeout_in_ms=20000)
    with tf1.Session(config=config) as session:
      hub_module_fns.initialize(session)
    done.append("initialize")
  except tf.errors.OpError as error:
    assert not isinstance(error, tf.errors.DeadlineExceededError)


def module_apply(graph, module, inputs, name):
  """Calls a module; None if that fails as it may and changes nothing."""
  return _attempt(graph, lambda: module(inputs, signature=name, as_dict=True))
