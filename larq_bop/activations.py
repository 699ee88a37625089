"""Activation functions of networks with quantized activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import keras
from keras import ops

from larq_bop import backend, quantizers
from larq_bop.annotations import Identifier
from larq_bop.elementwise import elementwise

__all__ = ["get", "hard_tanh", "leaky_tanh"]


@elementwise
def hard_tanh(x):
    r"""The identity, clipped to [-1, 1].

    $$f(x) = \max(-1, \min(1, x)), \qquad
    \frac{\partial f}{\partial x} = \begin{cases} 1 & |x| \le 1 \\ 0 & |x| > 1 \end{cases}$$

    The gradient at $|x| = 1$ is 1 on every backend.

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.

    Returns:
        A tensor of `x`'s shape and dtype, in [-1, 1].
    """
    return ops.where(ops.abs(x) <= 1.0, x, backend.sign(x))


@elementwise
def leaky_tanh(x, alpha: float = 0.2):
    r"""`hard_tanh` with a slope outside [-1, 1].

    $$f(x) = \begin{cases} x & |x| \le 1 \\
    \operatorname{sign}(x) + \alpha (x - \operatorname{sign}(x)) & |x| > 1 \end{cases}$$

    At $|x| = 1$ the gradient is $1 + \alpha$, as in Larq.

    Args:
        x: A tensor of any shape, or a symbolic one; integers count as floats.
        alpha: $\alpha$, the slope outside [-1, 1].

    Returns:
        A tensor of `x`'s shape and dtype.
    """
    beyond = ops.where(ops.abs(x) >= 1.0, x - backend.sign(x), ops.zeros_like(x))
    return hard_tanh(x) + alpha * beyond


_BY_NAME = {"hard_tanh": hard_tanh, "leaky_tanh": leaky_tanh}


def get(identifier: Identifier) -> Callable[..., Any]:
    """Returns the activation that `identifier` stands for.

    Args:
        identifier: `"hard_tanh"`, `"leaky_tanh"`, the name of a quantizer, or anything that
            `keras.activations.get` accepts.

    Returns:
        A function of a tensor; the identity for None.

    Raises:
        ValueError: if nothing has that name.
    """
    if isinstance(identifier, str):
        if identifier in _BY_NAME:
            return _BY_NAME[identifier]
        try:
            return keras.activations.get(identifier)
        except ValueError:
            return cast(Callable[..., Any], quantizers.get(identifier))
    return keras.activations.get(identifier)
