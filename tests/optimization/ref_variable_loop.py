"""A program for test_train_op: a training step over a ref variable in a loop.

v1 control flow is a setting of the whole process, hence a process of its own.
Prints, for each way of making the train op, what one run of it (three if three
make a step) leaves as global step, trained variable and updated variable.
"""

import json

from hub_estimator.optimization import moving_averages, train_op
from hub_estimator.tf_compat import tf

v1 = tf.compat.v1


def naive(loss, optimizer, update_op, global_step):
  with tf.control_dependencies([update_op]):
    return optimizer.minimize(loss, global_step)


def ours(loss, optimizer, update_op, global_step):
  v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update_op)
  return train_op.create_train_op(loss, [_all_variables(optimizer)])


def ours_in_a_block(loss, optimizer, update_op, global_step):
  with tf.control_dependencies([update_op]):
    return train_op.create_train_op(loss, [_all_variables(optimizer)])


def ours_accumulated(loss, optimizer, update_op, global_step):
  v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update_op)
  with tf.control_dependencies([update_op]):
    return train_op.create_train_op(
      loss,
      [_all_variables(optimizer)],
      accumulate_steps=3,
      averages=moving_averages.MovingAverages(0.5, v1.trainable_variables()),
    )


def _all_variables(optimizer):
  return train_op.GroupOptimizer(optimizer, tuple(v1.trainable_variables()))


def run(create_fn, num_runs=1):
  with tf.Graph().as_default():
    w = v1.get_variable("w", initializer=2.0, use_resource=False)
    updated = v1.get_variable(
      "updated", initializer=0.0, use_resource=False, trainable=False
    )
    # After three rounds, the loss is w + w^2 + w^3.
    _, loss, _ = v1.while_loop(
      lambda i, a, w: i < 3,
      lambda i, a, w: (i + 1, (a + 1.0) * w, w),
      [0, 0.0, w._ref()],
    )
    global_step = v1.train.get_or_create_global_step()
    step_op = create_fn(
      loss,
      v1.train.GradientDescentOptimizer(0.01),
      v1.assign_add(updated, 1.0),
      global_step,
    )
    with v1.Session() as session:
      session.run(
        [v1.global_variables_initializer(), v1.local_variables_initializer()]
      )
      for _ in range(num_runs):
        session.run(step_op)
      values = session.run([global_step, w, updated])
  return [value.item() for value in values]


v1.disable_control_flow_v2()
results = {
  create_fn.__name__: run(create_fn)
  for create_fn in (naive, ours, ours_in_a_block)
}
results["ours_accumulated"] = run(ours_accumulated, num_runs=3)
print(json.dumps(results))
