"""How layers pass their arguments to the Keras parent."""

from __future__ import annotations

from typing import Any


def arguments(names: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of an `__init__` with `**kwargs` as one dict.

    The layers spell out their signatures for readers, editors and type checkers. This lets them
    pass all arguments on without repeating each one.

    Args:
        names: The `locals()` of the `__init__`, before it assigns any other.
    """
    # `super()` without arguments makes `__class__` a local name.
    given = {name: names[name] for name in names.keys() - {"self", "__class__", "kwargs"}}
    return {**given, **names["kwargs"]}
