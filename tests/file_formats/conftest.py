"""That this file is here makes the folder's helper modules importable."""
