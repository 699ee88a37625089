"""TensorFlow: each replica of `tf.distribute` has its own gradients."""

import tensorflow as tf

from larq_bop.backend.tensorflow.compilation import fused
from larq_bop.backend.tensorflow.convolutions import convolution
from larq_bop.backend.tensorflow.normalization import normalized
from larq_bop.backend.tensorflow.tensors import as_tensor, sign
from larq_bop.backend.tensorflow.update import updater

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
    """Tells a Keras optimizer that its gradients are already summed over the replicas."""
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables


def at_once():
    """Returns a scope whose operations run immediately, even while a step is traced."""
    return tf.init_scope()


def is_eager() -> bool:
    """Returns whether operations run immediately, rather than being traced."""
    return tf.executing_eagerly()


def max_pooled(x, pool_size, strides, padding, data_format):
    """Returns None: Keras' own code uses TensorFlow's kernel, which is fast."""
