"""Batch normalization in TensorFlow's fused kernel: two passes over memory where Keras has many."""

import tensorflow as tf

_DTYPES = (tf.float32, tf.bfloat16, tf.float16)


def normalized(x, gamma, beta, epsilon: float, axis: int):
    """Returns images normalized over their batch, or None if the fused kernel cannot do it.

    Args:
        x: `(batch, height, width, channels)`; float32, bfloat16 or float16. The kernel takes scale
            and offset in float32 only.
        gamma: The scale, float32 `(channels,)`, or None for 1.
        beta: The offset, likewise, or None for 0.
        epsilon: What is added to the variance.
        axis: The axis of the channels.

    Returns:
        The normalized images in the dtype of `x`, and the batch's mean and (biased) variance in
        float32, `(channels,)`; or None, if `x` is something else.
    """
    parameters = [each for each in (gamma, beta) if each is not None]
    is_float32 = all(each.dtype in ("float32", tf.float32) for each in parameters)
    if len(x.shape) != 4 or axis not in (-1, 3) or x.dtype not in _DTYPES or not is_float32:
        return None
    channels = x.shape[-1]
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=tf.ones(channels) if gamma is None else gamma,
        offset=tf.zeros(channels) if beta is None else beta,
        mean=tf.zeros(0),
        variance=tf.zeros(0),
        epsilon=epsilon,
        is_training=True,
    )
    # The kernel estimates the variance of all images (with n - 1), Keras keeps the batch's.
    n = tf.cast(tf.size(x) // channels, tf.float32)
    return outputs, mean, variance * (tf.maximum(n - 1.0, 1.0) / n)
