"""The multiply-accumulate operations (MACs) of a layer, and their precision in bits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import keras

from larq_bop.models.calls import Call
from larq_bop.models.weight_profile import FLOAT_BITS, WeightProfile

__all__ = ["OperationProfile", "profiles_of_operations"]

_layers = keras.layers
_DENSE = (_layers.Dense,)
_CONVOLUTIONS = (
    *(_layers.Conv1D, _layers.Conv2D, _layers.Conv3D),
    *(_layers.DepthwiseConv1D, _layers.DepthwiseConv2D),
    *(_layers.SeparableConv1D, _layers.SeparableConv2D),
)
_TRANSPOSED = (_layers.Conv1DTranspose, _layers.Conv2DTranspose, _layers.Conv3DTranspose)

_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


@dataclasses.dataclass(frozen=True)
class OperationProfile:
    """Operations of one kind.

    Attributes:
        n: The number of operations for one sample.
        precision: The number of bits of the wider one of the two factors.
        op_type: `"mac"`, the only kind that is counted.
    """

    n: int
    precision: int
    op_type: str = "mac"


def profiles_of_operations(
    layer: keras.layers.Layer, calls: Sequence[Call], weights: Sequence[WeightProfile]
) -> list[OperationProfile] | None:
    """Returns the MACs of a layer for one sample, or None if they are unknown.

    A MAC multiplies an input value by a weight. At each position of the kernel there is one MAC for
    each of its values. The positions are the pixels of the output, or those of the input of a
    transposed convolution. A layer without weights has no MACs, and neither has a batch
    normalization, which becomes a threshold when it is deployed.

    Args:
        layer: The layer.
        calls: Its calls.
        weights: Its weights.
    """
    if not weights or isinstance(layer, keras.layers.BatchNormalization):
        return []
    positions = [_positions(layer, call) for call in calls]
    known = [n for n in positions if n is not None]
    if not known or len(known) < len(positions):
        return None
    return [
        OperationProfile(
            sum(known) * weight.count,
            max(_precision_of_input(layer, weight), weight.bitwidth),
        )
        for weight in weights
        if weight.weight.name in _KERNELS
    ]


def _precision_of_input(layer, weight: WeightProfile) -> int:
    # The input of the pointwise convolution are sums of the depthwise one, which are not quantized.
    if weight.weight.name == "pointwise_kernel":
        return FLOAT_BITS
    return getattr(getattr(layer, "input_quantizer", None), "precision", None) or FLOAT_BITS


def _positions(layer, call: Call) -> int | None:
    """Returns how often the kernel is applied in a call, or None if that is unknown."""
    if isinstance(layer, _DENSE):
        sizes = call.output_shapes[0][1:-1]
    elif isinstance(layer, _CONVOLUTIONS):
        sizes = _spatial(call.output_shapes[0], layer.data_format)
    elif isinstance(layer, _TRANSPOSED):
        sizes = _spatial(call.input_shapes[0], layer.data_format)
    else:
        return None
    known = [size for size in sizes if size is not None]
    return math.prod(known) if len(known) == len(sizes) else None


def _spatial(shape, data_format: str):
    return shape[1:-1] if data_format == "channels_last" else shape[2:]
