"""The Triton engine: relational linear layers on a CUDA device, on their blocks alone. Untested on GPU."""

from graph2nn.layers.triton.linear import TritonLinear

__all__ = ["TritonLinear"]
