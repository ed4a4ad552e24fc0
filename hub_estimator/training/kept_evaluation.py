"""An EVAL graph and its session, kept from one evaluation to the next."""

from __future__ import annotations

import os
from typing import Any, Callable, Optional

import numpy as np

from hub_estimator import errors, estimator
from hub_estimator.evaluation import (
  Outcomes,
  WorstExamples,
  example_losses,
)
from hub_estimator.inputs import InputPipeline
from hub_estimator.inputs.label_encoding import CLASS
from hub_estimator.inputs.pipeline import EVAL_SPLIT
from hub_estimator.models.model_summary import noted_embedding
from hub_estimator.tf_compat import tf
from hub_estimator.training.head_scores import find_scores

_V1 = tf.compat.v1
_LOSS = "loss"
_GLOBAL_STEP = _V1.GraphKeys.GLOBAL_STEP


def eval_folder(model_dir: str, split: str) -> str:
  """Returns where the summaries of a split's evaluations are."""
  name = "eval" if split == EVAL_SPLIT else f"eval_{split}"
  return os.path.join(model_dir, name)


class KeptEvaluation:
  """Evaluates checkpoints on the splits of the data, with one graph.

  `Estimator.evaluate` builds the graph anew each time, which for a module of
  thousands of nodes takes longer than many an evaluation. The graph and the
  session are made with the first evaluation and stay until `close`.
  """

  def __init__(
    self,
    model_fn: Callable,
    data: InputPipeline,
    config: estimator.RunConfig,
  ):
    """Holds the parts.

    Args:
      model_fn: (features, labels, mode, config) -> EstimatorSpec.
      data: gives the splits.
      config: of the run; its seed is that of the graph.
    """
    self._model_fn = model_fn
    self._data = data
    self._config = config
    self._session: Optional[_V1.Session] = None

  def evaluate(
    self, checkpoint_path: str, split: str = EVAL_SPLIT
  ) -> dict[str, Any]:
    """Returns metrics by name, with "global_step" and "loss".

    They are those of `Estimator.evaluate`: the loss is the mean of the batches'
    losses. They are also written as summaries to `eval_folder`.

    Args:
      checkpoint_path: the checkpoint's prefix.
      split: one of the data's splits.
    """
    self._start(checkpoint_path, split)
    self._run_all(self._update_op, lambda _: None)
    return self._metrics(checkpoint_path, split)

  def outcomes(
    self,
    checkpoint_path: str,
    split: str = EVAL_SPLIT,
    num_worst: int = 0,
  ) -> tuple[dict[str, Any], Optional[Outcomes]]:
    """Returns metrics as `evaluate` does, and what came out for each example.

    The latter is None if the head has neither probabilities nor predictions.

    Args:
      checkpoint_path: the checkpoint's prefix.
      split: one of the data's splits.
      num_worst: of how many examples, those with the largest loss, to keep the
        features.
    """
    self._start(checkpoint_path, split)
    if self._kind is None:
      self._run_all(self._update_op, lambda _: None)
      return self._metrics(checkpoint_path, split), None
    found: dict[str, list[np.ndarray]] = {name: [] for name in self._examples}
    worst = WorstExamples(num_worst)

    def add(fetched):
      _, examples, features = fetched
      for name, values in examples.items():
        found[name].append(values)
      if num_worst:
        losses = example_losses(
          self._kind, examples["labels"], examples["scores"]
        )
        worst.add(losses, features, examples.get("weights"))

    self._run_all(
      (
        self._update_op,
        self._examples,
        self._features if num_worst else {},
      ),
      add,
    )
    arrays = {name: np.concatenate(parts) for name, parts in found.items()}
    labels = arrays["labels"]
    weights = arrays.get("weights")
    return self._metrics(checkpoint_path, split), Outcomes(
      kind=self._kind,
      labels=labels[:, 0] if self._kind == CLASS else labels,
      scores=arrays["scores"],
      weights=None if weights is None else weights.reshape(-1),
      class_names=self._data.class_names,
      worst=worst.examples,
    )

  def _metrics(self, checkpoint_path: str, split: str) -> dict[str, Any]:
    """Returns the metrics at the end of a pass, and writes them."""
    metrics = self._session.run(self._values)
    if self._config.model_dir:
      folder = eval_folder(self._config.model_dir, split)
      _write_summaries(folder, metrics, checkpoint_path)
    return metrics

  def embeddings(
    self, checkpoint_path: str, split: str, num_examples: int
  ) -> dict[str, Any]:
    """Returns what the head is built on, for the first examples of a split.

    Args:
      checkpoint_path: the checkpoint's prefix.
      split: one of the data's splits.
      num_examples: how many examples at most.

    Returns:
      "embeddings" [num_examples, embedding_dim], "labels" and "scores" as in
      `Outcomes`, and "features", name -> [num_examples, …] array.
    """
    self._start(checkpoint_path, split)
    fetches = {
      **self._examples,
      "embeddings": noted_embedding(self._session.graph),
      **{("features", name): t for name, t in self._features.items()},
    }
    parts, num_found = [], 0
    while num_found < num_examples:
      try:
        parts.append(self._session.run(fetches))
      except tf.errors.OutOfRangeError:
        break
      num_found += len(parts[-1]["embeddings"])
    found = {
      name: np.concatenate([part[name] for part in parts])[:num_examples]
      for name in fetches
    }
    names = [name for name in found if isinstance(name, tuple)]
    found["features"] = {name[1]: found.pop(name) for name in names}
    return found

  def close(self) -> None:
    """Frees the session; the next evaluation makes another."""
    if self._session is not None:
      self._session.close()
      self._session = None

  def _start(self, checkpoint_path: str, split: str) -> None:
    """Makes the session stand before the first batch of a split."""
    self._data.check_split(split)
    if self._session is None:
      self._build()
    with self._session.graph.as_default():  # Else a Saver would go by eager.
      self._saver.restore(self._session, checkpoint_path)
    self._session.run(self._reset_op)
    self._session.run(self._initializers[split])

  def _run_all(self, fetches, take: Callable[[Any], None]) -> None:
    while True:
      try:
        fetched = self._session.run(fetches)
      except tf.errors.OutOfRangeError:
        return
      take(fetched)

  def _build(self) -> None:
    graph = tf.Graph()
    with graph.as_default():
      _V1.random.set_random_seed(self._config.tf_random_seed)
      _V1.train.create_global_step()
      datasets = {split: self._input_fn(split)() for split in self._data.splits}
      first = datasets[EVAL_SPLIT]
      iterator = _V1.data.Iterator.from_structure(
        _V1.data.get_output_types(first),
        _V1.data.get_output_shapes(first),
        output_classes=_V1.data.get_output_classes(first),
      )
      self._initializers = {
        split: iterator.make_initializer(dataset)
        for split, dataset in datasets.items()
      }
      features, labels = iterator.get_next()
      spec = self._model_fn(
        features=features,
        labels=labels,
        mode=estimator.ModeKeys.EVAL,
        config=self._config,
      )
      metrics = {
        **spec.eval_metric_ops,
        _LOSS: _V1.metrics.mean(spec.loss),
      }
      self._values = {name: value for name, (value, _) in metrics.items()}
      self._values[_GLOBAL_STEP] = _V1.train.get_global_step()
      self._update_op = tf.group(*(update for _, update in metrics.values()))
      self._collect(features, labels, spec.predictions)
      self._reset_op = _V1.local_variables_initializer()
      scaffold = spec.scaffold or _V1.train.Scaffold()
      scaffold.finalize()  # And the graph with it.
      self._saver = scaffold.saver
    self._session = _V1.Session(graph=graph, config=self._config.session_config)
    # Tables, once.
    self._session.run(scaffold.local_init_op)

  def _input_fn(self, split: str) -> Callable[[], tf.data.Dataset]:
    if split == EVAL_SPLIT:  # Which all pipelines have in order.
      return self._data.input_fn(estimator.ModeKeys.EVAL)
    return self._data.ordered_input_fn(split)

  def _collect(self, features, labels, predictions) -> None:
    """Notes the tensors that `outcomes` fetches."""
    self._kind = None
    self._features = {
      name: value
      for name, value in features.items()
      if isinstance(value, tf.Tensor)
    }
    self._examples = {}
    try:
      self._kind, scores = find_scores(predictions, self._data.label_spec())
    except errors.UserError:
      return  # A head of a kind of its own has its own metrics alone.
    self._examples = {"labels": labels, "scores": scores}
    key = self._data.weight_key
    if key is not None:
      self._examples["weights"] = features[key]


def _write_summaries(folder, metrics, checkpoint_path) -> None:
  """Writes scalars, and which checkpoint they are of, for TensorBoard."""
  summary = _V1.Summary()
  for name, value in metrics.items():
    if name != _GLOBAL_STEP and np.ndim(value) == 0:
      summary.value.add(tag=name, simple_value=float(value))
  summary.value.add(
    tag="checkpoint_path",
    tensor=tf.make_tensor_proto(checkpoint_path, dtype=tf.string),
  )
  with tf.Graph().as_default():  # A FileWriter is refused where eager is on.
    writer = _V1.summary.FileWriterCache.get(folder)
  writer.add_summary(summary, int(metrics[_GLOBAL_STEP]))
  writer.flush()
