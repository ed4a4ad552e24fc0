"""Module functions and publishers: where modules come from."""
