r"""Quantizers: low-precision values forward, a pseudo-gradient backward.

A quantizer is a Keras layer. It stands in a layer's `input_quantizer` or `kernel_quantizer`,
by object or by name, or on its own:

```python
larq_bop.layers.QuantDense(64, input_quantizer="ste_sign", kernel_quantizer="ste_sign")
larq_bop.quantizers.SteSign(clip_value=1.25)(x)
```
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from larq_bop import backend, math

__all__ = ["NoOp", "Quantizer", "SteSign", "get", "serialize", "ste_sign"]


def _with_gradient(x, forward: Callable, backward: Callable, keep: Callable = lambda x: x):
    """`forward(x)`, whose gradient is `backward(keep(x), incoming gradient)`."""

    @ops.custom_gradient
    def call(x):
        kept = keep(x)

        def gradient(*args, upstream=None):
            # TensorFlow passes the incoming gradient by position, JAX and torch by name.
            return backward(kept, args[0] if upstream is None else upstream)

        return forward(x), gradient

    return call(backend.as_tensor(x))


_sign = backend.fused(math.sign)


@backend.fused
def _masked(mask, incoming):
    return ops.where(mask, incoming, ops.zeros_like(incoming))


@functools.cache
def _within(clip_value: float) -> Callable:
    return backend.fused(lambda x: ops.abs(x) <= clip_value)


def ste_sign(x, clip_value: float | None = 1.0):
    r"""The sign, with the straight-through estimator as its gradient.

    Forward (the report, Eq. 1) and backward (Eq. 2):

    $$q(x) = \begin{cases} -1 & x < 0 \\ +1 & x \ge 0 \end{cases} \qquad
    \frac{\partial q}{\partial x} = \begin{cases} 1 & |x| \le c \\ 0 & |x| > c \end{cases}$$

    Args:
        x: A float tensor of any shape.
        clip_value: c, or None for a gradient that is never clipped.

    Returns:
        A tensor of `x`'s shape and dtype, in {-1, +1}.
    """
    if clip_value is None:
        return _with_gradient(x, _sign, lambda x, incoming: incoming)
    # A byte a value waits for the gradient, not the input.
    return _with_gradient(x, _sign, _masked, keep=_within(clip_value))


class Quantizer(keras.layers.Layer):
    """Base class of quantizers: override `call`, and `get_config` where there are arguments.

    Attributes:
        precision: The bits of an output value, or None where that is not fixed.
        is_ternary: Whether every output value is -1, 0 or +1.
    """

    precision: int | None = None
    is_ternary = False

    def __init__(self, **kwargs):
        # A quantizer sees its input in full precision under a mixed policy, too: a small latent
        # weight must not be rounded to zero before its sign is taken.
        super().__init__(**{"autocast": False, **kwargs})

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="larq_bop")
class NoOp(Quantizer):
    """Leaves its input as it is, and marks it with a precision.

    A layer whose kernel quantizer is `NoOp(precision=1)` keeps its weights themselves in
    {-1, +1}, without latent weights. Its kernel's `precision` is 1, which is how
    `Bop.is_binary_variable` finds it.

    Args:
        precision: The bits of a value.
    """

    def __init__(self, precision: int, **kwargs):
        super().__init__(**kwargs)
        self.precision = precision

    def call(self, inputs):
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "precision": self.precision}


@keras.saving.register_keras_serializable(package="larq_bop")
class SteSign(Quantizer):
    """`ste_sign` as a layer: the sign, with a clipped straight-through gradient.

    Args:
        clip_value: The magnitude up to which the gradient passes, or None to let all of it pass.

    References:
        Courbariaux et al. 2016, Binarized Neural Networks (arXiv 1602.02830).
    """

    precision = 1
    is_ternary = True

    def __init__(self, clip_value: float | None = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.clip_value = clip_value

    def call(self, inputs):
        return ste_sign(inputs, self.clip_value)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "clip_value": self.clip_value}


_BY_NAME = {"ste_sign": SteSign, "SteSign": SteSign}


def get(identifier) -> Callable | None:
    """Returns the quantizer that `identifier` stands for.

    Args:
        identifier: A name (`"ste_sign"`), a quantizer class, a serialized quantizer, any callable,
            or None.

    Returns:
        A callable from a tensor to a tensor, or None for None.

    Raises:
        ValueError: if no quantizer goes by that name, or `identifier` is of another type.
    """
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier in _BY_NAME:
        return _BY_NAME[identifier]()
    if isinstance(identifier, type) and issubclass(identifier, Quantizer):
        return identifier()
    if identifier is None or callable(identifier):
        return identifier
    raise ValueError(
        f"A quantizer must be one of the names {', '.join(_BY_NAME)}, or a callable. "
        f"Received: {identifier!r}"
    )


def serialize(quantizer: Callable | None) -> dict[str, Any] | None:
    """Returns the JSON-ready config that `get` takes back."""
    return keras.saving.serialize_keras_object(quantizer)
