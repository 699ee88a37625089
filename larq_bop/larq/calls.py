"""The calls of layers that a model consists of, with the models inside of it opened."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import larq
import tensorflow as tf
import tf_keras

__all__ = ["Call", "called_layers", "calls"]


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        layer: The layer.
        inputs: The numbers of the tensors that it is called on.
        outputs: The numbers of those that it gives; no two calls give the same.
    """

    layer: tf_keras.layers.Layer
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def calls(model) -> list[Call]:
    """Returns the calls of layers in a model, from its inputs to its outputs."""
    found: list[Call] = []
    numbers = itertools.count()
    _collect(model, [next(numbers) for _ in model.inputs], numbers, found)
    return found


def _collect(model, inputs, numbers: Iterator[int], found: list[Call]) -> list[int]:
    """Adds the calls of a model on numbered tensors, and returns the numbers of its outputs."""
    known = {_key(x): number for x, number in zip(model.inputs, inputs, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            outputs = tf.nest.flatten(node.outputs)
            given = [known[_key(x)] for x in node.keras_inputs]
            if isinstance(node.layer, tf_keras.Model):
                made = _collect(node.layer, given, numbers, found)
            else:
                made = [next(numbers) for _ in outputs]
                found.append(Call(node.layer, tuple(given), tuple(made)))
            known.update(zip(map(_key, outputs), made, strict=True))
    return [known[_key(x)] for x in model.outputs]


def _key(tensor) -> tuple[int, int, int]:
    history = tensor._keras_history
    return id(history.layer), history.node_index, history.tensor_index


def called_layers(model) -> list[tf_keras.layers.Layer]:
    """Returns the layer of each call, each followed by the layers that it wraps.

    A quantizer that is part of a layer is none of them.
    """
    return [
        layer
        for call in calls(model)
        for layer in (call.layer, *call.layer._flatten_layers(include_self=False))
        if not isinstance(layer, larq.quantizers.Quantizer) or layer is call.layer
    ]
