"""Checks of the arguments of optimizers of binary weights."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def check_hyperparameter(name: str, value, most: float = math.inf) -> float | Callable:
    """Returns a valid hyperparameter.

    Args:
        name: The argument's name.
        value: A number, a schedule, a tensor or a variable.
        most: The largest valid number; the smallest is 0.

    Returns:
        A number as a float; anything else unchanged.

    Raises:
        ValueError: if `value` is none of these, or a number that is not finite or not between 0
            and `most`.
    """
    if callable(value) or ops.is_tensor(value) or isinstance(value, keras.Variable):
        return value
    if not isinstance(value, numbers.Real):
        raise ValueError(f"`{name}` must be a number or a schedule. Received: {name}={value!r}")
    number = float(value)
    if not (math.isfinite(number) and 0.0 <= number <= most):
        bounds = f"in [0, {most:g}]" if math.isfinite(most) else "at least 0 and finite"
        raise ValueError(f"`{name}` must be {bounds}. Received: {name}={value}")
    return number


def refuse_meaningless(kwargs: dict[str, Any]) -> None:
    """Refuses arguments that other optimizers take and that have no meaning for binary weights.

    Args:
        kwargs: The arguments by name.

    Raises:
        ValueError: if `use_ema`, `weight_decay` or `learning_rate` is among them.
    """
    for name in ("use_ema", "weight_decay"):
        if kwargs.get(name):
            raise ValueError(
                f"`{name}` has no meaning for weights in {{-1, +1}}. "
                f"Received: {name}={kwargs[name]!r}"
            )
    if "learning_rate" in kwargs:
        raise ValueError(
            "The learning rate of a binary optimizer is called `gamma`. "
            f"Received: learning_rate={kwargs['learning_rate']!r}"
        )
