"""The small network of the report's experiments on latent weights."""

from __future__ import annotations

import keras

from larq_bop.layers import BatchNormalization, QuantConv2D, QuantDense
from larq_bop.rematerialization import not_rematerialized

__all__ = ["latent_cnn"]


def latent_cnn(
    input_shape: tuple[int, int, int],
    num_classes: int = 10,
    kernel_initializer="glorot_uniform",
) -> keras.Model:
    """The report's section 3.1.1: a binary network with latent weights.

    Binary "valid" 3x3 convolutions with 32, 64 and 64 filters, 2x2 max pooling after the first two,
    then dense layers with 64 and `num_classes` units. There are no biases. After each layer, and
    after the pooling where there is one, comes a batch normalization without scale. All layers
    except the first binarize their input. The latent weights are in [-1, 1], quantized by
    `ste_sign`.

    Args:
        input_shape: Height, width and channels of an image, scaled to [-1, 1]; both at least 18
            pixels.
        num_classes: The number of classes.
        kernel_initializer: Initializer of the latent weights. With a name each layer gets an
            initializer of its own. Do not pass an object that returns the same values in each call,
            since all layers share it.

    Returns:
        A model from `(batch, *input_shape)` to class probabilities `(batch, num_classes)`.
    """
    kernel = {
        "kernel_initializer": kernel_initializer,
        "kernel_quantizer": "ste_sign",
        "kernel_constraint": "weight_clip",
        "use_bias": False,
    }
    inputs = keras.Input(input_shape)
    x = QuantConv2D(32, 3, **kernel)(inputs)
    x = keras.layers.MaxPooling2D(2)(x)
    x = BatchNormalization(scale=False)(x)
    x = QuantConv2D(64, 3, input_quantizer="ste_sign", **kernel)(x)
    x = keras.layers.MaxPooling2D(2)(x)
    x = BatchNormalization(scale=False)(x)
    x = QuantConv2D(64, 3, input_quantizer="ste_sign", **kernel)(x)
    x = BatchNormalization(scale=False)(x)
    x = keras.layers.Flatten()(x)
    for units in (64, num_classes):
        x = QuantDense(units, input_quantizer="ste_sign", **kernel)(x)
        x = BatchNormalization(scale=False)(x)
    outputs = keras.layers.Activation("softmax", dtype="float32")(x)
    return not_rematerialized(inputs, outputs, "latent_cnn")
