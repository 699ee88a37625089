"""Elementwise work and data movement in one pass over memory."""

import math
from collections.abc import Callable

import tensorflow as tf

from larq_bop import context

# With fewer values per example, compiling takes longer than it can save.
_FEWEST_VALUES = 4096


def on_cpu() -> bool:
    """Returns whether TensorFlow computes on the CPU only."""
    return not tf.config.list_logical_devices("GPU")


def compiled(function):
    """Compiles elementwise work into one pass over memory, also inside a step that is not compiled.

    Args:
        function: A pure function of tensors, the first of which has the shape of the work.

    Returns:
        The same function, compiled by XLA.
    """
    by_shape: dict[tuple[int, ...], Callable] = {}

    def call(*tensors):
        # One `tf.function` for each shape: a single one would warn about repeated tracing.
        shape = tuple(tensors[0].shape)
        if shape not in by_shape:
            by_shape[shape] = tf.function(function, autograph=False, jit_compile=True)
        return by_shape[shape](*tensors)

    return call


def fused(function, of_gradients: bool = False):
    """Compiles elementwise work on large tensors inside a training step.

    Elsewhere the function is not compiled: XLA compiles anew for each batch size, and there are one
    or two of them in training, but many on a server.

    Args:
        function: A pure function of tensors, the first of which has the shape of the work, with the
            batch first.
        of_gradients: Whether it computes gradients, and therefore runs only in training. Other
            functions are compiled if a quantized layer is called in training.

    Returns:
        A function with the same values.
    """
    fast = compiled(function)

    def call(*tensors):
        shape = tensors[0].shape
        large = (
            not tf.executing_eagerly()
            and (of_gradients or context.is_training())
            and shape.rank is not None
            and None not in shape[1:]
            and math.prod(shape[1:]) >= _FEWEST_VALUES
        )
        return fast(*tensors) if large else function(*tensors)

    return call
