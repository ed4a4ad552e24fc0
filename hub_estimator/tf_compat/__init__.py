"""TensorFlow-version differences and private TensorFlow symbols.

Every module of the package takes TensorFlow from here (`from
hub_estimator.tf_compat import tf`), so that the choice of Keras, which has to
come before TensorFlow's import, is made in one place.
"""

import tensorflow as tf

__all__ = ["tf"]
