"""ModuleModel: a module, a head and an optimizer make a model_fn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, Optional

import gin

from hub_estimator import errors, estimator, hub
from hub_estimator.inputs import InputPipeline
from hub_estimator.models.heads import HeadFn, check_label_kind, num_classes_of
from hub_estimator.models.model_summary import summarize_graph
from hub_estimator.models.module_encoder import ModuleEncoder
from hub_estimator.optimization import Optimization
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
    export_name: str = "module",
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
      export_name: the folder name of the module in an export.

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
    self.hidden_units = hidden_units
    self.encoder = encoder
    self.export_name = export_name
    self._head_fn = head_fn
    self.optimization = optimization

  def create_head(self, input_pipeline: InputPipeline) -> estimator.Head:
    """Creates the head for the classes of the data.

    Raises:
      UserError: labels outside of the head's classes, or a head that does not
        fit the kind of the labels.
    """
    head = self._head_fn(input_pipeline.num_classes)
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

  def check(self, input_pipeline: InputPipeline) -> None:
    """Raises UserError if the data does not fit the module or the head."""
    self.encoder.check_features(input_pipeline.feature_spec())
    self.create_head(input_pipeline)

  def create_model_fn(self, input_pipeline: InputPipeline) -> Callable:
    """Creates the Estimator's model_fn.

    In TRAIN mode the module has its training tags; the loss is the head's plus
    the scaled REGULARIZATION_LOSSES; UPDATE_OPS run before the variables are
    updated. The module is registered for export in every mode.

    Args:
      input_pipeline: what the model is trained on.

    Returns:
      model_fn(features, labels, mode, config) -> EstimatorSpec, with features a
      dict of tensors as in `input_pipeline.feature_spec()`.
    """
    head = self.create_head(input_pipeline)

    def model_fn(
      features: dict[str, tf.Tensor],
      labels: Optional[tf.Tensor],
      mode: str,
      config: estimator.RunConfig,
    ) -> estimator.EstimatorSpec:
      del config
      module = self.encoder.instantiate(mode)
      hub.register_module_for_export(module, self.export_name)
      embedding = self.encoder.encode(module, features)
      hidden = embedding
      for number, units in enumerate(self.hidden_units, start=1):
        hidden = tf.nn.relu(_dense(hidden, units, name=f"hidden_{number}"))
      logits = _dense(hidden, head.logits_dimension, name="logits")
      summarize_graph(module, self.encoder.signature, self.encoder.output)
      return head.create_estimator_spec(
        features=features,
        mode=mode,
        logits=logits,
        labels=labels,
        train_op_fn=self.optimization.build_train_op,
        regularization_losses=(
          self.optimization.create_regularization_losses()
        ),
      )

    return model_fn


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
