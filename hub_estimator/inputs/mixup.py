"""Mixup of the examples of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub_estimator import errors
from hub_estimator.inputs.pipeline import MIXUP_FRACTION, MIXUP_LABELS

if TYPE_CHECKING:
  from hub_estimator.tf_compat import tf

# Keeps the draws apart from those of augmentations, which have the same seed.
_SALT = 101
_LARGEST_ALPHA = 1000


def check_mixup_alpha(owner: str, mixup_alpha: Any, batch_size: int) -> None:
  """Raises unless mixup can be done.

  Args:
    owner: the Gin configurable whose argument it is.
    mixup_alpha: the parameter of the beta distribution, 0 for no mixup.
    batch_size: the number of examples in a batch.

  Raises:
    UserValueError: it cannot.
  """
  if (
    not isinstance(mixup_alpha, (int, float))
    or isinstance(mixup_alpha, bool)
    or not 0 <= mixup_alpha <= _LARGEST_ALPHA
  ):
    raise errors.UserValueError(
      f"`{owner}.mixup_alpha` is a number from 0 (no mixup) to "
      f"{_LARGEST_ALPHA}; got {mixup_alpha!r}."
    )
  if mixup_alpha and batch_size < 2:
    raise errors.UserValueError(
      f"`{owner}.mixup_alpha = {mixup_alpha}` mixes the examples of a batch, "
      f"but `{owner}.batch_size = {batch_size}`: make it 2 or more."
    )


def draw_fractions(alpha: float, shape: Any, seed: tf.Tensor) -> tf.Tensor:
  """Draws numbers of Beta(alpha, alpha), the same for the same seed.

  A beta variate is G / (G + H) of two gamma variates. Those of a small `alpha`
  often underflow, so that both would be zero; their logarithms do not: log G of
  Gamma(alpha) is log of Gamma(alpha + 1) plus log U / alpha.

  Args:
    alpha: greater than 0.
    shape: the shape of the result.
    seed: int64 [2].

  Returns:
    float32 numbers from 0 to 1.
  """
  from hub_estimator.tf_compat import tf

  def draw_log_gamma(salt):
    salted = seed + tf.constant([salt << 32, 0], tf.int64)
    gamma = tf.random.stateless_gamma(shape, salted, alpha + 1.0)
    uniform = tf.random.stateless_uniform(
      shape, salted + tf.constant([1 << 32, 0], tf.int64), minval=1e-30
    )
    return tf.math.log(gamma) + tf.math.log(uniform) / alpha

  return tf.sigmoid(draw_log_gamma(_SALT) - draw_log_gamma(_SALT + 2))


def mix_batch(
  features: dict[str, tf.Tensor],
  labels: tf.Tensor,
  alpha: float,
  seed: tf.Tensor,
) -> dict[str, tf.Tensor]:
  """Mixes each example of a batch with the one before it.

      x̃_i = λ_i x_i + (1 - λ_i) x_{i-1},   λ_i ~ Beta(alpha, alpha)

  where the one before the first is the last. The labels are not mixed: a loss
  is λ_i L(y_i) + (1 - λ_i) L(y_{i-1}), which for cross entropy is that of the
  mixed labels. Zhang et al., 2018, "mixup: Beyond Empirical Risk Minimization",
  https://arxiv.org/abs/1710.09412; for images they take alpha from 0.1 to 0.4
  and one λ for a batch, here each example has its own.

  Args:
    features: name -> floats [batch_size, ...].
    labels: [batch_size, num_columns].
    alpha: greater than 0; small ones mix most examples a little.
    seed: int64 [2], another one for each batch.

  Returns:
    the mixed features, and two more: `MIXUP_LABELS`, the labels of the examples
    mixed in, like `labels`, and `MIXUP_FRACTION`, λ, float32 [batch_size, 1].

  Raises:
    UserValueError: a feature is not of floats.
  """
  from hub_estimator.tf_compat import tf

  wrong = [
    f"{name!r} ({tensor.dtype.name})"
    for name, tensor in features.items()
    if not tensor.dtype.is_floating
  ]
  if wrong:
    raise errors.UserValueError(
      f"Mixup takes weighted sums of features, but {', '.join(wrong)} "
      f"{'are' if len(wrong) > 1 else 'is'} not of floats: set mixup_alpha = 0."
    )
  fractions = draw_fractions(alpha, [tf.shape(labels)[0], 1], seed)
  mixed = {}
  for name, tensor in features.items():
    share = tf.cast(
      tf.reshape(fractions, [-1] + [1] * (tensor.shape.rank - 1)), tensor.dtype
    )
    # Not x_j + λ (x_i - x_j), which at λ = 1 may differ from x_i.
    mixed[name] = share * tensor + (1 - share) * tf.roll(tensor, 1, 0)
  return {
    **mixed,
    MIXUP_LABELS: tf.roll(labels, 1, 0),
    MIXUP_FRACTION: fractions,
  }
