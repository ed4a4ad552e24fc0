"""Reading the files of modules and checkpoints without TensorFlow.

What may be damaged, or come from anybody, is read here first; and a command
that needs no graph need not wait for TensorFlow's import.
"""
