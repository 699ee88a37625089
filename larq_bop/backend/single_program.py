"""JAX and torch: every device runs one program, whose gradients are global already."""

import contextlib

from keras import ops


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


def compiled(function):
    """Returns the function as it is: JAX compiles the whole step, and torch runs it eagerly."""
    return function
