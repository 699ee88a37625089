"""Models across: from larq_bop on Keras 3 to Larq on Keras 2, and back."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tf_keras

from larq_bop.larq.layer_table import CannotCrossError, translated
from larq_bop.optimizers import Bop

__all__ = ["from_larq", "load", "to_larq"]

_KERAS = (keras, tf_keras)


def to_larq(model, dtype: str | None = None):
    """Returns the Larq model on Keras 2 that equals a larq_bop model on Keras 3.

    Architecture and weights cross, predictions stay the same within float32 rounding. Kernels that
    are binary themselves, as Bop trains them, become `ste_sign` kernels that hold the same signs.
    The model is not compiled.

    Args:
        model: A Sequential or functional model of Keras 3, or the path of its `.keras` file.
        dtype: The dtype policy of all layers, or None for those that they have.

    Returns:
        A model of `tf.keras`.

    Raises:
        CannotCrossError: a ValueError, if a layer has no equal in Larq or `tf.keras`; it names it.
    """
    return _Crossing(_loaded(model, 0), to=1, dtype=dtype).model()


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
    return _Crossing(_loaded(model, 1), to=0).model()


def load(path):
    """Loads a saved model with the Keras that saved it, not compiled.

    Args:
        path: A `.keras` file of Keras 3 or 2, or an `.h5` file or SavedModel of Keras 2.

    Returns:
        A model of `keras` or of `tf.keras`.

    Raises:
        FileNotFoundError: if there is nothing.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no model at {path}.")
    saved_by = tf_keras
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
        saved_by = tf_keras if version.startswith("2.") else keras
    return saved_by.models.load_model(path, compile=False)


def _loaded(model, side: int):
    if isinstance(model, (str, os.PathLike)):
        model = load(model)
    if not isinstance(model, _KERAS[side].Model):
        raise TypeError(f"Expected a model of {_KERAS[side].__name__}. Received: {model!r}")
    return model


class _Crossing:
    """One model on its way."""

    def __init__(self, model, to: int, dtype: str | None = None):
        self._source, self._to, self._dtype = model, to, dtype
        # Layers by their name: one that is called twice is one layer there, too.
        self._layers: dict[str, Any] = {}

    def model(self):
        """Builds the model on the other side and gives it the weights."""
        source, there = self._source, _KERAS[self._to]
        if not source.built:
            raise CannotCrossError(f"The model {source.name!r} cannot cross: it is not built.")
        if isinstance(source, _KERAS[1 - self._to].Sequential):
            layers = [self._layer(layer) for layer in source.layers]
            inputs = there.Input(batch_shape=source.input_shape)
            model = there.Sequential([inputs, *layers], name=source.name)
        elif hasattr(source, "get_layer") and "layers" in source.get_config():
            model = self._functional()
        else:
            raise CannotCrossError(
                f"The model {source.name!r} cannot cross: only Sequential and functional models do."
            )
        for layer in source.layers:
            if layer.name in self._layers:
                _set_weights(layer, self._layers[layer.name])
        return model

    def _layer(self, layer):
        if layer.name not in self._layers:
            if isinstance(layer, _KERAS[1 - self._to].Model):
                there = _Crossing(layer, self._to, self._dtype).model()
            else:
                there = translated(layer, self._to, self._dtype)
            self._layers[layer.name] = there
        return self._layers[layer.name]

    def _functional(self):
        """Calls the layers in the order in which their inputs become known."""
        there, config = _KERAS[self._to], self._source.get_config()
        calls = [
            (saved["name"], i, call)
            for saved in config["layers"]
            for i, call in enumerate(saved["inbound_nodes"])
        ]
        # A model inside of a model may count its calls from 1.
        first: dict[str, int] = {}
        for name, i, _ in _references([[call for *_, call in calls], config["output_layers"]]):
            first[name] = min(i, first.get(name, i))
        tensors = {}
        for name, *_ in _references(config["input_layers"]):
            layer = self._source.get_layer(name)
            shape = getattr(layer, "batch_shape", None) or layer.get_config()["batch_input_shape"]
            tensors[name, 0, 0] = there.Input(
                batch_shape=tuple(shape), dtype=layer.dtype, name=name
            )
        while calls:
            ready = [each for each in calls if self._arguments(each, tensors) is not None]
            if not ready:
                waiting = ", ".join(dict.fromkeys(name for name, *_ in calls))
                raise CannotCrossError(f"The inputs of these layers are not known: {waiting}.")
            for name, i, call in ready:
                args, kwargs = self._arguments((name, i, call), tensors)
                outputs = self._layer(self._source.get_layer(name))(*args, **kwargs)
                outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
                i += first.get(name, 0)
                tensors.update({(name, i, k): tensor for k, tensor in enumerate(outputs)})
            calls = [each for each in calls if each not in ready]

        def ends(key):
            found = [tensors[reference] for reference in _references(config[key])]
            return found[0] if isinstance(config[key][0], str) or len(found) == 1 else found

        return there.Model(ends("input_layers"), ends("output_layers"), name=self._source.name)

    def _arguments(self, call, tensors) -> tuple[list, dict] | None:
        """Returns a call's arguments, or None as long as one of them is not known."""
        name, _, saved = call
        try:
            if self._to == 1:
                args = [_filled(value, tensors) for value in saved["args"]]
                kwargs = {k: _filled(v, tensors) for k, v in saved["kwargs"].items()}
            else:
                inputs = [tensors[tuple(reference[:3])] for reference in saved]
                args, kwargs = [inputs[0] if len(inputs) == 1 else inputs], dict(saved[0][3])
        except KeyError:
            return None
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        if kwargs.keys() - {"training"}:
            raise CannotCrossError(
                f"The layer {name!r} cannot cross: it is called with {', '.join(kwargs)}."
            )
        return args, kwargs


def _filled(value, tensors):
    """Returns a saved argument of Keras 3 with tensors in the place of references to them."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return tensors[tuple(value["config"]["keras_history"])]
    if isinstance(value, (list, tuple)):
        return [_filled(each, tensors) for each in value]
    return value


def _references(saved) -> list[tuple[str, int, int]]:
    """Returns `(layer, call, output)` of each tensor that a saved structure speaks of."""
    if isinstance(saved, dict):
        history = saved.get("config", {}).get("keras_history") if "config" in saved else None
        return [tuple(history)] if history else _references(list(saved.values()))
    if not isinstance(saved, (list, tuple)):
        return []
    if len(saved) >= 3 and [type(each) for each in saved[:3]] == [str, int, int]:
        return [tuple(saved[:3])]
    return [reference for each in saved for reference in _references(each)]


def _set_weights(source, there) -> None:
    """Gives a layer the weights of its equal; both have them in the same order."""
    for weight in source.weights:
        value = np.asarray(weight)
        # Larq marks latent kernels, too, and they may hold anything.
        marked = Bop.is_binary_variable(weight) and isinstance(source, keras.layers.Layer)
        if marked and np.any(np.abs(value) != 1):
            raise CannotCrossError(
                f"The layer {source.name!r} cannot cross: its kernel is marked as binary, and "
                "holds other values than -1 and +1. Train it with Bop first."
            )
    there.set_weights([np.asarray(value, "float32") for value in source.get_weights()])
