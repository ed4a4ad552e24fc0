"""The cache of modules that were downloaded or unpacked."""
