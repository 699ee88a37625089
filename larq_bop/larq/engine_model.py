"""A Larq model as Larq Compute Engine can run it in bits."""

from __future__ import annotations

import math

import larq
import tf_keras

from larq_bop.larq.binary_layers import is_meant_to_be_binary
from larq_bop.larq.translation import with_dtype

__all__ = ["for_engine"]


def for_engine(model):
    """Returns a model in float32 that equals a Larq model and has convolutions for dense layers.

    A dense layer on n values is a 1x1 convolution on an image of one pixel with n channels; after a
    `Flatten` it is the convolution over the whole remaining map. Larq Compute Engine keeps the
    weights of binary dense layers in float32 (compute-engine issues 631 and 806), and those of
    convolutions in bits.

    Args:
        model: A Sequential or functional model of Keras 2, built. It is left as it is.
    """
    equals = []

    def clone(layer):
        if isinstance(layer, tf_keras.Model):
            return tf_keras.models.clone_model(layer, clone_function=clone)
        config = {**with_dtype(layer.get_config(), "float32"), **_functions(layer)}
        binary = is_meant_to_be_binary(layer)
        if binary and not layer.input_quantizer:
            # The engine sees no signs through layers in between; the sign of a sign is itself.
            config["input_quantizer"] = "ste_sign"
        if binary and isinstance(layer, larq.layers.QuantDense):
            equal = _convolution(config, layer.input_shape[1:])
        else:
            equal = type(layer).from_config(config)
        equals.append((layer, equal))
        return equal

    there = tf_keras.models.clone_model(model, clone_function=clone)
    for layer, equal in equals:
        weights = layer.get_weights()
        if isinstance(equal, tf_keras.Sequential):
            weights[0] = weights[0][None, None]
        equal.set_weights(weights)
    return there


def _functions(layer) -> dict:
    """Returns the quantizers of a layer that are functions, which Larq reads from no config."""
    names = [name for name in layer.get_config() if name.endswith("_quantizer")]
    quantizers = {name: getattr(layer, name) for name in names}
    return {
        name: quantizer
        for name, quantizer in quantizers.items()
        if quantizer is not None and not isinstance(quantizer, tf_keras.layers.Layer)
    }


def _convolution(dense: dict, shape: tuple[int, ...]) -> tf_keras.Sequential:
    """Returns a dense layer's equal: reshape, convolve, reshape.

    Args:
        dense: The config of the layer.
        shape: The shape of one input.
    """
    config = {name: value for name, value in dense.items() if name not in ("name", "units")}
    convolution = larq.layers.QuantConv2D.from_config(
        {**config, "filters": dense["units"], "kernel_size": 1}
    )
    return tf_keras.Sequential(
        [
            tf_keras.layers.Reshape((1, math.prod(shape[:-1]), shape[-1])),
            convolution,
            tf_keras.layers.Reshape((*shape[:-1], dense["units"])),
        ],
        name=dense["name"],
    )
