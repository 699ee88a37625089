"""Which layers of a Larq model multiply signs by signs, and which are meant to do so."""

from __future__ import annotations

import larq
import numpy as np
import tensorflow as tf
import tf_keras

from larq_bop.larq.dtypes import in_float32

ROLES = ("kernel", "depthwise", "pointwise")

# The layers that the engine can compute with bits; those of Keras if kernel and input are signs.
CONVOLUTIONS = (larq.layers.QuantConv2D, tf_keras.layers.Conv2D)
DENSE = (larq.layers.QuantDense, tf_keras.layers.Dense)

# In a prediction, the outputs of these layers are signs if their inputs are.
_KEEPERS = (
    *(tf_keras.layers.Flatten, tf_keras.layers.Reshape, tf_keras.layers.Permute),
    *(tf_keras.layers.MaxPooling1D, tf_keras.layers.MaxPooling2D, tf_keras.layers.MaxPooling3D),
    *(tf_keras.layers.Dropout, tf_keras.layers.Concatenate),
)


def makes_signs(quantizer) -> bool:
    """Returns whether a quantizer is the sign in a form that Larq Compute Engine recognizes."""
    if isinstance(quantizer, tf_keras.layers.Activation):
        quantizer = quantizer.activation
    kinds = (larq.quantizers.SteSign, larq.quantizers.ApproxSign, larq.quantizers.SwishSign)
    functions = (larq.quantizers.ste_sign, larq.quantizers.approx_sign, larq.quantizers.swish_sign)
    return isinstance(quantizer, kinds) or quantizer in functions


def is_meant_to_be_binary(layer) -> bool:
    """Returns whether a layer multiplies signs by a kernel that is quantized or consists of signs.

    The signs come from its input quantizer or are its input.
    """
    if type(layer) in (CONVOLUTIONS[1], DENSE[1]):
        return reads_signs(layer) and has_binary_kernel(layer)
    if not isinstance(layer, larq.layers_base.BaseLayer):
        return False
    quantizers = [getattr(layer, f"{role}_quantizer", None) for role in ROLES]
    is_binary = any(quantizers) or (hasattr(layer, "kernel") and has_binary_kernel(layer))
    return is_binary and (bool(layer.input_quantizer) or reads_signs(layer))


def reads_signs(layer) -> bool:
    """Returns whether the inputs of a layer are signs in each of its calls."""
    sources = [x._keras_history.layer for node in layer._inbound_nodes for x in node.keras_inputs]
    return bool(sources) and all(
        makes_signs(each)
        or makes_signs(getattr(each, "activation", None))
        or (isinstance(each, _KEEPERS) and reads_signs(each))
        for each in sources
    )


def has_binary_kernel(layer) -> bool:
    """Returns whether the kernel's values in each output channel differ only in sign."""
    kernel = np.abs(used_kernel(layer))
    scales = kernel.reshape(-1, kernel.shape[-1])[0]
    return bool(np.all((kernel == scales) & (kernel > 0)))


def passes_for_binary(layer) -> bool:
    """Returns whether the engine would wrongly treat a layer's kernel as scaled signs.

    It treats the magnitudes of an output channel as equal if they differ by less than 0.5 %.
    """
    if type(layer) not in CONVOLUTIONS or has_binary_kernel(layer):
        return False
    kernel = np.abs(used_kernel(layer))
    is_near = np.abs(kernel - kernel[0, 0, 0]) <= 0.006 * kernel[0, 0, 0]
    is_sign = makes_signs(getattr(layer, "input_quantizer", None)) or reads_signs(layer)
    return is_sign and bool(np.all(is_near & (kernel > 0)))


def used_kernel(layer, role: str = "kernel") -> np.ndarray:
    """Returns the kernel with which a layer computes, in float32 and quantized by its quantizer.

    Args:
        layer: A built layer.
        role: Which of its kernels: `"kernel"`, `"depthwise"` or `"pointwise"`.
    """
    kernel = tf.constant(kernel_of(layer, role).numpy())
    quantizer = getattr(layer, f"{role}_quantizer", None)
    if isinstance(quantizer, tf_keras.layers.Layer):
        weights, quantizer = quantizer.get_weights(), in_float32(quantizer)
        quantizer(kernel)
        quantizer.set_weights(weights)
    return quantizer(kernel).numpy() if quantizer else kernel.numpy()


def kernel_of(layer, role: str):
    """Returns the variable of a kernel."""
    return getattr(layer, "kernel" if role == "kernel" else f"{role}_kernel")


def pad_values(convolution):
    """Returns the value with which a convolution pads; for Keras' layers it is 0."""
    return getattr(convolution, "pad_values", 0)
