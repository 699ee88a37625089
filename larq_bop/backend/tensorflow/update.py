"""The update of binary weights in place, in one pass over memory."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from larq_bop.backend.tensorflow.compilation import compiled, on_cpu
from larq_bop.backend.tensorflow.tensors import as_tensor

# A block must fit in the nearest cache of a core: gradient, moments, weights and counts take at
# least 20 bytes for each weight.
_BLOCK = 16384

# More than the number of blocks.
_RADIX = 2**16


def updater(new_moment: Callable, new_weight: Callable) -> Callable:
    """Compiles the update of a binary variable and its moments.

    Args:
        new_moment: An elementwise function of `(i, moment i, gradient, *scalars)` that returns the
            moment's new value.
        new_weight: An elementwise function of `(weight, moments, gradient, *scalars)`, with the new
            moments, that returns the new weight and two masks.

    Returns:
        A function `(gradient, variables, *scalars)`, the weight before its moments, that assigns
        the new values and returns how often each mask was true, two int32 scalars.
    """

    def new_values(gradient, variables, *scalars):
        arrays = [tf.reshape(as_tensor(v), [-1]) for v in variables]
        gradient = tf.reshape(gradient, [-1])
        arrays, counts = _in_blocks(new_moment, new_weight, arrays, gradient, scalars)
        values = [tf.reshape(a, v.shape) for a, v in zip(arrays, variables, strict=True)]
        return values, [tf.reduce_sum(counts % _RADIX), tf.reduce_sum(counts // _RADIX)]

    def update(gradient, variables, *scalars):
        values, counts = new_values(gradient, variables, *scalars)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return counts

    # The update is in place only if the compiled function itself assigns the variables.
    in_place, elsewhere = compiled(update), compiled(new_values)

    def call(gradient, variables, *scalars):
        variables = [v.value if isinstance(v, keras.Variable) else v for v in variables]
        if not any(isinstance(v, tf.distribute.DistributedValues) for v in variables):
            return in_place(gradient, variables, *scalars)
        # A replica's part of a distributed variable cannot be passed to a compiled function.
        values, counts = elsewhere(gradient, [as_tensor(v) for v in variables], *scalars)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return counts

    return call


def _in_blocks(new_moment, new_weight, arrays, gradient, scalars):
    """Returns the new arrays, the weights first, and a vector of counts.

    Its sum counts where the first mask was true, plus `_RADIX` times where the second was: two
    vectors take longer.
    """
    size = math.prod(gradient.shape)
    block = min(size, max(_BLOCK, -(-size // (_RADIX // 2 - 1)))) if on_cpu() else size

    def step(start, length, arrays, counts):
        def part(array):
            return ops.slice(array, [start], [length])

        def updated(array, value, start):
            return ops.slice_update(array, [start], tf.cast(value, array.dtype))

        # One array after the other: everything that depends on a moment reads its new value, so
        # that an array's old block is not needed after the new one is written. Otherwise XLA would
        # copy the whole array each time.
        weights, *moments = arrays
        g = part(gradient)
        moments = [
            updated(moment, new_moment(i, part(moment), g, *scalars), start)
            for i, moment in enumerate(moments)
        ]
        new, *masks = new_weight(part(weights), [part(m) for m in moments], g, *scalars)
        first, second = (tf.cast(mask, tf.int32) for mask in masks)
        counts += tf.pad(first + _RADIX * second, [(0, block - length)])
        # For the same reason the weights must be written after their flips are counted. Counts are
        # never negative, which XLA does not know, so this adds 0 and makes it wait for the counts.
        after_counting = start + tf.minimum(counts[0], 0)
        return [updated(weights, new, after_counting), *moments], counts

    state = (arrays, tf.zeros(block, tf.int32))
    whole = size // block
    _, *state = tf.while_loop(
        lambda i, *_: i < whole,
        lambda i, *state: (i + 1, *step(i * block, block, *state)),
        (0, *state),
        maximum_iterations=whole,
    )
    return step(whole * block, size % block, *state) if size % block else state
