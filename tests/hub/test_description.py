"""Describing a module from its files."""

import hub_module_fns
import pytest

from hub_estimator import hub
from hub_estimator.hub import description
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def test_a_module_with_everything(tmp_path):
  vocabulary = tmp_path / "words.txt"
  vocabulary.write_text("a\nb\n")

  def module_fn(is_training):
    hub_module_fns.regularized()
    with tf1.variable_scope("batch_norm"):
      hub_module_fns.batch_norm(is_training)
    hub_module_fns.table(vocabulary)()
    hub.attach_message("node", tf1.NodeDef(name="abc"))

  path = hub_module_fns.export(
    module_fn,
    tmp_path / "module",
    tags_and_args=hub_module_fns.BATCH_NORM_TAGS,
  )
  found = description.describe_module(path)
  assert found["handle"] == found["path"] == path
  assert found["format"] == "TF1 Hub module (format 3)"
  assert found["total_bytes"] == sum(
    file.stat().st_size
    for file in (tmp_path / "module").rglob("*")
    if file.is_file()
  )
  inference, training = found["graphs"]
  assert inference["tags"] == []
  assert training["tags"] == ["train"]
  assert list(inference["signatures"]) == ["default"]
  assert {v["name"]: v["trainable"] for v in inference["variables"]} == {
    "a": True,
    "b": False,
    "batch_norm/beta": True,
    "batch_norm/moving_mean": False,
  }
  assert inference["num_variables"] == inference["num_parameters"] == 4
  assert inference["num_trainable_variables"] == 2
  assert inference["num_trainable_parameters"] == 2
  assert len(inference["regularization_losses"]) == 1
  assert inference["update_ops"] == []
  assert len(training["update_ops"]) == 1
  assert inference["assets"] == ["words.txt"]
  assert inference["attachments"] == {"node": 5}  # A tag, a length, "abc".


@pytest.mark.parametrize("axis", [0, 1])
def test_a_partitioned_variable_is_one(axis, tmp_path):
  path = hub_module_fns.export(
    hub_module_fns.partitioned(axis), tmp_path / "module"
  )
  (graph,) = description.describe_module(path)["graphs"]
  (variable,) = graph["variables"]
  assert variable["name"] == "w"
  assert variable["shape"] == [2, 4]
  assert variable["num_parameters"] == graph["num_parameters"] == 8


def test_the_newest_export_of_a_folder(tmp_path):
  path = hub_module_fns.export(
    hub_module_fns.scale, tmp_path / "1000000000" / "scale"
  )
  found = description.describe_module(str(tmp_path))
  assert found["handle"] == str(tmp_path)
  assert found["path"] == path
