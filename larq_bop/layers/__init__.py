"""Keras layers with quantizers for their inputs and kernels."""

from larq_bop.layers.conv import QuantConv1D, QuantConv2D, QuantConv3D
from larq_bop.layers.dense import QuantDense
from larq_bop.layers.depthwise import (
    QuantDepthwiseConv2D,
    QuantSeparableConv1D,
    QuantSeparableConv2D,
)
from larq_bop.layers.normalization import BatchNormalization
from larq_bop.layers.pooling import MaxPooling2D
from larq_bop.layers.transpose import QuantConv2DTranspose, QuantConv3DTranspose

__all__ = [
    "BatchNormalization",
    "MaxPooling2D",
    "QuantConv1D",
    "QuantConv2D",
    "QuantConv2DTranspose",
    "QuantConv3D",
    "QuantConv3DTranspose",
    "QuantDense",
    "QuantDepthwiseConv2D",
    "QuantSeparableConv1D",
    "QuantSeparableConv2D",
]
