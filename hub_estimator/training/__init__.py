"""Runs: configuration, training, evaluation and export.

Nothing is imported here, so that reading a configuration and answering a
usage error do not pay for importing TensorFlow.
"""
