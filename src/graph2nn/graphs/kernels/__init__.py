"""Compiled kernels: the oracle's graphs and numbers to the last bit, thousands of times faster."""
