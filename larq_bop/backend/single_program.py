"""JAX and torch: all devices run one program, whose gradients are those of the global batch."""

import contextlib
import functools

import keras
from keras import ops

__all__ = [
    "as_tensor",
    "assume_reduced_gradients",
    "at_once",
    "convolution",
    "fused",
    "is_eager",
    "max_pooled",
    "normalized",
    "sign",
    "sum_over_replicas",
    "updater",
]


def as_tensor(x):
    """Returns the value of a tensor or a Keras variable as a plain tensor."""
    return ops.convert_to_tensor(x)


def sign(x):
    """Returns the sign of each value: -1, 0, +1 or NaN; torch itself returns 0 for NaN."""
    return ops.where(ops.isnan(x), x, ops.sign(x))


def sum_over_replicas(gradients):
    """Returns the gradients unchanged: they are those of the global batch."""
    return gradients


def assume_reduced_gradients(optimizer) -> None:
    """Does nothing: optimizers do not reduce gradients over replicas here."""


def at_once():
    """Returns a scope that does nothing: here Keras builds optimizers before the first step."""
    return contextlib.nullcontext()


def is_eager() -> bool:
    """Returns True: when Keras traces a step here, the optimizers are already built."""
    return True


def fused(function, of_gradients: bool = False):
    """Returns the function unchanged: JAX compiles the whole step, and torch runs it eagerly."""
    return function


def updater(new_moment, new_weight):
    """Returns the update of a binary variable and its moments.

    Args:
        new_moment: An elementwise function of `(i, moment i, gradient, *scalars)` that returns the
            moment's new value.
        new_weight: An elementwise function of `(weight, moments, gradient, *scalars)`, with the new
            moments, that returns the new weight and two masks.

    Returns:
        A function `(gradient, variables, *scalars)`, the weight before its moments, that assigns
        the new values and returns how often each mask was true, two int32 scalars.
    """

    def update(gradient, variables, *scalars):
        weight, *moments = (as_tensor(v) for v in variables)
        moments = [new_moment(i, m, gradient, *scalars) for i, m in enumerate(moments)]
        weight, *masks = new_weight(weight, moments, gradient, *scalars)
        for variable, value in zip(variables, (weight, *moments), strict=True):
            variable.assign(value)
        return [ops.cast(ops.count_nonzero(mask), "int32") for mask in masks]

    return update


def convolution(inputs, kernel, strides, padding, data_format, dilation_rate):
    """Returns the result of `keras.ops.conv` for a binary input and a binary kernel."""
    return ops.conv(inputs, kernel, list(strides), padding, data_format, dilation_rate)


def normalized(x, gamma, beta, epsilon, axis):
    """Returns None: no kernel here is faster than Keras' own code."""


def max_pooled(x, pool_size, strides, padding, data_format):
    """Returns the maximum of every window, or None if Keras' own code is as good.

    XLA computes the gradient of a window's maximum by scattering value by value. If the windows
    tile the image, the same gradient can be computed elementwise: the first of the largest values
    of a window gets it.

    Args:
        x: `(batch, height, width, channels)`.
        pool_size: Height and width of a window.
        strides: Its step.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
    """
    if keras.backend.backend() != "jax" or data_format != "channels_last":
        return None
    _, height, width, channels = x.shape
    rows, columns = pool_size
    if None in (height, width) or height % rows or width % columns or pool_size != strides:
        return None
    windows = ops.reshape(x, (-1, height // rows, rows, width // columns, columns, channels))
    values = [windows[:, :, i, :, j] for i in range(rows) for j in range(columns)]
    # The second condition is for NaN, which counts as larger than all numbers.
    return functools.reduce(
        lambda a, b: ops.where(ops.logical_or(a < b, ops.isnan(b)), b, a), values
    )
