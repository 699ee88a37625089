"""Zero padding around maps that are smaller than the kernel, which the engine computes wrongly.

Bits have no zero: Larq Compute Engine pads with ones and then subtracts what the kernel's values on
the padding added. For this it assumes that a kernel reaches beyond at most one edge of the map.
Therefore its optimized kernels are wrong if the map is smaller than the kernel; its reference
kernel is right.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
import tf_keras

from larq_bop.larq.binary_layers import CONVOLUTIONS, pad_values, used_kernel

__all__ = ["has_unknown_size", "is_computed_wrongly", "padded_with_ones"]


def is_computed_wrongly(layer) -> bool:
    """Returns whether the engine would, or for unknown sizes might, compute a layer wrongly."""
    return any(_is_too_small(layer, size) for size in _sizes(layer))


def has_unknown_size(layer) -> bool:
    """Returns whether the size of a layer's map is unknown, or differs between its calls."""
    sizes = _sizes(layer)
    return len(sizes) != 1 or None in next(iter(sizes)) or not layer._inbound_nodes


def _sizes(layer) -> set[tuple[int | None, ...]]:
    """Returns the heights and widths of the maps that a layer is called on."""
    if type(layer) not in CONVOLUTIONS or layer.padding != "same" or pad_values(layer) != 0:
        return set()
    shapes = [layer.get_input_shape_at(i) for i in range(len(layer._inbound_nodes))]
    return {tuple(shape)[1:3] for shape in shapes or [layer._build_input_shape]}


def _is_too_small(layer, size: tuple[int | None, ...]) -> bool:
    reach = zip(size, layer.kernel_size, layer.dilation_rate, strict=True)
    return any(n is None or n < (k - 1) * dilation + 1 for n, k, dilation in reach)


def padded_with_ones(layer, convolution) -> tf_keras.Sequential:
    """Returns the equivalent of a convolution with zero padding, which pads with ones.

    The contribution of the ones is the same in every call: a constant map, which is subtracted. The
    bias is part of this map, and the activation follows.

    Args:
        layer: The layer of the model, called on maps of one known size.
        convolution: The same convolution, padded with ones, without bias and activation.
    """
    kernel = used_kernel(layer)
    height, width, channels = layer.input_shape[1:]
    ones = np.ones((1, height, width, channels), "float32")
    scales = np.abs(kernel[0, 0, 0])
    signs = np.sign(kernel)  # Their sums are exact, those of scaled values are not.
    inside = tf.nn.conv2d(ones, signs, layer.strides, "SAME", dilations=layer.dilation_rate)
    shift = scales * (inside[0].numpy() - signs.sum(axis=(0, 1, 2)))
    if layer.use_bias:
        shift = shift + layer.bias.numpy()
    shape = shift.shape
    return tf_keras.Sequential(
        [
            convolution,
            # Without these layers, the engine would treat the map as a bias of its convolution.
            tf_keras.layers.Reshape((math.prod(shape),)),
            _Shift(shift.reshape(-1)),
            tf_keras.layers.Reshape(shape),
            tf_keras.layers.Activation(layer.activation),
        ],
        name=layer.name,
    )


class _Shift(tf_keras.layers.Layer):
    """Adds constants."""

    def __init__(self, values: np.ndarray):
        super().__init__(dtype="float32")
        self._values = values

    def call(self, inputs):
        return inputs + self._values
