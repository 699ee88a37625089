"""Elementwise functions that accept the same inputs as those of `keras.ops`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import keras
from keras import ops

from larq_bop import backend

__all__ = ["as_float", "elementwise"]

Function = TypeVar("Function", bound=Callable)


def as_float(x):
    """Returns a float tensor unchanged, and any other as a tensor of `keras.config.floatx()`.

    Args:
        x: A tensor, a variable or anything that `keras.ops.convert_to_tensor` accepts.
    """
    x = backend.as_tensor(x)
    return x if is_float(x) else ops.cast(x, keras.config.floatx())


def is_float(x) -> bool:
    """Returns whether the values of a tensor, symbolic or not, are floats."""
    return "float" in keras.backend.standardize_dtype(x.dtype)


def elementwise(function: Function) -> Function:
    """Extends a function of a float tensor to integers and to symbolic tensors; a decorator.

    It also registers the function with Keras.

    Args:
        function: A function of a tensor, and of arguments that a config can hold. Its result has
            the tensor's shape and dtype.

    Returns:
        The function, with the same signature.
    """

    @keras.saving.register_keras_serializable(package="larq_bop")
    @functools.wraps(function)
    def call(x, *args, **kwargs):
        if isinstance(x, keras.KerasTensor):
            return Elementwise(call, args, kwargs).symbolic_call(x)
        return function(as_float(x), *args, **kwargs)

    return call


@keras.saving.register_keras_serializable(package="larq_bop")
class Elementwise(keras.Operation):
    """An elementwise function in a functional model.

    Args:
        function: The function.
        arguments: Its positional arguments after the tensor.
        named: Its keyword arguments.
        name: The operation's name.
    """

    def __init__(self, function: Callable, arguments=(), named=None, name: str | None = None):
        super().__init__(name=name)
        self.function = function
        self.arguments = tuple(arguments)
        self.named = dict(named or {})

    def call(self, x):
        return self.function(x, *self.arguments, **self.named)

    def compute_output_spec(self, x) -> keras.KerasTensor:
        return keras.KerasTensor(x.shape, x.dtype if is_float(x) else keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {
            "function": keras.saving.serialize_keras_object(self.function),
            "arguments": list(self.arguments),
            "named": self.named,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Elementwise:
        function = keras.saving.deserialize_keras_object(config["function"])
        return cls(**{**config, "function": function})
