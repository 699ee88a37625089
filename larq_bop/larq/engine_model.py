"""The model that Larq Compute Engine can compute with bits, equivalent to a Larq model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import larq
import numpy as np
import tf_keras

from larq_bop.larq.binary_layers import DENSE, ROLES, is_meant_to_be_binary, kernel_of, used_kernel
from larq_bop.larq.dtypes import in_float32, with_dtype
from larq_bop.larq.small_maps import is_computed_wrongly, padded_with_ones

__all__ = ["for_engine"]

# Parts of a layer that may be objects that a config cannot describe.
_PARTS = ("activation", "_quantizer", "_regularizer", "_constraint")


def for_engine(model, weights: Mapping[int, list[np.ndarray]] = MappingProxyType({})):
    """Returns a model in float32, equivalent to a Larq model, with convolutions for dense layers.

    A dense layer on n values is a 1x1 convolution on an image of one pixel with n channels; after a
    `Flatten` it is the convolution over the whole remaining map. Larq Compute Engine stores the
    weights of binary dense layers in float32 (compute-engine issues 631 and 806), and those of
    binary convolutions in bits.

    Kernels have their quantized values and no quantizer: the engine does not evaluate the quantizer
    of a large kernel in advance, and would then not compute with bits.

    Args:
        model: A built Sequential or functional model of Keras 2. It does not change.
        weights: Weights that replace those of layers, by the `id` of the layer.
    """
    equals = []

    def clone(layer):
        if isinstance(layer, tf_keras.Model):
            return tf_keras.models.clone_model(layer, clone_function=clone)
        equals.append((layer, _equal(layer)))
        return equals[-1][1]

    there = tf_keras.models.clone_model(model, clone_function=clone)
    for layer, equal in equals:
        if id(layer) in weights:
            equal.set_weights(weights[id(layer)])
        else:
            _set_weights(layer, equal)
    return there


def _equal(layer):
    """Returns the layer that replaces a layer of the model, without its weights."""
    config = _config(layer)
    if isinstance(layer, tf_keras.layers.Lambda):
        return type(layer)(**config)
    if not is_meant_to_be_binary(layer):
        return type(layer).from_config(config)
    # The engine does not recognize signs through other layers; the sign of a sign is the same.
    config["input_quantizer"] = config.get("input_quantizer") or larq.quantizers.SteSign()
    if type(layer) in DENSE:
        return _convolution(config, layer.input_shape[1:])
    if is_computed_wrongly(layer):
        config.update(use_bias=False, activation=None, pad_values=1)
        return padded_with_ones(layer, larq.layers.QuantConv2D.from_config(config))
    return larq.layers.QuantConv2D.from_config(config)


def _config(layer) -> dict:
    """Returns a layer's config in float32, with its parts as objects and no kernel quantizers."""
    config = with_dtype(layer.get_config(), "float32")
    if isinstance(layer, tf_keras.layers.Lambda):
        config = {name: config[name] for name in ("name", "dtype", "arguments")}
        return {**config, "function": layer.function, "mask": layer.mask}
    for name in config:
        part = getattr(layer, name, None)
        if name.endswith("_quantizer") and isinstance(part, tf_keras.layers.Layer):
            config[name] = in_float32(part)
        elif name.endswith("_initializer") and callable(part):
            config[name] = "zeros"  # The weights are given.
        elif name.endswith(_PARTS) and callable(part):
            config[name] = part
    return {**config, **{f"{role}_quantizer": None for role in _roles(layer)}}


def _roles(layer) -> list[str]:
    """Returns the roles of the kernels that a layer quantizes."""
    return [role for role in ROLES if getattr(layer, f"{role}_quantizer", None)]


def _set_weights(layer, equal) -> None:
    quantized = {id(kernel_of(layer, role)): used_kernel(layer, role) for role in _roles(layer)}
    values = [quantized.get(id(v), v.numpy()) for v in _own_weights(layer)]
    # A convolution that is padded with ones has its bias in a constant.
    for variable, value in zip(_own_weights(equal), values, strict=False):
        variable.assign(value.reshape(variable.shape))
    quantizer = getattr(layer, "input_quantizer", None)
    if isinstance(quantizer, tf_keras.layers.Layer) and quantizer.weights:
        equal.input_quantizer.set_weights(quantizer.get_weights())
    if hasattr(equal, "finalize_state"):
        equal.finalize_state()  # Computes from the weights what the layer uses in its call.


def _own_weights(layer) -> list:
    """Returns the variables of a layer without those of its quantizers."""
    parts = [getattr(layer, f"{role}_quantizer", None) for role in (*ROLES, "input")]
    theirs = {id(v) for part in parts for v in getattr(part, "weights", ())}
    return [v for v in layer.weights if id(v) not in theirs]


def _convolution(dense: dict, shape: tuple[int, ...]) -> tf_keras.Sequential:
    """Returns the equivalent of a dense layer: reshape, convolve, reshape.

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
