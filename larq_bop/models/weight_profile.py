"""The weights of a layer, and the bits of each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import keras

from larq_bop.layers.quantized import QuantizedLayer

__all__ = ["FLOAT_BITS", "WeightProfile", "profiles_of_weights"]

# The number of bits of a value without a quantizer.
FLOAT_BITS = 32


@dataclasses.dataclass(frozen=True, eq=False)
class WeightProfile:
    """One weight of a layer.

    Attributes:
        weight: The variable.
        bitwidth: The number of bits of each of its values in the deployed model.
        trainable: Whether it is trainable.
    """

    weight: keras.Variable
    bitwidth: int
    trainable: bool

    @property
    def count(self) -> int:
        """The number of its values."""
        return math.prod(self.weight.shape)

    @property
    def memory(self) -> int:
        """The number of its bits."""
        return self.count * self.bitwidth

    @property
    def int8_fp_weights_memory(self) -> int:
        """The number of its bits, if no value had more than 8."""
        return self.count * min(self.bitwidth, 8)

    @property
    def fp_equivalent_memory(self) -> int:
        """The number of its bits in float32."""
        return self.count * FLOAT_BITS


def profiles_of_weights(
    layer: keras.layers.Layer, weights: Sequence[keras.Variable] | None = None
) -> list[WeightProfile]:
    """Returns the profiles of a layer's weights, without those that deployment removes.

    The number of bits of a value is the precision of the kernel's quantizer, or else that of the
    variable; all other weights have 32 bits. A deployed batch normalization is one scale and one
    shift for each channel: `beta` is not counted if there is a `moving_mean`, and neither is
    `gamma` if there is a `moving_variance`.

    Args:
        layer: The layer, including the layers inside it.
        weights: The weights to count, or None for all.
    """
    folded = set(_folded(layer))
    precisions = dict(_precisions(layer))
    trainable = {id(weight) for weight in layer.trainable_weights}
    return [
        WeightProfile(
            weight,
            precisions.get(id(weight)) or getattr(weight, "precision", None) or FLOAT_BITS,
            id(weight) in trainable,
        )
        for weight in (layer.weights if weights is None else weights)
        if id(weight) not in folded
    ]


def _folded(layer) -> Iterator[int]:
    for each in layer._flatten_layers():
        if isinstance(each, keras.layers.BatchNormalization) and each.built:
            for absorbed, kept in (("beta", "moving_mean"), ("gamma", "moving_variance")):
                weight = getattr(each, absorbed)
                if weight is not None and getattr(each, kept) is not None:
                    yield id(weight)


def _precisions(layer) -> Iterator[tuple[int, int | None]]:
    for each in layer._flatten_layers():
        if isinstance(each, QuantizedLayer):
            for weight in each.weights:
                yield id(weight), getattr(each.quantizer_of(weight.name), "precision", None)
