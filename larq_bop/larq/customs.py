"""Equivalents that users give for parts of models that only one of the two sides has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["CURE", "Customs"]

CURE = "Give its equal in `custom_objects`, by class or by name"


class Customs:
    """The equivalents of layers, quantizers, initializers and other parts that a user gives.

    Args:
        given: The equivalents. A key is a class or function of the model's side, its name, or the
            name of one layer. The equivalent of a layer is a class of the other side, which is
            called with the converted arguments, a layer, or a function that is called on the
            layer's inputs. The equivalent of another part is a class or the part itself.

    Raises:
        TypeError: if a key is not a name, class or function, or a value is not callable.
    """

    def __init__(self, given: Mapping[Any, Any] | None = None):
        self._given = dict(given or {})
        for key, value in self._given.items():
            if not (isinstance(key, str) or hasattr(key, "__name__")) or not callable(value):
                raise TypeError(
                    "`custom_objects` must map names, classes or functions to classes, layers or "
                    f"functions. Received: {key!r}: {value!r}"
                )

    def of_layer(self, layer) -> Callable | None:
        """Returns what is given for a layer or operation, by its name, its class or its class name.

        Args:
            layer: The layer or operation.
        """
        symbol = getattr(layer, "symbol", None)
        keys = (layer.name, type(layer), symbol and f"tf.{symbol}", type(layer).__name__)
        return next((self._given[key] for key in keys if key in self._given), None)

    def of_part(self, part) -> Callable | None:
        """Returns what is given for a part of a layer.

        A class or function also matches its saved config, by its name and, if it was saved, its
        module.

        Args:
            part: A saved config, a name or a function.
        """
        if callable(part):
            name, module = getattr(part, "__name__", type(part).__name__), None
        elif isinstance(part, dict):
            saved, module = part.get("class_name"), part.get("module")
            name = part.get("config") if saved == "function" else saved
            module = None if module == "builtins" else module
        else:
            name, module = part, None
        if not isinstance(name, str):
            return None
        for key, value in self._given.items():
            if key is part or (isinstance(key, str) and key in (name, name.rpartition(">")[2])):
                return value
            is_named = getattr(key, "__name__", None) == name.rpartition(">")[2]
            if is_named and module in (None, key.__module__):
                return value
        return None

    def of_files(self) -> dict[str, Callable]:
        """Returns the custom objects with which a saved model is loaded, by name."""
        by_key = {key.__name__: key for key in self._given if not isinstance(key, str)}
        functions = {
            key: value
            for key, value in self._given.items()
            if isinstance(key, str) and not isinstance(value, type)
        }
        return {**functions, **by_key}
