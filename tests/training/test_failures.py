"""What is said of a loss that is not finite, of memory, of disks."""

import errno
import os

import pytest

from hub_estimator import errors, estimator
from hub_estimator.tf_compat import tf
from hub_estimator.training import failures
from hub_estimator.training.failures import Context, explain

tf1 = tf.compat.v1


@pytest.fixture
def context(tmp_path):
  """A run with a whole checkpoint of step 4 and a damaged one of step 6."""
  with tf.Graph().as_default(), tf1.Session() as session:
    tf1.get_variable("w", [2])
    session.run(tf1.global_variables_initializer())
    saver = tf1.train.Saver()
    for step in (4, 6):
      saver.save(session, f"{tmp_path}/model.ckpt", step)
  os.truncate(f"{tmp_path}/model.ckpt-6.index", 5)
  return Context(str(tmp_path), batch_size=33, step=7)


def op_error(kind, message):
  return kind(None, None, message)


def test_a_loss_that_is_not_finite(context):
  explained = explain(estimator.NanLossDuringTrainingError(), context)
  assert isinstance(explained, errors.UserValueError)
  assert str(explained) == (
    "The loss became NaN (not a number) or infinite at step 7. The likeliest "
    "causes: a learning rate that is too high (LEARNING_RATE), features that "
    "are not scaled, labels that are wrong. The last good checkpoint is "
    f"{context.model_dir}/model.ckpt-4. With another config, the same "
    "command needs --resume."
  )


@pytest.mark.parametrize(
  "error",
  [
    MemoryError("Unable to allocate 3 GiB"),
    op_error(
      tf.errors.ResourceExhaustedError, "OOM when allocating 3 GiB\nmore\n"
    ),
    op_error(tf.errors.InternalError, "CUDA_ERROR_OUT_OF_MEMORY: 3 GiB"),
  ],
  ids=["host", "device", "cuda"],
)
def test_out_of_memory(context, error):
  explained = explain(error, context)
  assert isinstance(explained, errors.UserRuntimeError)
  message = str(explained)
  assert message.startswith("Out of memory at step 7: ")
  assert message.count("3 GiB") == 1
  assert "more" not in message
  assert (
    "on batches of 33 examples (BATCH_SIZE). Set BATCH_SIZE = 17 and "
    "Optimization.accumulate_steps = 2: the steps are then of as many examples,"
    f" or take a smaller module. The last good checkpoint is "
    f"{context.model_dir}/model.ckpt-4. "
  ) in message


def test_out_of_memory_with_small_batches(context, tmp_path):
  message = str(
    explain(MemoryError(), context._replace(batch_size=4, accumulate_steps=3))
  )
  assert "of 4 examples (BATCH_SIZE) 3 times a step. Set BATCH_SIZE = 2 " in (
    message
  )
  assert "Optimization.accumulate_steps = 6" in message
  (tmp_path / "new").mkdir()
  message = str(explain(MemoryError(), Context(f"{tmp_path}/new", 1)))
  assert message.startswith("Out of memory. The graph ")
  assert "A smaller BATCH_SIZE there is not: train fewer variables" in message
  assert "There is no checkpoint yet." in message


@pytest.mark.parametrize(
  "error, reason",
  [
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/runs/a/x"), "No space"),
    (
      op_error(
        tf.errors.ResourceExhaustedError,
        "/runs/a/x; No space left on device\n\t [[node save]]",
      ),
      "No space",
    ),
    (
      op_error(
        tf.errors.FailedPreconditionError, "/runs/a/x; Read-only file system"
      ),
      "Read-only",
    ),
    (PermissionError(errno.EACCES, "Permission denied", "/runs/a/x"), "Perm"),
    (
      op_error(tf.errors.PermissionDeniedError, "/runs/a/x; Permission denied"),
      "Permission denied",
    ),
  ],
  ids=["full", "tf_full", "tf_read_only", "closed", "tf_closed"],
)
def test_what_cannot_be_written(context, error, reason):
  explained = explain(error, context)
  assert isinstance(explained, errors.UserOSError)
  message = str(explained)
  assert message.startswith(f"Cannot write /runs/a/x at step 7: {reason}")
  assert f"checkpoint is {context.model_dir}/model.ckpt-4." in message
  if reason == "No space":
    assert "Make room on its disk (train.keep_checkpoint_max and " in message
  else:
    assert "Make its folder one that this user can write in" in message
  assert message.endswith(", and run the same command to go on.")


@pytest.mark.parametrize(
  "error",
  [
    ZeroDivisionError(),
    FileNotFoundError(errno.ENOENT, "No such file", "/x"),
    op_error(tf.errors.InvalidArgumentError, "shapes differ"),
    errors.UserValueError("known already"),
  ],
)
def test_what_is_not_known_stays_as_it_is(context, error):
  assert explain(error, context) is None
  with pytest.raises(type(error)) as raised:
    with failures.explaining(lambda: context, print):
      raise error
  assert raised.value is error


@pytest.mark.parametrize(
  "message, path",
  [
    (f"/runs/a/x.tmp{'0f' * 16}; No space left on device", "/runs/a/x"),
    ("No space left on device\n\t [[{{node save/SaveV2}}]]", None),
    ("Failed at /runs/a/x; No space left on device", "/runs/a/x"),
  ],
  ids=["temporary", "none", "later"],
)
def test_the_path_that_is_named(context, message, path):
  explained = explain(
    op_error(tf.errors.ResourceExhaustedError, message), context
  )
  assert str(explained).startswith(
    f"Cannot write {path or context.model_dir} at step 7: No space left"
  )


def test_an_explained_error_has_its_cause(context):
  error = op_error(tf.errors.ResourceExhaustedError, "OOM")
  with pytest.raises(errors.UserRuntimeError, match="^Out of memory") as raised:
    with failures.explaining(lambda: context, print):
      raise error
  assert raised.value.__cause__ is error


def test_checkpoints_that_are_not_finite_do_not_count(tmp_path):
  with tf.Graph().as_default(), tf1.Session() as session:
    w = tf1.get_variable("w", [2])
    session.run(tf1.global_variables_initializer())
    saver = tf1.train.Saver()
    saver.save(session, f"{tmp_path}/model.ckpt", 4)
    session.run(w.assign(w * float("nan")))
    saver.save(session, f"{tmp_path}/model.ckpt", 6)
  lines = []
  with pytest.raises(errors.UserValueError) as raised:
    with failures.explaining(lambda: Context(str(tmp_path), 2), lines.append):
      raise estimator.NanLossDuringTrainingError
  assert f"checkpoint is {tmp_path}/model.ckpt-4." in str(raised.value)
  assert len(lines) == 1
  assert tf.train.latest_checkpoint(str(tmp_path)).endswith("-4")
