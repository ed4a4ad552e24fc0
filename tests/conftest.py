"""Makes this folder's helper modules importable for the tests below it."""
