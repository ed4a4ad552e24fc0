"""Sweeps: studies over Gin bindings, module handles first among them."""
