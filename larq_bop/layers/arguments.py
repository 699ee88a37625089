"""The arguments of a layer, on their way to the Keras parent."""

from __future__ import annotations

from typing import Any


def arguments(names: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of an `__init__` with `**kwargs`, by name.

    The layers write out their signatures for readers, editors and type checkers, and pass on what
    they are given.

    Args:
        names: The `locals()` of the `__init__`, before it has any other.
    """
    # A function that calls `super()` knows its class by name.
    given = {name: names[name] for name in names.keys() - {"self", "__class__", "kwargs"}}
    return {**given, **names["kwargs"]}
