"""Copies of a network with another part exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from larq_bop.layers import QuantConv2D, QuantDense


def binary_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Returns the layers with binary kernels, in the order of the network."""
    return [layer for layer in network.layers if isinstance(layer, (QuantConv2D, QuantDense))]


def rebuilt(
    network: keras.Model, arguments: Callable[[keras.layers.Layer], dict[str, Any]]
) -> keras.Model:
    """Returns a copy of a network, its weights included, whose binary layers are made otherwise.

    Args:
        network: A functional model.
        arguments: The arguments of a binary layer that change, by name.

    Returns:
        A network with variables of its own.
    """
    changed = {layer.name: arguments(layer) for layer in binary_layers(network)}

    def clone(layer):
        return type(layer).from_config({**layer.get_config(), **changed.get(layer.name, {})})

    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy
