"""Python text out of the tree: a module for each kind of statement, on top of `base`."""
