"""check_module_spec: regularization by a proximal optimizer."""

import checked_module_fns as fns
import pytest

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1
train = tf1.train

PROXIMAL = "proximal_regularization"


def module_fn(use_resource=True, regularizer=None):
  """y = table[ids] w, of 6 rows and [4, 5]."""
  words = tf1.placeholder(tf.string, [None], name="words")
  with tf1.variable_scope("net", use_resource=use_resource):
    table = tf1.get_variable("table", [6, 4])
    w = tf1.get_variable("w", [4, 5], regularizer=fns.l2)
    b = tf1.get_variable("b", [5], regularizer=regularizer)
  ids = tf.strings.to_hash_bucket_fast(words, 6)
  y = tf.matmul(tf.nn.embedding_lookup(table, ids), w) + b
  hub.add_text_embedding_signature(words, y)


def training_graph(spec, create_optimizer, scope="", head=False):
  """A graph in which a module is trained, and nothing else of that name."""
  with tf.Graph().as_default() as graph:
    with tf1.variable_scope(scope):
      module = hub.Module(spec, trainable=True, name="encoder")
    y = module(["a", "b"])
    loss = tf.reduce_sum(y * y)
    variables = module.variables
    if head:
      with tf1.variable_scope("head/net"):
        other = [
          tf1.get_variable("b", [5], use_resource=True),
          tf1.get_variable("w", [4, 5], use_resource=True),
        ]
      loss += tf.add_n([tf.reduce_sum(v * v) for v in other])
      variables = other
    create_optimizer().minimize(loss, var_list=variables)
  return graph


def proximal(optimizer, **arguments):
  """Returns what creates an optimizer of given strengths."""
  return lambda l1=0.0, l2=0.0: optimizer(
    0.1,
    l1_regularization_strength=l1,
    l2_regularization_strength=l2,
    **arguments,
  )


def adagrad_da(**strengths):
  step = tf1.train.get_or_create_global_step()
  return proximal(train.AdagradDAOptimizer, global_step=step)(**strengths)


OPTIMIZERS = {
  "ftrl": (proximal(train.FtrlOptimizer), "ApplyFtrl"),
  "ftrl_v2": (
    proximal(train.FtrlOptimizer, l2_shrinkage_regularization_strength=1e-9),
    "ApplyFtrlV2",
  ),
  "adagrad": (
    proximal(train.ProximalAdagradOptimizer),
    "ApplyProximalAdagrad",
  ),
  "gradient_descent": (
    proximal(train.ProximalGradientDescentOptimizer),
    "ApplyProximalGradientDescent",
  ),
  "adagrad_da": (adagrad_da, "ApplyAdagradDA"),
}


@pytest.mark.parametrize("use_resource", [True, False])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_strengths(name, use_resource):
  create_optimizer, op = OPTIMIZERS[name]
  spec = hub.create_module_spec(lambda: module_fn(use_resource))
  graph = training_graph(spec, lambda: create_optimizer(l1=0.5, l2=0.25))
  assert hub.check_module_spec(spec) == []
  found = hub.check_module_spec(spec, graph)
  assert set(fns.codes(found)) == {PROXIMAL}
  # w has a regularization loss; the table's gradients are sparse.
  by_variables = {warning.names: warning.message for warning in found}
  assert set(by_variables) == {("net/b",), ("net/table",)}
  resource = "Resource" if use_resource else ""
  for names, sparse in ((("net/b",), ""), (("net/table",), "Sparse")):
    message = by_variables[names]
    assert message.startswith(
      "The optimizer regularizes 1 variable of the module "
      f"({names[0]}; {resource}{sparse}{op} with l1 = 0.5, l2 = 0.25"
    )
    assert "Put them into regularizers (REGULARIZATION_LOSSES)" in message
  assert {w.tags for w in found} == {None}
  assert {w.place for w in found} == {"training graph"}
  # The same from the bytes of a graph.
  assert hub.check_module_spec(spec, graph.as_graph_def()) == found


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if n != "ftrl_v2"])
def test_no_strength(name):
  spec = hub.create_module_spec(module_fn)
  graph = training_graph(spec, OPTIMIZERS[name][0])
  assert hub.check_module_spec(spec, graph) == []


def test_only_one_strength():
  spec = hub.create_module_spec(module_fn)
  graph = training_graph(spec, lambda: OPTIMIZERS["adagrad"][0](l1=0.5))
  messages = [w.message for w in hub.check_module_spec(spec, graph)]
  assert len(messages) == 2
  assert all("ProximalAdagrad with l1 = 0.5)" in m for m in messages)


def test_shrinkage():
  spec = hub.create_module_spec(module_fn)
  graph = training_graph(
    spec,
    lambda: train.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=0.5),
  )
  messages = [w.message for w in hub.check_module_spec(spec, graph)]
  assert len(messages) == 2
  assert all("FtrlV2 with l2_shrinkage = 0.5)" in m for m in messages)


def test_a_learning_rate_that_is_computed():
  """FTRL adds β / (2 · learning rate) to its l2: nothing, if β is 0."""
  spec = hub.create_module_spec(module_fn)

  def create_optimizer(l2=0.0):
    rate = tf1.train.exponential_decay(
      0.1, tf1.train.get_or_create_global_step(), 10, 0.5
    )
    return train.FtrlOptimizer(rate, l2_regularization_strength=l2)

  graph = training_graph(spec, create_optimizer)
  assert hub.check_module_spec(spec, graph) == []
  graph = training_graph(spec, lambda: create_optimizer(0.5))
  messages = [w.message for w in hub.check_module_spec(spec, graph)]
  assert len(messages) == 2
  assert all("Ftrl with l2 = 0.5)" in m for m in messages)


def test_other_optimizers():
  spec = hub.create_module_spec(module_fn)
  for create_optimizer in (
    lambda: train.AdamOptimizer(0.1),
    lambda: train.GradientDescentOptimizer(0.1),
    lambda: train.MomentumOptimizer(0.1, 0.9),
    lambda: train.AdagradOptimizer(0.1),
  ):
    graph = training_graph(spec, create_optimizer)
    assert hub.check_module_spec(spec, graph) == []


def test_regularization_losses_instead():
  spec = hub.create_module_spec(lambda: module_fn(regularizer=fns.l2))
  graph = training_graph(spec, lambda: OPTIMIZERS["ftrl"][0](l2=0.5))
  (warning,) = hub.check_module_spec(spec, graph)
  assert warning.names == ("net/table",)


def test_the_variables_of_others():
  spec = hub.create_module_spec(module_fn)
  graph = training_graph(spec, lambda: OPTIMIZERS["ftrl"][0](l1=0.5), head=True)
  # "head/net/b" and "head/net/w" are called and shaped like the module's.
  assert hub.check_module_spec(spec, graph) == []


def test_two_instances_in_a_scope():
  spec = hub.create_module_spec(module_fn)
  graph = training_graph(
    spec, lambda: OPTIMIZERS["ftrl"][0](l1=0.5), scope="model/left"
  )
  assert len(hub.check_module_spec(spec, graph)) == 2


def test_a_graph_without_the_module_class():
  """A publisher may train the layers themselves: the names are the module's."""
  spec = hub.create_module_spec(module_fn)
  with tf.Graph().as_default() as graph:
    table = tf1.get_variable("net/table", [6, 4], use_resource=True)
    w = tf1.get_variable("net/w", [4, 5], use_resource=True)
    b = tf1.get_variable("net/b", [5], use_resource=True)
    loss = tf.reduce_sum(tf.matmul(table, w) + b)
    OPTIMIZERS["ftrl"][0](l1=0.5).minimize(loss)
  (warning,) = hub.check_module_spec(spec, graph)
  assert set(warning.names) == {"net/b", "net/table"}
  assert "regularizes 2 variables of the module (net/table, net/b; " in (
    warning.message
  )


def test_a_graph_of_another_module():
  with tf.Graph().as_default() as graph:
    w = tf1.get_variable("net/w", [3, 3], use_resource=True)
    b = tf1.get_variable("net/b", [5], use_resource=True)
    tf1.get_variable("net/table", [6, 4], use_resource=True)
    loss = tf.reduce_sum(w) + tf.reduce_sum(b)
    OPTIMIZERS["ftrl"][0](l1=0.5).minimize(loss)
  spec = hub.create_module_spec(module_fn)
  assert hub.check_module_spec(spec, graph) == []


def test_a_module_without_variables():
  def identity():
    words = tf1.placeholder(tf.string, [None], name="words")
    hub.add_text_embedding_signature(words, tf.zeros([tf.size(words), 2]))

  with tf.Graph().as_default() as graph:
    w = tf1.get_variable("w", [3, 3], use_resource=True)
    OPTIMIZERS["ftrl"][0](l1=0.5).minimize(tf.reduce_sum(w))
  spec = hub.create_module_spec(identity)
  assert hub.check_module_spec(spec, graph) == []
