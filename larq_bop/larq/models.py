"""A model of one Keras, made again on the other: its layers, its calls of them, its weights."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from larq_bop.larq.customs import Customs
from larq_bop.larq.operations import called_again, is_operation
from larq_bop.larq.side import CannotCrossError, Refusals, Side
from larq_bop.larq.signs import check_signs
from larq_bop.larq.tensors import Tensors, is_symbolic
from larq_bop.larq.translation import Translation

__all__ = ["Crossing"]


class Crossing:
    """One model on its way, with the models inside of it.

    Args:
        to: The side to go to.
        dtype: The dtype policy of all layers there, or None for those that they have.
        customs: What is given for what has no equal.

    Attributes:
        origins: The layers that are left, by the `id` of their equals.
    """

    def __init__(self, to: Side, dtype: str | None = None, customs: Customs | None = None):
        self._to, self._dtype = to, dtype
        self._customs = customs or Customs()
        self._translated = Translation(to, dtype, self._customs)
        # By identity: a layer that is called twice is one layer there, too.
        self._layers: dict[int, Any] = {}
        self.origins: dict[int, Any] = {}

    def model(self, source):
        """Returns the equal of a model, with its weights.

        Raises:
            CannotCrossError: if anything has no equal; the message names all that has none.
        """
        if not _is_graph(source):
            raise CannotCrossError(
                f"The model {source.name!r} cannot cross: only Sequential and functional models do."
            )
        if not source.built:
            raise CannotCrossError(
                f"The model {source.name!r} cannot cross: it is not built. Build it first."
            )
        if isinstance(source, self._to.other.keras.Sequential):
            return self._sequential(source)
        return self._functional(source)

    def _sequential(self, source):
        (inputs,) = source.inputs
        first, refusals = _maker(inputs), Refusals()
        for layer in (first, *source.layers):
            with refusals.collecting():
                self._layer(layer)
        refusals.check()
        there = [self._layer(layer) for layer in source.layers]
        if all(isinstance(layer, self._to.keras.layers.Layer) for layer in there):
            model = self._to.keras.Sequential([self._layer(first), *there], name=source.name)
        else:  # A function that is given is no layer.
            x = self._layer(first).output
            ends = [x]
            for layer in source.layers:
                x = self._called(layer, (x,), {})
            model = self._to.keras.Model(*ends, x, name=source.name)
        self._set_all_weights((first, *source.layers))
        return model

    def _functional(self, source):
        """Makes each call of a layer again, with the equal layer and the equal tensors."""
        tensors, refusals = Tensors(self._to, self._dtype), Refusals()
        for x in tf.nest.flatten(source.inputs):
            tensors.put([x], None)
            with refusals.collecting():
                tensors.put([x], [self._layer(_maker(x)).output])
        for depth in sorted(source._nodes_by_depth, reverse=True):
            for node in source._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                layer, arguments = _call(node)
                reasons = tensors.reasons(arguments)
                try:
                    args, kwargs = tensors.equal(arguments)
                    found = tf.nest.flatten(self._called(layer, args, kwargs))
                except CannotCrossError as error:
                    found, reasons = None, [*reasons, *error.args]
                tensors.put(tf.nest.flatten(node.outputs), found, reasons)
                # Masks that Keras 3 computes by itself, no layer needs there.
                if not is_operation(layer):
                    refusals.add(reasons)
        ends = [source.input, source.output]
        refusals.add(tensors.reasons(ends))
        refusals.check()
        model = self._to.keras.Model(*tensors.equal(ends), name=source.name)
        self._set_all_weights(source.layers)
        return model

    def _called(self, layer, args, kwargs):
        refusals = Refusals()
        if kwargs.get("training"):
            refusals.add(
                [
                    f"The layer {layer.name!r} cannot cross: it is called with training=True, "
                    "which Keras 2 obeys in a prediction and Keras 3 does not. Call it without."
                ]
            )
        with refusals.collecting():
            there = None if is_operation(layer) else self._layer(layer)
        refusals.check()
        if there is None:
            given = self._customs.of_layer(layer)
            return called_again(layer, args, kwargs, given, self._dtype)
        try:
            return there(*args, **kwargs)
        except (TypeError, ValueError) as error:
            raise CannotCrossError(f"The layer {layer.name!r} cannot cross: {error}") from error

    def _layer(self, layer):
        """Returns the equal of a layer or of a model, or the function that is given for it."""
        if id(layer) not in self._layers:
            if isinstance(layer, self._to.other.keras.Model):
                there = self.model(layer)
            else:
                there = self._single(layer)
            self._layers[id(layer)] = there
            self.origins[id(there)] = layer
        return self._layers[id(layer)]

    def _single(self, layer):
        """Returns the equal of a layer that is no model, whose weights can cross."""
        there, refusals = None, Refusals()
        with refusals.collecting():
            there = self._translated(layer)
        if self._to is Side.KERAS_2 and (there is None or self._is_layer(there)):
            with refusals.collecting():
                check_signs(layer)
        refusals.check()
        return there

    def _is_layer(self, there) -> bool:
        return isinstance(there, self._to.keras.layers.Layer)

    def _set_all_weights(self, layers) -> None:
        refusals = Refusals()
        for layer in layers:
            with refusals.collecting():
                self._set_weights(layer)
        refusals.check()

    def _set_weights(self, layer) -> None:
        """Gives the equal of a layer its weights; both have them in the same order."""
        there: Any = self._layers.get(id(layer))
        if isinstance(layer, self._to.other.keras.Model) or not self._is_layer(there):
            return
        try:
            there.set_weights(layer.get_weights())
        except ValueError as error:
            raise CannotCrossError(f"The layer {layer.name!r} cannot cross: {error}") from error
        if hasattr(there, "finalize_state"):
            there.finalize_state()  # Computes from the weights what the layer works with.


def _is_graph(model) -> bool:
    return type(model).call.__module__.split(".")[0] in ("keras", "tf_keras")


def _maker(tensor):
    """Returns the layer or operation that a symbolic tensor came from."""
    return tensor._keras_history[0]


def _call(node) -> tuple[Any, tuple[Any, dict[str, Any]]]:
    """Returns a layer, or an operation of Keras 3, and the arguments that it was called with."""
    if hasattr(node, "layer"):
        return node.layer, (node.call_args, node.call_kwargs)
    args, kwargs = node.arguments.args, dict(node.arguments.kwargs)
    # Masks that Keras 3 computes and passes on by itself, Keras 2 does, too.
    mask = kwargs.get("mask")
    if mask is None or (is_symbolic(mask) and not isinstance(_maker(mask), keras.Layer)):
        kwargs.pop("mask", None)
    return node.operation, (args, kwargs)
