"""The convolution of binary layers, in the formulation that is fastest on a CPU."""

from __future__ import annotations

import tensorflow as tf
from keras import ops

from larq_bop import context
from larq_bop.backend.tensorflow import winograd

# With fewer channels, moving the tiles takes as long as the products that they save.
_FEWEST_CHANNELS = 128
_LARGEST_MAP = 8 * 8


def convolution(inputs, kernel, strides, padding: str, data_format: str, dilation_rate):
    """Returns the result of `keras.ops.conv` for a binary input and a binary kernel.

    For 3x3 kernels with strides and dilation 1 there are faster algorithms on a CPU:

    - In float32, in training: Winograd's convolution. For values in {-1, 0, +1} its results are the
      same.
    - In bfloat16, whose direct convolution is fast: for small maps, the gradient of the kernel is
      computed as nine matrix products.

    Args:
        inputs: Images `(batch, height, width, channels)`, or with the channels second.
        kernel: `(height, width, channels, filters)`.
        strides: As in `keras.ops.conv`, one number for each axis.
        padding: As in `keras.ops.conv`.
        data_format: As in `keras.ops.conv`.
        dilation_rate: As in `keras.ops.conv`, one number for each axis.
    """
    fast = _faster(inputs, kernel, strides, padding, data_format, dilation_rate)
    if fast is not None:
        return fast(inputs, kernel, padding)
    return ops.conv(
        inputs,
        kernel,
        strides=list(strides),
        padding=padding,
        data_format=data_format,
        dilation_rate=dilation_rate,
    )


def _faster(inputs, kernel, strides, padding, data_format, dilation_rate):
    if tuple(kernel.shape[:-2]) != (3, 3) or data_format != "channels_last":
        return None
    if {*strides, *dilation_rate} != {1} or padding not in ("same", "valid"):
        return None
    _, height, width, channels = inputs.shape
    if height is None or width is None or channels != kernel.shape[2]:
        return None
    if tf.config.list_logical_devices("GPU"):
        return None
    wide = min(kernel.shape[2:]) >= _FEWEST_CHANNELS
    # Winograd's convolution is compiled anew for each batch size: not worth it in inference.
    if inputs.dtype == tf.float32 and wide and context.is_training():
        return winograd.convolve
    if inputs.dtype == tf.bfloat16 and height * width <= _LARGEST_MAP:
        return _with_products_for_the_kernel
    return None


def _with_products_for_the_kernel(inputs, kernel, padding: str):
    """TensorFlow's convolution, with a matrix product for each of the kernel's nine gradients.

    TensorFlow's own gradient does not use the matrix units well for few pixels with many channels.
    """
    channels, filters = kernel.shape[2:]
    margin = 1 if padding == "same" else 0

    @tf.custom_gradient
    def convolve(inputs, kernel):
        def gradient(upstream):
            for_inputs = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(inputs),
                filter=kernel,
                out_backprop=upstream,
                strides=[1, 1, 1, 1],
                padding=padding.upper(),
            )
            x = tf.pad(inputs, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
            height, width = upstream.shape[1:3]
            y = tf.reshape(upstream, [-1, filters])
            places = [
                tf.matmul(
                    tf.reshape(x[:, i : i + height, j : j + width], [-1, channels]),
                    y,
                    transpose_a=True,
                )
                for i in range(3)
                for j in range(3)
            ]
            return for_inputs, tf.reshape(tf.stack(places), kernel.shape)

        return tf.nn.conv2d(inputs, kernel, strides=1, padding=padding.upper()), gradient

    return convolve(inputs, kernel)
