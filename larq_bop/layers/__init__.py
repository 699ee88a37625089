"""Keras layers with quantizers for their inputs and kernels."""

from larq_bop.layers.conv import QuantConv2D
from larq_bop.layers.dense import QuantDense

__all__ = ["QuantConv2D", "QuantDense"]
