"""Which layers of a Larq model multiply signs by signs, and which are meant to."""

from __future__ import annotations

from collections.abc import Iterator

import larq
import numpy as np
import tensorflow as tf
import tf_keras

_ROLES = ("kernel", "depthwise", "pointwise")

# What these give of signs, in a prediction, are signs.
_KEEPERS = (
    *(tf_keras.layers.Flatten, tf_keras.layers.Reshape, tf_keras.layers.Permute),
    *(tf_keras.layers.MaxPooling1D, tf_keras.layers.MaxPooling2D, tf_keras.layers.MaxPooling3D),
    *(tf_keras.layers.Dropout, tf_keras.layers.Concatenate),
)


def calls(model) -> Iterator[tf_keras.layers.Layer]:
    """Yields the layer of each call in a model, then the layers that it wraps.

    A quantizer that is part of a layer is none of them.
    """
    for nodes in model._nodes_by_depth.values():
        for node in nodes:
            if isinstance(node.layer, tf_keras.Model):
                yield from calls(node.layer)
                continue
            yield node.layer
            for inner in node.layer._flatten_layers(include_self=False):
                if not isinstance(inner, larq.quantizers.Quantizer):
                    yield inner


def makes_signs(quantizer) -> bool:
    """Whether a quantizer is one that Larq Compute Engine takes for the sign, which it is."""
    kinds = (larq.quantizers.SteSign, larq.quantizers.ApproxSign, larq.quantizers.SwishSign)
    functions = (larq.quantizers.ste_sign, larq.quantizers.approx_sign, larq.quantizers.swish_sign)
    return isinstance(quantizer, kinds) or quantizer in functions


def is_meant_to_be_binary(layer) -> bool:
    """Whether a layer quantizes its kernel, and its input or reads signs."""
    quantizers = [getattr(layer, f"{role}_quantizer", None) for role in _ROLES]
    return any(quantizers) and (bool(layer.input_quantizer) or reads_signs(layer))


def reads_signs(layer) -> bool:
    """Whether the values that come to a layer are signs already, at each of its calls."""
    sources = [x._keras_history.layer for node in layer._inbound_nodes for x in node.keras_inputs]
    return bool(sources) and all(
        makes_signs(each)
        or makes_signs(getattr(each, "activation", None))
        or (isinstance(each, _KEEPERS) and reads_signs(each))
        for each in sources
    )


def has_binary_kernel(layer) -> bool:
    """Whether all values of a quantized kernel of one output channel differ in their sign only."""
    kernel = np.abs(layer.kernel_quantizer(tf.convert_to_tensor(layer.kernel)))
    scales = kernel.reshape(-1, kernel.shape[-1])[0]
    return bool(np.all((kernel == scales) & (kernel > 0)))
