"""Conversion of a model to the other Keras: its layers, their calls, and the weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from larq_bop.larq.customs import Customs
from larq_bop.larq.operations import called_again, is_operation, refuse_unknown
from larq_bop.larq.side import CannotCrossError, Side
from larq_bop.larq.translation import Translation
from larq_bop.layers.quantized import QuantizedLayer
from larq_bop.quantizers.base import marks_binary

__all__ = ["Crossing"]


class Crossing:
    """The conversion of one model, including nested models.

    Args:
        to: The side that the model is converted to.
        dtype: The dtype policy of all converted layers, or None to keep that of each layer.
        customs: The equivalents that the user gives, or None.

    Attributes:
        origins: The original layers by the `id` of the converted ones.
    """

    def __init__(self, to: Side, dtype: str | None = None, customs: Customs | None = None):
        self._to, self._dtype = to, dtype
        self._customs = customs or Customs()
        self._translated = Translation(to, dtype, self._customs)
        # By identity: a layer that is called twice is converted to one layer.
        self._layers: dict[int, Any] = {}
        self.origins: dict[int, Any] = {}

    def model(self, source):
        """Returns the converted model, with its weights.

        Args:
            source: A Sequential or functional model of the other side.

        Raises:
            CannotCrossError: if parts of it cannot be converted; it names all of them.
        """
        self._check(source)
        return self._model(source)

    def _check(self, source) -> None:
        """Raises one error for all parts that cannot be converted."""
        reasons = []
        for layer in _parts(source):
            try:
                if not is_operation(layer):
                    self._layer(layer)
                elif not self._customs.of_layer(layer):
                    refuse_unknown(layer)
            except CannotCrossError as error:
                reasons.append(str(error))
        if reasons:
            raise CannotCrossError("\n".join(dict.fromkeys(reasons)))

    def _model(self, source):
        if not _is_graph(source):
            raise CannotCrossError(
                f"The model {source.name!r} cannot cross: only Sequential and functional models do."
            )
        if not source.built:
            raise CannotCrossError(f"The model {source.name!r} cannot cross: it is not built.")
        if isinstance(source, self._to.other.keras.Sequential):
            return self._sequential(source)
        return self._functional(source)

    def _sequential(self, source):
        (inputs,) = source.inputs
        first = _maker(inputs)
        there = [self._layer(layer) for layer in source.layers]
        if all(isinstance(layer, self._to.keras.layers.Layer) for layer in there):
            model = self._to.keras.Sequential([self._layer(first), *there], name=source.name)
        else:  # The user gave a function, which is not a layer.
            x = self._layer(first).output
            ends = [x]
            for layer in source.layers:
                x = self._called(layer, (x,), {})
            model = self._to.keras.Model(*ends, x, name=source.name)
        for layer in (first, *source.layers):
            self._set_weights(layer)
        return model

    def _functional(self, source):
        """Repeats each call with the converted layer and the converted tensors."""
        equal = {id(x): self._layer(_maker(x)).output for x in tf.nest.flatten(source.inputs)}
        missing: dict[int, CannotCrossError] = {}

        def there(x):
            if _is_symbolic(x) and id(x) not in equal:
                raise missing[id(x)]
            return equal.get(id(x), x)

        for depth in sorted(source._nodes_by_depth, reverse=True):
            for node in source._nodes_by_depth[depth]:
                if node.is_input:
                    continue
                layer, arguments = _call(node)
                outputs = tf.nest.flatten(node.outputs)
                try:
                    args, kwargs = tf.nest.map_structure(there, arguments)
                    found = tf.nest.flatten(self._called(layer, args, kwargs))
                except CannotCrossError as error:
                    # It may be an operation for a mask, which the other side computes by itself:
                    # the error is raised only if something uses its output.
                    if not is_operation(layer):
                        raise
                    missing.update({id(x): error for x in outputs})
                else:
                    equal.update({id(x): y for x, y in zip(outputs, found, strict=True)})
        ends = tf.nest.map_structure(there, [source.input, source.output])
        model = self._to.keras.Model(*ends, name=source.name)
        for layer in source.layers:
            self._set_weights(layer)
        return model

    def _called(self, layer, args, kwargs):
        if kwargs.get("training"):
            raise CannotCrossError(
                f"The layer {layer.name!r} cannot cross: it is called with training=True, which "
                "Keras 2 obeys in a prediction and Keras 3 does not."
            )
        if is_operation(layer):
            given = self._customs.of_layer(layer)
            return called_again(layer, args, kwargs, given, self._dtype)
        there = self._layer(layer)
        try:
            return there(*args, **kwargs)
        except (TypeError, ValueError) as error:
            raise CannotCrossError(f"The layer {layer.name!r} cannot cross: {error}") from error

    def _layer(self, layer):
        """Returns the converted layer or model, or the function that is given for it."""
        if id(layer) not in self._layers:
            if isinstance(layer, self._to.other.keras.Model):
                there = self._model(layer)
            else:
                there = self._translated(layer)
            self._layers[id(layer)] = there
            self.origins[id(there)] = layer
        return self._layers[id(layer)]

    def _set_weights(self, layer) -> None:
        """Sets the weights of a converted layer; both layers have them in the same order."""
        there = self._layers.get(id(layer))
        is_layer = isinstance(there, self._to.keras.layers.Layer)
        if isinstance(layer, self._to.other.keras.Model) or there is None or not is_layer:
            return
        if self._to is Side.KERAS_2:
            _check_signs(layer)
        try:
            there.set_weights(layer.get_weights())
        except ValueError as error:
            raise CannotCrossError(f"The layer {layer.name!r} cannot cross: {error}") from error
        if hasattr(there, "finalize_state"):
            there.finalize_state()  # Computes from the weights what the layer uses in its call.


def _is_graph(model) -> bool:
    return type(model).call.__module__.split(".")[0] in ("keras", "tf_keras")


def _parts(source) -> Iterator:
    """Yields the layers and operations of a model, including those of nested models."""
    for layer in source.layers:
        if hasattr(layer, "layers") and _is_graph(layer):
            yield from _parts(layer)
        else:
            yield layer


def _is_symbolic(x) -> bool:
    return hasattr(x, "_keras_history")


def _maker(tensor):
    """Returns the layer or operation that a symbolic tensor came from."""
    return tensor._keras_history[0]


def _call(node) -> tuple[Any, tuple[Any, dict[str, Any]]]:
    """Returns a layer, or an operation of Keras 3, and the arguments that it was called with."""
    if hasattr(node, "layer"):
        return node.layer, (node.call_args, node.call_kwargs)
    args, kwargs = node.arguments.args, dict(node.arguments.kwargs)
    # Masks that Keras 3 computes and passes on by itself are also computed by Keras 2.
    mask = kwargs.get("mask")
    if mask is None or (_is_symbolic(mask) and not isinstance(_maker(mask), keras.Layer)):
        kwargs.pop("mask", None)
    return node.operation, (args, kwargs)


def _check_signs(layer) -> None:
    """Refuses a layer whose kernel is marked as binary, and has values that are not signs."""
    quantized = [each for each in layer._flatten_layers() if isinstance(each, QuantizedLayer)]
    for each in quantized:
        for weight in each.weights:
            is_marked = marks_binary(each.quantizer_of(weight.name))
            if is_marked and np.any(np.abs(np.asarray(weight)) != 1):
                raise CannotCrossError(
                    f"The layer {layer.name!r} cannot cross: its kernel is marked as binary, and "
                    "holds other values than -1 and +1. Train it with Bop first."
                )
