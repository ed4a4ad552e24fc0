"""ModuleEncoder: which module, graph, signature and output a model uses."""

import pytest

from hub_estimator import errors, hub
from hub_estimator.estimator import ModeKeys
from hub_estimator.models import ModuleEncoder, encoder_checks
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1


def linear_module_fn(is_training=False, trainable=True):
  x = v1.placeholder(tf.float32, [None, 2], name="x")
  w = v1.get_variable(
    "w", initializer=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], trainable=trainable
  )
  y = tf.matmul(x, w)
  if is_training:
    y = 2.0 * y
  image = tf.reshape(tf.range(12.0), [1, 2, 2, 3])
  hub.add_signature("default", {"x": x}, {"default": y})
  hub.add_signature(
    "features",
    {"x": x},
    {"default": y, "map": image, "count": tf.shape(y), "flat": y[:, 0]},
  )


def tagged_spec(**arguments):
  return hub.create_module_spec(
    linear_module_fn,
    [
      (set(), {"is_training": False, **arguments}),
      ({"train"}, {"is_training": True, **arguments}),
    ],
  )


def encode(encoder, mode, features):
  with tf.Graph().as_default():
    module = encoder.instantiate(mode)
    embedding = encoder.encode(module, features())
    with v1.Session() as session:
      session.run(v1.global_variables_initializer())
      return session.run(embedding)


def one_row():
  return {"x": tf.constant([[1.0, 1.0]])}


@pytest.mark.parametrize(
  ("mode", "trainable", "expected"),
  [
    # [1, 1] · w = [5, 7, 9]; the graph with tag "train" doubles it.
    (ModeKeys.TRAIN, True, [[10.0, 14.0, 18.0]]),
    (ModeKeys.TRAIN, False, [[5.0, 7.0, 9.0]]),
    (ModeKeys.EVAL, True, [[5.0, 7.0, 9.0]]),
    (ModeKeys.PREDICT, True, [[5.0, 7.0, 9.0]]),
  ],
)
def test_training_tags_are_used_in_train_mode_of_a_trainable_module(
  mode, trainable, expected
):
  encoder = ModuleEncoder(tagged_spec(), trainable=trainable)
  assert encode(encoder, mode, one_row).tolist() == expected


def test_a_module_without_training_tags_trains_its_default_graph():
  encoder = ModuleEncoder(hub.create_module_spec(linear_module_fn))
  result = encode(encoder, ModeKeys.TRAIN, one_row)
  assert result.tolist() == [[5.0, 7.0, 9.0]]


def test_an_output_of_higher_rank_is_averaged_over_its_middle():
  encoder = ModuleEncoder(tagged_spec(), signature="features", output="map")
  # Positions hold 0 1 2 | 3 4 5 | 6 7 8 | 9 10 11: means 4.5 5.5 6.5.
  result = encode(encoder, ModeKeys.EVAL, one_row)
  assert result.tolist() == [[4.5, 5.5, 6.5]]


def test_only_a_trainable_module_enters_trainable_variables():
  for trainable, expected in ((True, ["module/w:0"]), (False, [])):
    with tf.Graph().as_default():
      ModuleEncoder(tagged_spec(), trainable=trainable).instantiate(
        ModeKeys.TRAIN
      )
      assert [v.name for v in v1.trainable_variables()] == expected


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      {"signature": "nope"},
      "signature = 'nope': module module_fn linear_module_fn has no such "
      "signature in its graph {}. Its signatures are: default, features.",
    ),
    (
      {"output": "nope"},
      "output = 'nope': signature 'default' of module module_fn "
      "linear_module_fn has no such output. Its outputs are: default.",
    ),
    (
      {"tags": {"nope"}},
      "tags = ['nope']: module module_fn linear_module_fn has no such graph. "
      "Its tag sets are: {}, {train}.",
    ),
    (
      {"signature": "features", "output": "count"},
      "output = 'count' of signature 'features' of module module_fn "
      "linear_module_fn is a Tensor of int32 with shape (2,): a head needs a "
      "float tensor [batch_size, …, size] of known size.",
    ),
    (
      {"signature": "features", "output": "flat"},
      "output = 'flat' of signature 'features' of module module_fn "
      "linear_module_fn is a Tensor of float32 with shape (None,): a head "
      "needs a float tensor [batch_size, …, size] of known size.",
    ),
  ],
)
def test_names_that_the_module_does_not_have(arguments, message):
  with pytest.raises(errors.UserValueError) as caught:
    ModuleEncoder(tagged_spec(), **arguments)
  assert str(caught.value) == message


def test_trainable_without_trainable_variables():
  encoder = ModuleEncoder(tagged_spec(trainable=False))
  with pytest.raises(errors.UserValueError) as caught:
    encoder_checks.check_trainable(encoder)
  assert str(caught.value) == (
    "trainable = True, and module module_fn linear_module_fn has no trainable "
    "variables in its graph {train} (it has 1 variables). Set TRAINABLE = "
    "False to train only the head."
  )
  encoder_checks.check_trainable(
    ModuleEncoder(tagged_spec(trainable=False), trainable=False)
  )
  encoder_checks.check_trainable(ModuleEncoder(tagged_spec()))


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (
      {"handle": 3},
      "handle = 3: a module's handle is a string, or a ModuleSpec (write "
      "@convolutional_network() with its parentheses).",
    ),
    (
      {"handle": ""},
      "handle = '': a module's handle is the path of its folder. Set "
      "MODULE_HANDLE.",
    ),
    (
      {"handle": "https://host/module"},
      "https://host/module is not in the cache /none, and TFHUB_OFFLINE is "
      "set: nothing is downloaded. On a machine with a connection, python -m "
      "hub_estimator.cache fetch https://host/module downloads it; with a copy "
      "of the module here, python -m hub_estimator.cache import "
      "https://host/module FOLDER_OR_ARCHIVE puts a copy in its place; "
      "TFHUB_MIRRORS names a folder that has it.",
    ),
    (
      {"trainable": "no"},
      "trainable = 'no': it is True or False (TRAINABLE).",
    ),
    (
      {"signature": ["x"]},
      "ModuleEncoder.signature = ['x']: it is a name, in quotes.",
    ),
    ({"output": 3}, "ModuleEncoder.output = 3: it is a name, in quotes."),
    (
      {"export_name": 3},
      "ModuleEncoder.export_name = 3: it is a name, in quotes.",
    ),
    (
      {"inputs": "x"},
      "ModuleEncoder.inputs = 'x': write {'input': 'feature', …}, the "
      "signature's inputs and the features they get.",
    ),
    ({"tags": 3}, "tags must be a set or list of strings: got 3."),
    ({"tags": [3]}, "tags must be a set or list of strings: got [3]."),
    (
      {"training_tags": {"nope"}},
      "training_tags = ['nope']: module module_fn linear_module_fn has no such "
      "graph. Its tag sets are: {}, {train}.",
    ),
  ],
)
def test_arguments_of_another_kind(monkeypatch, arguments, message):
  monkeypatch.setenv("TFHUB_OFFLINE", "1")
  monkeypatch.setenv("TFHUB_CACHE_DIR", "/none")
  with pytest.raises(errors.UserError) as caught:
    ModuleEncoder(**{"handle": tagged_spec(), **arguments})
  assert str(caught.value) == message


def test_training_tags_can_be_chosen():
  encoder = ModuleEncoder(tagged_spec(), training_tags=())
  result = encode(encoder, ModeKeys.TRAIN, one_row)
  assert result.tolist() == [[5.0, 7.0, 9.0]]


def test_a_handle_in_the_home_folder(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  with pytest.raises(errors.UserOSError) as caught:
    ModuleEncoder("~/nope")
  assert str(caught.value) == (
    f"{tmp_path}/nope does not exist. A handle is the path of a module's "
    "folder."
  )


def test_the_newest_export_of_a_run(tmp_path):
  with tf.Graph().as_default():
    module = hub.Module(tagged_spec())
    with v1.Session() as session:
      session.run(v1.global_variables_initializer())
      for path in ("1700000000/a", "1700000001/a", "1700000001/b"):
        module.export(str(tmp_path / path), session)
  folder = str(tmp_path)
  with pytest.raises(errors.UserValueError) as caught:
    ModuleEncoder(folder)
  assert str(caught.value) == (
    f"{folder} holds 2 modules and none is named: give one of "
    f"{folder}/1700000001/a, {folder}/1700000001/b."
  )
  encoder = ModuleEncoder(folder, export_name="b")
  assert encoder.handle == f"{folder}/1700000001/b"
  with pytest.raises(errors.UserValueError, match="it has a, b"):
    ModuleEncoder(folder, export_name="c")


@pytest.mark.parametrize(
  ("features", "inputs", "message"),
  [
    (
      {"x": tf.TensorSpec([None, 3], tf.float32)},
      None,
      "Feature 'x' is a Tensor of float32 with shape (None, 3): input 'x' of "
      "signature 'default' of module module_fn linear_module_fn takes a "
      "Tensor of float32 with shape (None, 2).",
    ),
    (
      {"x": tf.TensorSpec([None, 2], tf.int64)},
      None,
      "Feature 'x' is a Tensor of int64 with shape (None, 2): input 'x' of "
      "signature 'default' of module module_fn linear_module_fn takes a "
      "Tensor of float32 with shape (None, 2).",
    ),
    (
      {
        "a": tf.TensorSpec([None, 2], tf.float32),
        "b": tf.TensorSpec([None, 2], tf.float32),
      },
      None,
      "Signature 'default' of module module_fn linear_module_fn takes the "
      "inputs ['x'], and the features are ['a', 'b']. Map inputs to features "
      "with ModuleEncoder.inputs = {'input': 'feature', …}.",
    ),
    (
      {"a": tf.TensorSpec([None, 2], tf.float32)},
      {"x": "b"},
      "ModuleEncoder.inputs = {'x': 'b'}: Signature 'default' of module "
      "module_fn linear_module_fn takes the "
      "inputs ['x'], and the features are ['a']. Map inputs to features "
      "with ModuleEncoder.inputs = {'input': 'feature', …}.",
    ),
  ],
)
def test_features_that_do_not_fit(features, inputs, message):
  encoder = ModuleEncoder(tagged_spec(), inputs=inputs)
  with pytest.raises(errors.UserValueError) as caught:
    encoder.check_features(features)
  assert str(caught.value) == message


def test_features_are_mapped_by_name_or_alone():
  spec = tf.TensorSpec([None, 2], tf.float32)
  ModuleEncoder(tagged_spec()).check_features({"other": spec})
  ModuleEncoder(tagged_spec()).check_features({"x": spec, "y": spec})
  encoder = ModuleEncoder(tagged_spec(), inputs={"x": "b"})
  features = lambda: {  # noqa: E731
    "a": tf.constant([[0.0, 0.0]]),
    "b": tf.constant([[1.0, 0.0]]),
  }
  result = encode(encoder, ModeKeys.EVAL, features)
  assert result.tolist() == [[1.0, 2.0, 3.0]]


def test_hyperparameters_of_a_signature_keep_their_defaults():
  def scaled(is_training):
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    scale = hub.hyperparameter_input("scale", 3.0)
    w = v1.get_variable("w", initializer=1.0)
    y = w * x * scale if is_training else w * x
    hub.add_signature(inputs={"x": x, "scale": scale}, outputs=y)

  spec = hub.create_module_spec(
    scaled,
    [(set(), {"is_training": False}), ({"train"}, {"is_training": True})],
  )
  encoder = ModuleEncoder(spec)
  encoder.check_features({"pixels": tf.TensorSpec([None, 2], tf.float32)})
  features = {"pixels": [[1.0, 2.0]]}
  for mode, expected in ((ModeKeys.TRAIN, 3.0), (ModeKeys.EVAL, 1.0)):
    embedding = encode(
      encoder, mode, lambda: {k: tf.constant(v) for k, v in features.items()}
    )
    assert embedding.tolist() == [[expected, 2 * expected]]
