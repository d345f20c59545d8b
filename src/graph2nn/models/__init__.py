"""Architectures, each written once against a wiring."""
