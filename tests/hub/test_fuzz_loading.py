"""Bad input: modules whose files have been damaged at random.

Whatever is in the files: a module works, or one of the documented errors says
in one line what is wrong; no other error, no crash, no hang; and after an error
the caller's graph is as it was.
"""

import os
import random
import shutil

import fuzzing
import hub_module_fns
import hypothesis
import pytest
from google.protobuf import wrappers_pb2
from hypothesis import strategies

from hub_estimator import hub
from hub_estimator.tf_compat import tf

tf1 = tf.compat.v1


def _control_flow(cond, while_loop):
  def module_fn():
    x = hub_module_fns.placeholder([])
    w = tf1.get_variable("w", initializer=2.0)
    y = cond(x > 0, lambda: x * w, lambda: x + 1.0)
    _, z = while_loop(
      lambda i, z: i < 2, lambda i, z: (i + 1, z * w + x), [0, x]
    )
    hub.add_signature(inputs=x, outputs={"default": y, "z": z})

  return module_fn


def _attachments():
  hub_module_fns.multiple_signatures()
  hub.attach_message("a", tf1.NodeDef(name="hello"))
  hub.attach_message("b", wrappers_pb2.Int32Value(value=3))


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
  """Folders of modules of all kinds."""
  root = tmp_path_factory.mktemp("modules")
  vocabulary = root / "words.txt"
  vocabulary.write_text("a\nb\n")
  module_fns = {
    "attachments": _attachments,
    "partitioned": hub_module_fns.partitioned(0),
    "ref": hub_module_fns.scale_ref,
    "regularized": hub_module_fns.regularized,
    "table": hub_module_fns.table(vocabulary),
  }
  paths = [
    hub_module_fns.export(module_fn, root / name)
    for name, module_fn in module_fns.items()
  ]
  paths.append(
    hub_module_fns.export(
      hub_module_fns.batch_norm,
      root / "tags",
      tags_and_args=hub_module_fns.BATCH_NORM_TAGS,
    )
  )
  was_v2 = tf1.control_flow_v2_enabled()
  for name, switch in (
    ("v1", tf1.disable_control_flow_v2),
    ("v2", tf1.enable_control_flow_v2),
  ):
    switch()
    module_fn = _control_flow(tf.cond, tf.while_loop)
    paths.append(hub_module_fns.export(module_fn, root / name))
  if not was_v2:
    tf1.disable_control_flow_v2()
  return paths


@hypothesis.settings(
  max_examples=200,
  derandomize=True,
  database=None,
  deadline=None,
  suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(rng=strategies.randoms(use_true_random=True))
def test_a_damaged_module_works_or_says_why(modules, tmp_path_factory, rng):
  source = rng.choice(modules)
  path = os.path.join(tmp_path_factory.mktemp("damaged"), "m")
  shutil.copytree(source, path)
  hypothesis.note(f"{fuzzing.damage(rng, path)} of {source}")
  fuzzing.exercise(rng, path, fuzzing.good_spec())
  shutil.rmtree(path)


def test_what_is_done_with_a_module_that_is_whole(modules):
  # Of these steps, so that the test above tests what it should.
  for path in modules:
    done = fuzzing.exercise(random.Random(1), path, fuzzing.good_spec())
    assert done[0] == "load"
    assert {"instantiate", "call", "initialize"} <= set(done)


def test_damage_leads_to_errors_of_each_step(modules, tmp_path):
  # Nor would it if no damage was noticed.
  ends = set()
  for seed in range(60):
    rng = random.Random(seed)
    path = str(tmp_path / str(seed))
    shutil.copytree(rng.choice(modules), path)
    fuzzing.damage(rng, path)
    done = fuzzing.exercise(rng, path, fuzzing.good_spec())
    ends.add(done[-1] if done else "nothing")
  assert {"nothing", "load", "initialize"} <= ends
