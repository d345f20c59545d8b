"""Relational layers: the node partition, the masks and the modules that apply them."""
