"""Which arguments an optimizer of binary weights takes."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def check_hyperparameter(name: str, value, most: float = math.inf) -> float | Callable:
    """Returns a valid hyperparameter as a float; schedules and tensors pass as they are."""
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
    """Refuses arguments of other optimizers that have no meaning for signs.

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
