"""ModuleModel: a module, a head and an optimizer make a model_fn."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Callable, Optional

import gin

from hub_estimator import errors, estimator, hub
from hub_estimator.inputs import InputPipeline
from hub_estimator.inputs.pipeline import MIXUP_FRACTION
from hub_estimator.models import encoder_checks
from hub_estimator.models.feature_cache import EMBEDDING
from hub_estimator.models.heads import (
  HeadFn,
  call_head_fn,
  check_label_kind,
  check_takes_mixup,
  num_classes_of,
)
from hub_estimator.models.model_graph import (
  ModelGraph,
  complete_spec,
  planned_variables,
)
from hub_estimator.models.model_summary import (
  note_embedding,
  summarize_graph,
)
from hub_estimator.models.module_encoder import ModuleEncoder
from hub_estimator.models.selected_features import select
from hub_estimator.optimization import (
  Optimization,
  argument_checks,
  summaries,
)
from hub_estimator.recipes import FineTuningPlan, Recipe, Stage, create_plan
from hub_estimator.tf_compat import tf

_HEAD_HINT = (
  "write one of @create_multi_class_head_fn(), @create_binary_head_fn(), "
  "@create_multi_label_head_fn(), @create_regression_head_fn(), with its "
  "parentheses (HEAD)."
)


@gin.register(module="hub_estimator")
class ModuleModel:
  """Builds the model_fn: features → module → logits → head.

  In the graph, the module stands under `module/`, layers between under
  `hidden_1/`, … and the last layer under `logits/`, so that checkpoints of
  different modules look alike.
  """

  def __init__(
    self,
    encoder: ModuleEncoder = gin.REQUIRED,
    head_fn: HeadFn = gin.REQUIRED,
    optimization: Optimization = gin.REQUIRED,
    hidden_units: Sequence[int] = (),
    dropout_rate: float = 0.0,
    export_name: str = "module",
    histograms: bool = False,
  ):
    """Holds the parts.

    Args:
      encoder: the module, and how it is called.
      head_fn: number of classes of the data (None for regression) -> head.
      optimization: how the variables are trained, and the factor of
        REGULARIZATION_LOSSES in the loss.
      hidden_units: sizes of ReLU layers between the module and the logits,
        which stay with the model when the module is exported. Layers that are
        trained with a module and not published with it keep what is particular
        to its first task out of it (Wang et al., "Revisiting the
        Transferability of Supervised Pretraining: an MLP Perspective", 2022,
        https://arxiv.org/abs/2112.00496).
      dropout_rate: the part of the values that are set to zero, in training,
        before each layer of the head: of the embedding and of hidden layers
        (Srivastava et al., 2014,
        https://jmlr.org/papers/v15/srivastava14a.html).
      export_name: the folder name of the module in an export.
      histograms: whether training writes histograms of the weights for
        TensorBoard, besides the norm of each group.

    Raises:
      UserError: an argument of another kind, such as a reference without its
        parentheses, or `hidden_units` that are no sizes.
    """
    _check_kind("encoder", encoder, ModuleEncoder, "@ModuleEncoder()")
    _check_kind("optimization", optimization, Optimization, "@Optimization()")
    if not callable(head_fn):
      raise errors.UserTypeError(
        f"ModuleModel.head_fn = {head_fn!r}: {_HEAD_HINT}"
      )
    if not isinstance(export_name, str):
      raise errors.UserTypeError(
        f"ModuleModel.export_name = {export_name!r}: it is the name of a "
        "folder, in quotes."
      )
    if not isinstance(hidden_units, (list, tuple)) or not all(
      isinstance(n, int) and n >= 1 for n in hidden_units
    ):
      raise errors.UserValueError(
        f"ModuleModel.hidden_units = {hidden_units!r}: it is a list of layers' "
        "sizes, whole numbers of at least 1, such as [128]; [] for none."
      )
    argument_checks.check_number(
      "ModuleModel.dropout_rate", dropout_rate, 0, 1, without_high=True
    )
    self.hidden_units = hidden_units
    self.dropout_rate = dropout_rate
    self.encoder = encoder
    self.export_name = export_name
    self.histograms = histograms
    self._head_fn = head_fn
    self.optimization = optimization

  def create_head(
    self, input_pipeline: InputPipeline, is_training: bool = False
  ) -> estimator.Head:
    """Creates the head for the classes of the data.

    Args:
      input_pipeline: the data.
      is_training: whether its loss is that of training, with label smoothing
        and class weights.

    Raises:
      UserError: labels outside of the head's classes, or a head that does not
        fit the kind of the labels.
    """
    head = call_head_fn(self._head_fn, input_pipeline, is_training)
    if not isinstance(head, estimator.Head):
      raise errors.UserTypeError(
        f"ModuleModel.head_fn returns a {type(head).__name__}, which is no "
        f"head: {_HEAD_HINT}"
      )
    check_label_kind(head, input_pipeline.label_spec())
    num_classes = num_classes_of(head)
    if num_classes is not None:
      input_pipeline.check_labels(num_classes)
    return head

  def with_optimization(self, optimization: Optimization) -> ModuleModel:
    """Returns a model that differs in its optimization."""
    changed = copy.copy(self)
    changed.optimization = optimization
    return changed

  def check(self, input_pipeline: InputPipeline) -> None:
    """Raises UserError if the data does not fit the module or the head."""
    self.encoder.check_features(input_pipeline.feature_spec())
    self.create_head(input_pipeline)
    self.create_head(input_pipeline, is_training=True)

  def create_plan(
    self, recipes: Sequence[Recipe] = (), train_steps: int = 1
  ) -> FineTuningPlan:
    """Lets recipes say what of the module trains, when and how fast.

    Args:
      recipes: in the order in which they are applied; without any, all that the
        encoder says trains, from the first step.
      train_steps: the global step to train to.

    Raises:
      UserError: recipes that do not fit the module or each other, or a module
        without trainable variables that is to be trained.
    """
    variables = planned_variables(self.encoder)
    plan = create_plan(recipes, variables, train_steps)
    if not variables and all(r.needs_trained_module for r in recipes):
      encoder_checks.check_trainable(self.encoder)
    for penalty in plan.penalties:
      penalty.check(self.encoder.spec)
    return plan

  def create_model_fn(
    self,
    input_pipeline: InputPipeline,
    plan: Optional[FineTuningPlan] = None,
    stage: Optional[Stage] = None,
    selected_features: Optional[Sequence[int]] = None,
  ) -> Callable:
    """Creates the Estimator's model_fn.

    In TRAIN mode a module that trains has its training tags, else it is in
    inference mode; the loss is the head's plus the scaled REGULARIZATION_LOSSES
    and the plan's penalties; UPDATE_OPS of layers that train run before the
    variables are updated; SUMMARIES get learning rates, penalties and norms of
    the groups. The module is registered for export in every mode.

    Args:
      input_pipeline: what the model is trained on.
      plan: of `create_plan`; that without recipes if None.
      stage: the part of the plan to train; its first if None.
      selected_features: the numbers of the features to use, if the plan selects
        some; all that it would keep, from the first on, if None.

    Returns:
      model_fn(features, labels, mode, config) -> EstimatorSpec, with features a
      dict of tensors as in `input_pipeline.feature_spec()`, and as in
      `InputPipeline` weights and mixup; or `EMBEDDING` in place of the former,
      if the stage uses cached features.
    """
    plan = plan or self.create_plan()
    stage = stage or plan.stages[0]
    heads = {
      is_training: self.create_head(input_pipeline, is_training)
      for is_training in (True, False)
    }

    def model_fn(
      features: dict[str, tf.Tensor],
      labels: Optional[tf.Tensor],
      mode: str,
      config: estimator.RunConfig,
    ) -> estimator.EstimatorSpec:
      is_training = mode == estimator.ModeKeys.TRAIN
      head = heads[is_training]
      if MIXUP_FRACTION in features:
        check_takes_mixup(head)
      module = self.encoder.instantiate(mode, stage.trains_module)
      hub.register_module_for_export(module, self.export_name)
      embedding = self._embed(module, features, mode, plan, input_pipeline)
      if plan.selection is not None:
        embedding = select(embedding, plan.selection, selected_features)
      note_embedding(embedding)
      logits = self._build_head_layers(
        embedding, head.logits_dimension, is_training
      )
      model_graph = ModelGraph(module, plan, stage)
      optimization = dataclasses.replace(
        self.optimization,
        regularization_scale=(
          self.optimization.regularization_scale * plan.regularization_scale
        ),
      )
      penalties = model_graph.build_penalties()
      update_ops = model_graph.update_ops() if is_training else None
      summarize_graph(
        model_graph, self.encoder.signature, self.encoder.output, update_ops
      )
      if is_training:
        summaries.add_weight_summaries(model_graph.groups(), self.histograms)
      averaged = model_graph.averaged_variables()
      spec = head.create_estimator_spec(
        features=features,
        mode=mode,
        logits=logits,
        labels=labels,
        train_op_fn=lambda loss: optimization.build_train_op(
          loss,
          groups=model_graph.groups(),
          update_ops=update_ops,
          averaged_variables=averaged,
        ),
        regularization_losses=optimization.create_regularization_losses(
          penalties
        ),
      )
      return complete_spec(spec, mode, optimization, stage, averaged, config)

    return model_fn

  def _embed(self, module, features, mode, plan, input_pipeline) -> tf.Tensor:
    """Returns the module's embedding, called for or out of the cache."""
    if EMBEDDING in features and mode != estimator.ModeKeys.PREDICT:
      return features[EMBEDDING]
    names = input_pipeline.feature_spec()
    inputs = {name: features[name] for name in names}
    if plan.selection is not None:
      return self.encoder.encode_all_outputs(
        module, inputs, plan.selection.target_size
      )
    return self.encoder.encode(module, inputs, mode)

  def _build_head_layers(
    self, hidden: tf.Tensor, num_logits: int, is_training: bool
  ) -> tf.Tensor:
    """Builds the layers between the embedding and the loss."""

    def drop(values):
      if not is_training or not self.dropout_rate:
        return values
      return tf.nn.dropout(values, rate=self.dropout_rate)

    for number, units in enumerate(self.hidden_units, start=1):
      layer = _dense(drop(hidden), units, name=f"hidden_{number}")
      hidden = tf.nn.relu(layer)
    return _dense(drop(hidden), num_logits, name="logits")


def _check_kind(name, value, kind, way_out) -> None:
  if not isinstance(value, kind):
    raise errors.UserTypeError(
      f"ModuleModel.{name} = {value!r}: write {way_out}, with its parentheses."
    )


def _dense(inputs: tf.Tensor, units: int, name: str) -> tf.Tensor:
  """A linear layer: [batch_size, size] -> [batch_size, units].

  Its kernel is drawn from Glorot's uniform distribution, its bias starts at 0.
  """
  with tf.compat.v1.variable_scope(name, use_resource=True):
    kernel = tf.compat.v1.get_variable(
      "kernel",
      [inputs.shape[-1], units],
      dtype=inputs.dtype,
      initializer=tf.compat.v1.glorot_uniform_initializer(),
    )
    bias = tf.compat.v1.get_variable(
      "bias",
      [units],
      dtype=inputs.dtype,
      initializer=tf.compat.v1.zeros_initializer(),
    )
    return tf.nn.bias_add(tf.matmul(inputs, kernel), bias)
