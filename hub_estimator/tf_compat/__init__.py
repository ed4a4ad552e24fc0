"""TensorFlow-version differences and private TensorFlow symbols."""
