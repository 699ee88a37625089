"""Keras layers with quantizers for their inputs and kernels."""

from larq_bop.layers.conv import QuantConv2D
from larq_bop.layers.dense import QuantDense
from larq_bop.layers.normalization import BatchNormalization

__all__ = ["BatchNormalization", "QuantConv2D", "QuantDense"]
