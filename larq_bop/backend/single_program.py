"""JAX and torch: every device runs one program, whose gradients are global already."""

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
    """Returns the sign of each value: -1, 0, +1 or NaN, of which torch makes 0."""
    return ops.where(ops.isnan(x), x, ops.sign(x))


def sum_over_replicas(gradients):
    """Returns the gradients of the global batch, which these are."""
    return gradients


def assume_reduced_gradients(optimizer) -> None:
    """Tells an optimizer not to reduce gradients over replicas, which it does not do."""


def at_once():
    """Returns a scope that does nothing: Keras builds optimizers before the first step here."""
    return contextlib.nullcontext()


def is_eager() -> bool:
    """Whether operations run now. What Keras traces here comes to optimizers that are built."""
    return True


def fused(function, of_gradients: bool = False):
    """Returns the function as it is: JAX compiles the whole step, and torch runs it eagerly."""
    return function


def updater(new_moment, new_weight):
    """Returns the update of a binary variable and its moments.

    Args:
        new_moment: `(i, moment i, gradient, *scalars)` to the moment's new value; elementwise.
        new_weight: `(weight, moments, gradient, *scalars)`, with moments that are new already, to
            the new weight and two masks; elementwise.

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
    """Returns what `keras.ops.conv` does, of a binary input and a binary kernel."""
    return ops.conv(inputs, kernel, list(strides), padding, data_format, dilation_rate)


def normalized(x, gamma, beta, epsilon, axis):
    """Returns None: no kernel here is faster than Keras' own code."""


def max_pooled(x, pool_size, strides, padding, data_format):
    """Returns the maximum of every window, or None where Keras' own code is as good.

    XLA's gradient of a window's maximum scatters, value by value. Where windows tile the image, the
    same gradient is elementwise: it goes to the first of a window's greatest values.

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
    # The second condition is for NaN, which is the greatest of all.
    return functools.reduce(
        lambda a, b: ops.where(ops.logical_or(a < b, ops.isnan(b)), b, a), values
    )
