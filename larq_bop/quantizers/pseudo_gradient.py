"""Functions with a gradient that is not their own."""

from __future__ import annotations

import functools
from collections.abc import Callable

from keras import ops

from larq_bop import backend


def with_gradient(x, forward: Callable, backward: Callable, keep: Callable = lambda x: x):
    """Returns `forward(x)`, whose gradient is `backward(keep(x), incoming gradient)`."""

    @ops.custom_gradient
    def call(x):
        kept = keep(x)

        def gradient(*args, upstream=None):
            # TensorFlow passes the incoming gradient by position, JAX and torch by name.
            return backward(kept, args[0] if upstream is None else upstream)

        return forward(x), gradient

    return call(x)


def straight_through(x, forward: Callable, clip_value: float | None):
    r"""Returns `forward(x)` with the straight-through estimator as its gradient.

    $$\frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le c \\ 0 & |x| > c \end{cases}$$

    Args:
        x: A float tensor of any shape.
        forward: A function of `x`.
        clip_value: $c$, or None for a gradient that is never clipped.

    Returns:
        A tensor of `x`'s shape and dtype.
    """
    if clip_value is None:
        return with_gradient(x, forward, lambda x, incoming: incoming)
    # One byte for each value is kept for the gradient, instead of the input.
    return with_gradient(x, forward, masked, keep=_within(clip_value))


def _masked(mask, incoming):
    return ops.where(mask, incoming, ops.zeros_like(incoming))


_masked_in_one_pass = backend.fused(_masked, of_gradients=True)


def masked(mask, incoming):
    """Returns `incoming` where `mask` is true, else 0, also where `incoming` is not finite."""
    return _masked_in_one_pass(mask, incoming)


@functools.cache
def _within(clip_value: float) -> Callable:
    return backend.fused(lambda x: ops.abs(x) <= clip_value)
