"""What a user gives for what only one of the two sides has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["CURE", "Customs"]

CURE = "Give its equal in `custom_objects`, by class or by name"


class Customs:
    """The equals of layers, quantizers, initializers and other parts, as a user gives them.

    Args:
        given: What is there for what is here, by class or function, by its name, or by the name of
            one layer. For a layer that is a class there, called with the equal arguments; a layer;
            or a function that is called on the layer's inputs. For a part of a layer it is a class
            or the part itself.

    Raises:
        TypeError: if a key is no name, class or function, or a value is none of those.
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
        """Returns what is given for a layer or operation: by its name, class, or class' name."""
        symbol = getattr(layer, "symbol", None)
        keys = (layer.name, type(layer), symbol and f"tf.{symbol}", type(layer).__name__)
        return next((self._given[key] for key in keys if key in self._given), None)

    def of_part(self, part) -> Callable | None:
        """Returns what is given for a part of a layer: a saved config, a name or a function.

        Functions and classes match what was saved of them, too: the module, if it was, and the
        name.
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
        """Returns what a saved model of this side is loaded with, by name."""
        by_key = {key.__name__: key for key in self._given if not isinstance(key, str)}
        functions = {
            key: value
            for key, value in self._given.items()
            if isinstance(key, str) and not isinstance(value, type)
        }
        return {**functions, **by_key}
