"""Depths and kinds of variables, of modules where they are known by hand."""

import pathlib

import analyzed_module_fns as module_fns
import pytest

from hub_estimator import hub
from hub_estimator.publishing.convolutional_network import convolutional_network
from hub_estimator.publishing.text_embedding import text_embedding
from hub_estimator.recipes import module_analysis
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_MODULES = _REPOSITORY.parent / "shared" / "data" / "modules"


def _analyze(module_fn, signature=None, tags=None, tags_and_args=None):
  spec = hub.create_module_spec(module_fn, tags_and_args)
  return module_analysis.analyze_module(spec, signature, tags)


def _table(analysis):
  """Returns name -> (depth, kind)."""
  return {v.name: (v.depth, v.kind) for v in analysis.variables}


@pytest.mark.parametrize("use_resource", [False, True])
def test_a_stack_of_dense_layers(use_resource):
  analysis = _analyze(module_fns.dense_stack(use_resource))
  assert _table(analysis) == {
    # Before the first layer: counted with it.
    "input_scale": (1, "other"),
    "one/kernel": (1, "kernel"),
    "one/bias": (1, "bias"),
    # Through a cast, a transposition and a normalization of the kernel.
    "two/kernel": (2, "kernel"),
    "two/offset_of_two": (2, "bias"),
    "unused": (None, "other"),
    "three/kernel": (3, "kernel"),
    "three/bias": (3, "bias"),
  }
  assert [v.name for v in analysis.variables] == list(_table(analysis))
  kernel = analysis["two/kernel"]
  assert kernel.shape == (5, 4)
  assert kernel.num_parameters == 20
  assert kernel.trainable


_RESIDUAL_DEPTHS = {"stem": 1, "a": 2, "b": 3, "shortcut": 2, "c": 4}


@pytest.mark.parametrize("tags", [set(), {"train"}], ids=["infer", "train"])
def test_a_residual_network(tags):
  analysis = _analyze(
    module_fns.residual_network, None, tags, module_fns.RESIDUAL_TAGS
  )
  expected = {}
  for scope, depth in _RESIDUAL_DEPTHS.items():
    expected[f"{scope}/kernel"] = (depth, "kernel")
    expected[f"{scope}/g"] = (depth, "normalization_scale")
    expected[f"{scope}/o"] = (depth, "normalization_offset")
    # Where there are batch statistics only the update ops touch these.
    expected[f"{scope}/moving_mean"] = (depth, "other")
    expected[f"{scope}/moving_variance"] = (depth, "other")
  assert _table(analysis) == expected
  assert len(analysis.trainable_variables) == 15
  assert analysis["a/o"].is_bias and analysis["a/o"].is_normalization
  assert not analysis["a/g"].is_bias and analysis["a/g"].is_normalization
  assert not analysis["a/kernel"].is_normalization


@pytest.mark.parametrize(
  "v1_loop, use_resource",
  [(True, False), (True, True), (False, True)],
  ids=["v1-ref", "v1-resource", "v2"],
)
def test_loops_are_layers(v1_loop, use_resource):
  analysis = _analyze(module_fns.recurrent(v1_loop, use_resource))
  assert _table(analysis) == {
    "words/table": (1, "embedding"),
    "lower/kernel": (2, "kernel"),
    "lower/bias": (2, "bias"),
    "lower/start": (2, "other"),
    "upper/kernel": (3, "kernel"),
    "upper/bias": (3, "bias"),
    "upper/start": (3, "other"),
    "top/kernel": (4, "kernel"),
    "top/bias": (4, "bias"),
  }


@pytest.mark.parametrize("tags", [set(), {"train"}], ids=["infer", "train"])
def test_spelled_out_normalizations(tags):
  analysis = _analyze(
    module_fns.spelled_out_normalizations, None, tags, module_fns.RESIDUAL_TAGS
  )
  assert _table(analysis) == {
    "one/kernel": (1, "kernel"),
    "one/bias": (1, "bias"),
    "layer_scale": (1, "normalization_scale"),
    "layer_shift": (1, "normalization_offset"),
    "two/kernel": (2, "kernel"),
    "two/bias": (2, "bias"),
    "mean": (2, "other"),
    "variance": (2, "other"),
    "batch_shift": (2, "normalization_offset"),
    "batch_scale": (2, "normalization_scale"),
    "three/kernel": (3, "kernel"),
    "three/bias": (3, "bias"),
    "root_scale": (3, "normalization_scale"),
    "root_shift": (3, "normalization_offset"),
    # Not normalized any more after the nonlinearity.
    "after": (3, "bias"),
  }


def test_the_first_use_of_shared_weights_counts():
  assert _table(_analyze(module_fns.shared_weights)) == {
    "shared": (1, "kernel"),
    "table": (1, "embedding"),
    "between": (2, "kernel"),
  }


@pytest.mark.parametrize(
  "signature, depths",
  [
    ("default", (1, 2, None)),
    ("first", (1, None, None)),
    # Its input is a tensor in the middle of the graph.
    ("half", (None, 1, None)),
    ("table", (None, None, 1)),
  ],
)
def test_depths_are_those_of_the_signature(signature, depths):
  analysis = _analyze(module_fns.two_signatures, signature)
  names = ("a/kernel", "b/kernel", "returned")
  assert tuple(analysis[name].depth for name in names) == depths
  # The name tells, where no graph does.
  assert analysis["a/bias"].kind == "bias"


def test_sparse_inputs_parts_v1_conds_and_positions():
  """Inputs with a default are no activations, nor is the size of a batch."""
  assert _table(_analyze(module_fns.optional_batch_norm)) == {
    "weights": (1, "kernel"),
    "moving_mean": (1, "other"),
    "positions": (1, "embedding"),
    "k": (2, "kernel"),
  }


def test_names_tell_where_the_graph_does_not():
  def module_fn():
    x = tf1.placeholder(tf.float32, [None, 2])
    for name in (
      "batch_norm/gamma",
      "encoder/LayerNorm_1/beta",
      "bn1/scale",
      "other/gamma",
      "layer/biases",
      "layer/blob",
    ):
      x = x * module_fns.variable(name, [2])
    hub.add_signature(inputs=x_input(x), outputs=x)

  x_input = module_fns.x_input
  kinds = [v.kind for v in _analyze(module_fn).variables]
  assert kinds == [
    "normalization_scale",
    "normalization_offset",
    "normalization_scale",
    "other",
    "bias",
    "other",
  ]


def test_a_function_call_is_at_most_one_layer():
  def module_fn():
    x = tf1.placeholder(tf.float32, [None, 2])

    @tf.function(autograph=False)
    def two_products(x, kernel, bias):
      return tf.matmul(tf.matmul(x, kernel), kernel) + bias

    with tf1.variable_scope("", use_resource=True):
      kernel = module_fns.variable("w", [2, 2])
      y = two_products(x, kernel, module_fns.variable("b", [2]))
      y = tf.matmul(y, module_fns.variable("last", [2, 2]))
    hub.add_signature(inputs=x, outputs=y)

  assert _table(_analyze(module_fn)) == {
    "w": (1, "kernel"),
    "b": (1, "bias"),
    "last": (2, "kernel"),
  }


@pytest.mark.parametrize("tags", [set(), {"train"}], ids=["infer", "train"])
def test_the_convolutional_network(tags):
  analysis = module_analysis.analyze_module(
    convolutional_network(num_filters=(2, 3)), "tunable", tags
  )
  expected = {}
  for depth in (1, 2):
    scope = f"block_{depth}"
    expected[f"{scope}/conv/kernel"] = (depth, "kernel")
    scope += "/batch_norm"
    expected[f"{scope}/gamma"] = (depth, "normalization_scale")
    expected[f"{scope}/beta"] = (depth, "normalization_offset")
    expected[f"{scope}/moving_mean"] = (depth, "other")
    expected[f"{scope}/moving_variance"] = (depth, "other")
  assert _table(analysis) == expected


def test_the_text_embedding(tmp_path):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")
  analysis = module_analysis.analyze_module(text_embedding(str(vocabulary), 3))
  assert _table(analysis) == {"embeddings": (1, "embedding")}


def test_a_published_residual_network():
  path = _MODULES / "dm21"
  if not path.exists():
    pytest.skip("dm21 is not among the data beside the project")
  analysis = module_analysis.analyze_module(hub.load_module_spec(str(path)))
  scope = "hub_wrapper/local_functional_v2"
  squash, output = f"{scope}/SquashUnprocessedData", f"{scope}/OutputLayer"
  expected = {
    f"{squash}/linear/w": (1, "kernel"),
    f"{squash}/linear/b": (1, "bias"),
    f"{output}/linear/w": (8, "kernel"),
    f"{output}/linear/b": (8, "bias"),
  }
  for number in range(6):
    block = f"{scope}/MLP/ResidualBlock" + (f"_{number}" if number else "")
    expected[f"{block}/linear/w"] = (number + 2, "kernel")
    expected[f"{block}/linear/b"] = (number + 2, "bias")
    norm = f"{block}/layer_norm"
    expected[f"{norm}/gamma"] = (number + 2, "normalization_scale")
    expected[f"{norm}/beta"] = (number + 2, "normalization_offset")
  assert _table(analysis) == expected


def test_an_unknown_signature_is_named():
  with pytest.raises(ValueError, match="'no_such'.*'default', 'first', 'half'"):
    _analyze(module_fns.two_signatures, "no_such")


def test_an_unknown_variable_is_named():
  analysis = _analyze(module_fns.shared_weights)
  with pytest.raises(KeyError, match="no variable 'x'.*shared, table, between"):
    analysis["x"]
