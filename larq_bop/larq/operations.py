"""Conversion of operations between layers, such as `x + y`, slices and `tf.nn.relu(x)`.

On Keras 2 they are `TFOpLambda` layers that call a function of TensorFlow, on Keras 3 operations of
`keras.ops`. An operation is converted if both sides compute the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tf_keras

from larq_bop.larq.operation_table import OF_CLASS, OF_SYMBOL, UnequalError
from larq_bop.larq.side import CannotCrossError

__all__ = ["called_again", "is_operation"]

# For inputs with the same number of axes, layers do the same, and have names and rows in a summary.
_MERGING = ("Add", "Subtract", "Multiply")


def is_operation(layer) -> bool:
    """Returns whether something that a model calls is an operation, not a layer."""
    if isinstance(layer, keras.layers.Layer):
        return False
    return isinstance(layer, keras.Operation) or hasattr(layer, "symbol")


def called_again(
    operation,
    args: tuple,
    kwargs: dict[str, Any],
    given: Callable | None = None,
    dtype: str | None = None,
):
    """Calls the equivalent of an operation with tensors of the other side.

    Args:
        operation: The original operation.
        args: Its positional arguments, with converted tensors.
        kwargs: Its keyword arguments, likewise.
        given: The user's equivalent, which is called with the same arguments, or None.
        dtype: The dtype that replaces all others for floats, or None.

    Returns:
        The output of the equivalent.

    Raises:
        CannotCrossError: if the other side does not compute the same; the message names the
            operation.
    """
    from_keras_2 = hasattr(operation, "symbol")
    try:
        if given is not None:
            args, kwargs = _plain(args), {name: _plain(value) for name, value in kwargs.items()}
            kwargs.pop("name", None)
            return given(*args, **({} if from_keras_2 else _settings(operation)), **kwargs)
        row = _row(operation)
        if from_keras_2:
            return _on_keras_3(row, row.to_ours(_bound(operation.function, args, kwargs)))
        arguments = row.to_theirs(_all_arguments(operation, args, kwargs))
        if dtype and "float" in str(arguments.get("dtype")):
            arguments["dtype"] = dtype
        return row.theirs(**arguments)
    except CannotCrossError:
        raise
    except (TypeError, ValueError, UnequalError) as error:
        cure = f"Give its equal in `custom_objects` as {_name(operation)!r} or {operation.name!r}"
        raise CannotCrossError(
            f"The operation {operation.name!r} cannot cross: {error}. {cure}."
        ) from error


def _row(operation):
    name = _name(operation)
    if hasattr(operation, "symbol"):
        row = OF_SYMBOL.get(operation.symbol)
    else:
        is_keras = type(operation).__module__.startswith("keras.")
        row = OF_CLASS.get(name) if is_keras else None
    if row is None:
        raise CannotCrossError(
            f"The operation {operation.name!r} cannot cross: there is no {name} on the other side. "
            f"Put a layer in its place, or give its equal in `custom_objects` as {name!r}."
        )
    return row


def _name(operation) -> str:
    """Returns what an operation is given an equal by: the function's name or the class'."""
    if hasattr(operation, "symbol"):
        return f"tf.{operation.symbol}"
    return type(operation).__name__


def _on_keras_3(row, arguments: dict[str, Any]):
    values = list(arguments.values())
    are_tensors = all(map(keras.backend.is_keras_tensor, values))
    if row.kind in _MERGING and are_tensors and len({len(value.shape) for value in values}) == 1:
        return getattr(keras.layers, row.kind)()(values)
    return row.ours(**arguments)


def _bound(function, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a function of TensorFlow by name, including the defaults."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    return {name: _plain(value) for name, value in bound.arguments.items() if name != "name"}


def _plain(value):
    """Converts constants of TensorFlow and saved slices to values of Python and NumPy."""
    if isinstance(value, dict) and value.keys() == {"start", "stop", "step"}:
        return slice(*(_plain(value[name]) for name in ("start", "stop", "step")))
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value))
    if tf.is_tensor(value) and not tf_keras.backend.is_keras_tensor(value):
        value = value.numpy()
        return value.item() if np.ndim(value) == 0 else value
    return value


def _all_arguments(operation, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of an operation of Keras 3: those of its call and its constructor."""
    bound = inspect.signature(operation.call).bind(*args, **kwargs)
    bound.apply_defaults()
    return {**_settings(operation), **bound.arguments}


def _settings(operation) -> dict[str, Any]:
    names = inspect.signature(type(operation).__init__).parameters
    here = vars(operation)
    return {name: here[name] for name in names if name in here and name != "name"}
