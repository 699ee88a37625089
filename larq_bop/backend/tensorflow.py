"""TensorFlow: replicas of `tf.distribute` each have their own gradients."""

from collections.abc import Callable

import keras
import tensorflow as tf


def as_tensor(x):
    """Returns the value of a tensor, a Keras or a TensorFlow variable as a plain tensor."""
    return tf.convert_to_tensor(x.value if isinstance(x, keras.Variable) else x)


def sign(x):
    """Returns the sign of each value: -1, 0, +1 or NaN."""
    return tf.sign(x)


def sum_over_replicas(gradients):
    """Returns the gradients summed over the replicas of the current strategy.

    Args:
        gradients: Tensors, or None where a variable has no gradient.

    Returns:
        A list like `gradients`, the same on every replica.
    """
    gradients = list(gradients)
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return gradients
    present = [g for g in gradients if g is not None]
    reduced = iter(context.all_reduce(tf.distribute.ReduceOp.SUM, present))
    return [None if g is None else next(reduced) for g in gradients]


def assume_reduced_gradients(optimizer) -> None:
    """Tells a Keras optimizer that its gradients are summed over the replicas already."""
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables


def at_once():
    """Returns a scope whose operations run while a step is traced, before it first runs."""
    return tf.init_scope()


def compiled(function):
    """Compiles elementwise work into one pass over memory, also inside a step that is not compiled.

    Args:
        function: A pure function of tensors, the first of which has the shape of the work.

    Returns:
        The same function, compiled by XLA.
    """
    by_shape: dict[tuple[int, ...], Callable] = {}

    def call(*tensors):
        # One `tf.function` a shape: a single one would warn about being traced for each anew.
        shape = tuple(tensors[0].shape)
        if shape not in by_shape:
            by_shape[shape] = tf.function(function, autograph=False, jit_compile=True)
        return by_shape[shape](*tensors)

    return call
