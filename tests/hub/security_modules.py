"""Writing modules that hold given nodes, for the tests of hub/security."""

import os

from hub_estimator.file_formats import hub_messages
from hub_estimator.tf_compat import graph_symbols, tf

tf1 = tf.compat.v1


def node(op, name="risky", inputs=(), **attrs):
  """Returns a NodeDef; attributes of bytes are strings, lists lists of them."""
  node_def = tf1.NodeDef(name=name, op=op, input=inputs)
  for key, value in attrs.items():
    if isinstance(value, list):
      node_def.attr[key].list.s.extend(value)
    elif isinstance(value, str):
      node_def.attr[key].func.name = value
    else:
      node_def.attr[key].s = value
  return node_def


def constant(name, text):
  """Returns the NodeDef of a scalar string."""
  with tf.Graph().as_default() as graph:
    tf.constant(text, name=name)
  return graph.as_graph_def().node[0]


def function(name, nodes, arguments=()):
  """Returns a FunctionDef."""
  graph_def = tf1.GraphDef()
  function_def = graph_def.library.function.add()
  function_def.signature.name = name
  for argument in arguments:
    function_def.signature.input_arg.add(name=argument, type=7)
  function_def.node_def.extend(nodes)
  return function_def


def meta_graph(nodes, functions=(), asset_nodes=(), tags=()):
  """Returns a MetaGraphDef.

  Args:
    nodes: its NodeDefs.
    functions: its FunctionDefs.
    asset_nodes: names of the nodes in ASSET_FILEPATHS.
    tags: its tags.
  """
  graph = tf1.MetaGraphDef()
  graph.meta_info_def.tags.extend(tags)
  graph.graph_def.node.extend(nodes)
  graph.graph_def.library.function.extend(functions)
  if asset_nodes:
    graph.collection_def["asset_filepaths"].node_list.value.extend(
      f"{name}:0" for name in asset_nodes
    )
  return graph


def write(path, *meta_graphs, is_module=True):
  """Writes a folder of a module, or of a SavedModel; returns its path."""
  path = str(path)
  os.makedirs(path)
  saved_model = graph_symbols.SavedModel(meta_graphs=meta_graphs)
  with open(os.path.join(path, "saved_model.pb"), "wb") as file:
    file.write(saved_model.SerializeToString())
  if is_module:
    module_def = hub_messages.ModuleDef(format=hub_messages.MODULE_FORMAT_V3)
    with open(os.path.join(path, "tfhub_module.pb"), "wb") as file:
      file.write(module_def.SerializeToString())
  return path


def rewrite(path, change):
  """Changes the first MetaGraphDef of a folder's `saved_model.pb` in place."""
  file_path = os.path.join(str(path), "saved_model.pb")
  with open(file_path, "rb") as file:
    saved_model = graph_symbols.SavedModel.FromString(file.read())
  change(saved_model.meta_graphs[0])
  with open(file_path, "wb") as file:
    file.write(saved_model.SerializeToString())
