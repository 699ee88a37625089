"""The integers that a binary layer computes, and the step of a function between two of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import larq
import numpy as np
import tf_keras

from larq_bop.larq.binary_layers import (
    CONVOLUTIONS,
    DENSE,
    has_binary_kernel,
    is_meant_to_be_binary,
    used_kernel,
)

__all__ = ["Integers", "integers_of", "step_between"]

_MONOTONE = (
    *(tf_keras.activations.linear, tf_keras.activations.relu),
    *(larq.activations.hard_tanh, larq.activations.leaky_tanh),
)

# The largest input in units: 16 bits, more than the values of a byte have.
_LARGEST_INPUT = 2**16


@dataclasses.dataclass(frozen=True)
class Integers:
    """The possible outputs of a layer: one for each integer from -largest to largest.

    An output is `activation(integer * units + bias)`.

    Attributes:
        largest: The largest integer.
        units: The factor of the integer, by channel.
        bias: The bias, by channel.
        activation: The layer's activation, which is monotone.
    """

    largest: int
    units: np.ndarray
    bias: np.ndarray
    activation: Callable

    def values(self, integers: np.ndarray) -> np.ndarray:
        """Returns the outputs for one integer of each channel, in float32."""
        return np.asarray(self.activation(self.units * np.float32(integers) + self.bias))

    def repeated(self, times: int) -> Integers:
        """Returns the same for the outputs at several places, flattened."""
        units, bias = np.tile(self.units, times), np.tile(self.bias, times)
        return dataclasses.replace(self, units=units, bias=bias)

    @property
    def are_exact(self) -> bool:
        """Whether sums before the bias are exact in float32, in any order."""
        return bool(np.all(np.frexp(self.units)[0] == 0.5) and self.largest < 2**24)


def integers_of(layer, input_unit: float | None) -> Integers | None:
    """Returns the possible outputs of a layer for signs or bytes, or None if they are unknown.

    Args:
        layer: A layer of a model that can be converted.
        input_unit: A number of which the layer's inputs are whole multiples, if they are not signs;
            None if it is unknown.
    """
    if type(layer) not in (*CONVOLUTIONS, *DENSE) or layer.activation not in _MONOTONE:
        return None
    if is_meant_to_be_binary(layer):
        unit, largest = 1.0, 1
    elif input_unit and not getattr(layer, "input_quantizer", None) and has_binary_kernel(layer):
        unit, largest = input_unit, _LARGEST_INPUT
    else:
        return None
    kernel = used_kernel(layer)
    channels = kernel.shape[-1]
    return Integers(
        largest=largest * math.prod(kernel.shape[:-1]),
        units=np.float32(unit) * np.abs(kernel.reshape(-1, channels)[0]),
        bias=layer.bias.numpy() if layer.use_bias else np.zeros(channels, "float32"),
        activation=layer.activation,
    )


def step_between(
    integers: Integers, is_positive: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Finds where a monotone function of a layer's outputs changes its sign, in each channel.

    Args:
        integers: The possible outputs of the layer.
        is_positive: A function that takes one output of each channel and returns whether the
            monotone function is positive there.

    Returns:
        For each channel a value in the middle between the two neighbouring outputs where the sign
        changes, or a value beyond all outputs if it does not change; and whether the function is
        positive above that value.
    """

    def at(integer: np.ndarray) -> np.ndarray:
        return is_positive(integers.values(integer))

    low = np.full(integers.units.shape, -integers.largest)
    high = -low
    first, last = at(low), at(high)
    beyond = np.where(
        first, integers.values(low) - integers.units, integers.values(high) + integers.units
    )
    for _ in range(int(2 * integers.largest).bit_length()):
        middle = (low + high) // 2
        is_low = at(middle) == first
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    between = (np.float64(integers.values(low)) + integers.values(high)) / 2
    return np.where(first != last, between, beyond).astype("float32"), last | (first == last)
