"""Configs, presets, plans and the folders of results: thousands of runs as plain values."""
