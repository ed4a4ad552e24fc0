"""Compares evaluations that keep their graph with `Estimator.evaluate`.

python experiments/benchmarks/evaluation.py [--num_rounds=5]
    [--num_evaluated=640] [--batch_size=32]

Both sides evaluate the same checkpoint of a linear head on the network of 150
convolutions of cached_features.py, on the same images; they take turns in one
process. Prints the seconds of an evaluation, the first of the kept graph apart,
and the ratio of the medians.
"""

import statistics
import tempfile
import time

import cached_features
import numpy as np
from absl import app, flags

from hub_estimator import estimator, models
from hub_estimator.inputs import NumpyInput
from hub_estimator.optimization import (
  Optimization,
  create_constant_schedule_fn,
  create_sgd_optimizer_fn,
)
from hub_estimator.tf_compat import tf
from hub_estimator.training.kept_evaluation import KeptEvaluation

_NUM_ROUNDS = flags.DEFINE_integer("num_rounds", 5, "Turns of each side.")
# The other flags are those of cached_features.py.
_NUM_EVALUATED = flags.DEFINE_integer(
  "num_evaluated", 640, "Images in the eval split."
)


def _create_input():
  random = np.random.RandomState(0)
  size = flags.FLAGS.image_size
  arrays = {}
  for split, number in (("train", 64), ("eval", _NUM_EVALUATED.value)):
    arrays[f"{split}_features"] = random.randint(
      0, 256, [number, size, size, 3], np.uint8
    )
    arrays[f"{split}_labels"] = np.arange(number) % 10
  return NumpyInput(
    arrays,
    batch_size=flags.FLAGS.batch_size,
    scale=1 / 255,
    label_kind="class",
  )


def _seconds(evaluate):
  started = time.perf_counter()
  evaluate()
  return time.perf_counter() - started


def main(_):
  tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
  with tempfile.TemporaryDirectory() as folder:
    cached_features.write_module(f"{folder}/module")
    data = _create_input()
    model = models.ModuleModel(
      models.ModuleEncoder(f"{folder}/module", trainable=False),
      models.create_multi_class_head_fn(),
      Optimization(create_constant_schedule_fn(0.1), create_sgd_optimizer_fn()),
    )
    trained = estimator.Estimator(
      model.create_model_fn(data),
      config=estimator.RunConfig(model_dir=f"{folder}/run"),
    )
    trained.train(data.input_fn(estimator.ModeKeys.TRAIN), max_steps=1)
    checkpoint = trained.latest_checkpoint()
    kept = KeptEvaluation(trained.model_fn, data, trained.config)
    first = _seconds(lambda: kept.evaluate(checkpoint))
    pairs = [
      (
        _seconds(
          lambda: trained.evaluate(data.input_fn(estimator.ModeKeys.EVAL))
        ),
        _seconds(lambda: kept.evaluate(checkpoint)),
      )
      for _ in range(_NUM_ROUNDS.value)
    ]
    kept.close()
  built, again = (statistics.median(secs) for secs in zip(*pairs))
  print(f"TensorFlow {tf.__version__}, {_NUM_EVALUATED.value} images, medians")
  print(f"Estimator.evaluate         {built:6.2f} s")
  print(f"kept graph, first          {first:6.2f} s")
  print(f"kept graph, after that     {again:6.2f} s")
  print(f"ratio kept / Estimator     {again / built:6.3f}")


if __name__ == "__main__":
  app.run(main)
