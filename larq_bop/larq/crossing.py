"""Models across: from larq_bop on Keras 3 to Larq on Keras 2, and back."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from larq_bop.larq.layer_table import OPERATIONS
from larq_bop.larq.loading import load
from larq_bop.larq.translation import KERASES, CannotCrossError, translated
from larq_bop.layers.quantized import QuantizedLayer
from larq_bop.quantizers.base import marks_binary

__all__ = ["from_larq", "to_larq"]


def to_larq(model, dtype: str | None = None):
    """Returns the Larq model on Keras 2 that equals a larq_bop model on Keras 3.

    Architecture and weights cross, predictions stay the same within float32 rounding. Kernels that
    are binary themselves, as Bop trains them, become `ste_sign` kernels that hold the same signs.
    The model is not compiled.

    Args:
        model: A Sequential or functional model of Keras 3, or the path of the `.keras` or `.h5`
            file that it was saved to.
        dtype: The dtype policy of all layers, or None for those that they have.

    Returns:
        A model of `tf.keras`.

    Raises:
        CannotCrossError: a ValueError, if a layer has no equal in Larq or `tf.keras`; it names it.
    """
    return with_origins(model, dtype)[0]


def with_origins(model, dtype: str | None = None) -> tuple[Any, Callable]:
    """Returns what `to_larq` does, and a function from its layers to those that they equal."""
    model = _loaded(model, 0)
    crossing = _Crossing(to=1, dtype=dtype)
    there = crossing.model(model)
    return there, lambda layer: crossing.origins[id(layer)]


def from_larq(model):
    """Returns the larq_bop model on Keras 3 that equals a Larq model on Keras 2.

    Architecture and weights cross, predictions stay the same within float32 rounding. The model is
    not compiled.

    Args:
        model: A Sequential or functional model of `tf.keras`, or the path of the `.keras`, `.h5`
            or SavedModel that it was saved to.

    Returns:
        A model of Keras 3.

    Raises:
        CannotCrossError: a ValueError, if a layer has no equal in larq_bop or Keras 3; it names it.
    """
    return _Crossing(to=0).model(_loaded(model, 1))


def _loaded(model, side: int):
    if isinstance(model, (str, os.PathLike)):
        model = load(model)
    if not isinstance(model, KERASES[side].Model):
        raise TypeError(f"Expected a model of {KERASES[side].__name__}. Received: {model!r}")
    return model


class _Crossing:
    """One model on its way, with the models inside of it."""

    def __init__(self, to: int, dtype: str | None = None):
        self._to, self._dtype = to, dtype
        # By identity: a layer that is called twice is one layer there, too.
        self._layers: dict[int, Any] = {}
        self.origins: dict[int, Any] = {}

    def model(self, source):
        """Returns the equal of a model, with its weights."""
        if type(source).call.__module__.split(".")[0] not in ("keras", "tf_keras"):
            raise CannotCrossError(
                f"The model {source.name!r} cannot cross: only Sequential and functional models do."
            )
        if not source.built:
            raise CannotCrossError(f"The model {source.name!r} cannot cross: it is not built.")
        if isinstance(source, KERASES[1 - self._to].Sequential):
            return self._sequential(source)
        return self._functional(source)

    def _sequential(self, source):
        (inputs,) = source.inputs
        layers = [_maker(inputs), *source.layers]
        model = KERASES[self._to].Sequential(name=source.name)
        for layer in layers:
            model.add(self._layer(layer))
        for layer in layers:
            self._set_weights(layer)
        return model

    def _functional(self, source):
        """Makes each call of a layer again, with the equal layer and the equal tensors."""
        equal = {id(x): self._layer(_maker(x)).output for x in tf.nest.flatten(source.inputs)}

        def there(x):
            if _is_symbolic(x) and id(x) not in equal:
                raise CannotCrossError(
                    f"The operation {_maker(x).name!r} cannot cross: only layers do. Put a layer "
                    "in its place."
                )
            return equal.get(id(x), x)

        for depth in sorted(source._nodes_by_depth, reverse=True):
            for node in source._nodes_by_depth[depth]:
                layer, arguments = _call(node)
                if node.is_input or not isinstance(layer, KERASES[1 - self._to].layers.Layer):
                    continue
                args, kwargs = tf.nest.map_structure(there, arguments)
                outputs = self._called(layer, args, kwargs)
                outputs = zip(tf.nest.flatten(node.outputs), tf.nest.flatten(outputs), strict=True)
                equal.update({id(x): y for x, y in outputs})
        ends = tf.nest.map_structure(there, [source.input, source.output])
        model = KERASES[self._to].Model(*ends, name=source.name)
        for layer in source.layers:
            self._set_weights(layer)
        return model

    def _called(self, layer, args, kwargs):
        if kwargs.get("training"):
            raise CannotCrossError(
                f"The layer {layer.name!r} cannot cross: it is called with training=True, which "
                "Keras 2 obeys in a prediction and Keras 3 does not."
            )
        if getattr(layer, "symbol", None) in OPERATIONS:
            args, kwargs = _merged(layer, args), {}
        there = self._layer(layer)
        try:
            return there(*args, **kwargs)
        except (TypeError, ValueError) as error:
            raise CannotCrossError(f"The layer {layer.name!r} cannot cross: {error}") from error

    def _layer(self, layer):
        """Returns the equal of a layer or of a model."""
        if id(layer) not in self._layers:
            if isinstance(layer, KERASES[1 - self._to].Model):
                there = self.model(layer)
            else:
                there = translated(layer, self._to, self._dtype)
            self._layers[id(layer)] = there
            self.origins[id(there)] = layer
        return self._layers[id(layer)]

    def _set_weights(self, layer) -> None:
        """Gives the equal of a layer its weights; both have them in the same order."""
        if isinstance(layer, KERASES[1 - self._to].Model):
            return
        if self._to == 1:
            _check_signs(layer)
        there = self._layers[id(layer)]
        try:
            there.set_weights(layer.get_weights())
        except ValueError as error:
            raise CannotCrossError(f"The layer {layer.name!r} cannot cross: {error}") from error
        if hasattr(there, "finalize_state"):
            there.finalize_state()  # Computes from the weights what the layer works with.


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
    # Masks that Keras 3 computes and passes on by itself, Keras 2 does, too.
    mask = kwargs.get("mask")
    if mask is None or (_is_symbolic(mask) and not isinstance(_maker(mask), keras.Layer)):
        kwargs.pop("mask", None)
    return node.operation, (args, kwargs)


def _merged(layer, args) -> tuple[list]:
    """Returns the operands of an operation as the layer that does the same takes them."""
    if len(args) != 2 or not all(map(_is_symbolic, args)) or len({len(x.shape) for x in args}) > 1:
        raise CannotCrossError(
            f"The operation {layer.name!r} cannot cross: only those on two outputs of layers, of "
            "as many axes, do. Put a layer in its place."
        )
    return (list(args),)


def _check_signs(layer) -> None:
    """Refuses a layer whose kernel is binary itself, for Bop, and holds anything but signs."""
    quantized = [each for each in layer._flatten_layers() if isinstance(each, QuantizedLayer)]
    for each in quantized:
        for weight in each.weights:
            is_marked = marks_binary(each.quantizer_of(weight.name))
            if is_marked and np.any(np.abs(np.asarray(weight)) != 1):
                raise CannotCrossError(
                    f"The layer {layer.name!r} cannot cross: its kernel is marked as binary, and "
                    "holds other values than -1 and +1. Train it with Bop first."
                )
