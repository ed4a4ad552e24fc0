"""Contents: what a file or folder is, and whether all of a module is there."""
