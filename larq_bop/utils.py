"""Helpers from Larq's `utils`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import keras

__all__ = [
    "memory_as_readable_str",
    "patch_object",
    "register_alias",
    "register_keras_custom_object",
    "set_precision",
]

Registered = TypeVar("Registered", bound=Callable)  # A class or function.
Function = TypeVar("Function", bound=Callable)

_UNITS = ("B", "KiB", "MiB", "GiB")


def memory_as_readable_str(num_bits: int) -> str:
    """Returns an amount of memory with a binary unit, such as `"1.67 MiB"`.

    Args:
        num_bits: The amount, in bits.
    """
    amount = num_bits / 8
    for unit in _UNITS[:-1]:
        if amount < 1024:
            return f"{amount:,.2f} {unit}"
        amount /= 1024
    return f"{amount:,.2f} {_UNITS[-1]}"


def register_keras_custom_object(cls: Registered) -> Registered:
    """Registers a class or function with Keras under its own name. This is a decorator.

    Args:
        cls: The class or function.

    Returns:
        `cls`.
    """
    return register_alias(cls.__name__)(cls)


def register_alias(name: str) -> Callable[[Registered], Registered]:
    """Returns a decorator that registers a class or function with Keras under a name.

    Layers of `larq_bop` then accept the quantizer, activation or constraint by that name.

    Args:
        name: The name.
    """

    def register(cls: Registered) -> Registered:
        keras.saving.get_custom_objects()[name] = cls
        return cls

    return register


def set_precision(precision: int = 32) -> Callable[[Function], Function]:
    """Returns a decorator that sets the precision of a quantizer function.

    Args:
        precision: The number of bits of an output value.
    """

    def decorate(function: Function) -> Function:
        decorated: Any = function
        decorated.precision = precision
        return function

    return decorate


@contextlib.contextmanager
def patch_object(object: Any, name: str, value: Any) -> Iterator[None]:
    """A scope in which an attribute has another value.

    Args:
        object: The object with the attribute.
        name: The attribute's name.
        value: The attribute's value inside the scope.
    """
    before = getattr(object, name)
    setattr(object, name, value)
    try:
        yield
    finally:
        setattr(object, name, before)
