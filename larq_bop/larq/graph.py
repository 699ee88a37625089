"""The calls of layers that a model consists of, including those in nested models."""

from __future__ import annotations

import dataclasses
import itertools

import larq
import tensorflow as tf
import tf_keras

__all__ = ["Call", "Graph", "called_layers"]


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        layer: The layer.
        inputs: The numbers of its input tensors.
        outputs: The numbers of its output tensors, which are different for all calls.
        shape: The shape of the first output, including the batch.
        training: Whether it is called with `training=True`, which Keras 2 obeys in predictions.
    """

    layer: tf_keras.layers.Layer
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shape: tuple[int | None, ...]
    training: bool


class Graph:
    """A model as calls of layers on numbered tensors.

    Attributes:
        calls: The calls, from the model's inputs to its outputs.
        inputs: The numbers of the model's inputs.
        outputs: The numbers of its outputs.

    Args:
        model: A Sequential or functional model of Keras 2.
    """

    def __init__(self, model):
        self.calls: list[Call] = []
        self._numbers = itertools.count()
        self.inputs = [next(self._numbers) for _ in model.inputs]
        self.outputs = self._open(model, self.inputs)
        self._makers = {number: call for call in self.calls for number in call.outputs}

    def _open(self, model, inputs: list[int]) -> list[int]:
        """Adds the calls of a model on numbered tensors, and returns the numbers of its outputs."""
        known = {_key(x): number for x, number in zip(model.inputs, inputs, strict=True)}
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    given = [known[_key(x)] for x in node.keras_inputs]
                    outputs = tf.nest.flatten(node.outputs)
                    made = self._add(node, given, outputs)
                    known.update(zip(map(_key, outputs), made, strict=True))
        return [known[_key(x)] for x in model.outputs]

    def _add(self, node, given: list[int], outputs: list) -> list[int]:
        if isinstance(node.layer, tf_keras.Model):
            return self._open(node.layer, given)
        made = [next(self._numbers) for _ in outputs]
        shape, training = tuple(outputs[0].shape), bool(node.call_kwargs.get("training"))
        self.calls.append(Call(node.layer, tuple(given), tuple(made), shape, training))
        return made

    def makers(self, call: Call) -> list[Call]:
        """Returns the calls whose outputs are inputs of a call; the model's inputs have none."""
        return [self._makers[number] for number in call.inputs if number in self._makers]

    def readers(self, call: Call) -> list[Call]:
        """Returns the calls whose inputs are outputs of a call."""
        return [each for each in self.calls if not set(each.inputs).isdisjoint(call.outputs)]

    def calls_of(self, layer) -> list[Call]:
        """Returns the calls of one layer."""
        return [call for call in self.calls if call.layer is layer]


def _key(tensor) -> tuple[int, int, int]:
    history = tensor._keras_history
    return id(history.layer), history.node_index, history.tensor_index


def called_layers(model) -> list[tf_keras.layers.Layer]:
    """Returns the layer of each call, each followed by the layers that it wraps.

    Quantizers that are parts of layers are not included.
    """
    return [
        layer
        for call in Graph(model).calls
        for layer in (call.layer, *call.layer._flatten_layers(include_self=False))
        if not isinstance(layer, larq.quantizers.Quantizer) or layer is call.layer
    ]
