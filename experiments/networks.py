"""Copies of a network with changed binary layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from larq_bop.layers import QuantConv2D, QuantDense


def binary_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Returns the `QuantConv2D` and `QuantDense` layers of a network, in its order."""
    return [layer for layer in network.layers if isinstance(layer, (QuantConv2D, QuantDense))]


def rebuilt(
    network: keras.Model, arguments: Callable[[keras.layers.Layer], dict[str, Any]]
) -> keras.Model:
    """Returns a copy of a network, with its weights, whose binary layers have other arguments.

    Args:
        network: A functional model.
        arguments: A function that takes a binary layer and returns its changed arguments by name.

    Returns:
        A network that shares no variables with the given one.
    """
    changed = {layer.name: arguments(layer) for layer in binary_layers(network)}

    def clone(layer):
        return type(layer).from_config({**layer.get_config(), **changed.get(layer.name, {})})

    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy
