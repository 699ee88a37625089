"""The VGG-like network of the paper's and the report's CIFAR-10 experiments."""

from __future__ import annotations

import keras

from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import BatchNormalization, QuantConv2D, QuantDense
from larq_bop.quantizers import NoOp
from larq_bop.rematerialization import not_rematerialized

__all__ = ["binarynet"]


def binarynet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    filters: int = 128,
    dense_units: int = 1024,
    latent_weights: bool = False,
) -> keras.Model:
    """The report's section 3.3: BinaryNet, 14,022,016 binary weights for CIFAR-10.

    Six binary 3x3 "same" convolutions of 1, 1, 2, 2, 4, 4 times `filters`, with 2x2 max pooling
    after every second one, then three dense layers. No biases; batch normalization without scale
    after every layer (after the pooling, where there is one); all layers but the first binarize
    their input.

    Args:
        input_shape: Height, width and channels of an image, scaled to [-1, 1].
        num_classes: The number of classes.
        filters: Output channels of the first convolution.
        dense_units: Width of the two hidden dense layers.
        latent_weights: False for kernels that are binary themselves, for Bop; True for the
            baseline with latent weights in [-1, 1] behind `ste_sign`, for Adam.

    Returns:
        A model from `(batch, *input_shape)` to class probabilities `(batch, num_classes)`.

    References:
        Helwegen et al. 2019 (arXiv 1906.02107), section 5.2; Courbariaux et al. 2016.
    """
    inputs = keras.Input(input_shape)
    x = inputs
    for i, multiple in enumerate((1, 1, 2, 2, 4, 4)):
        x = QuantConv2D(
            multiple * filters,
            3,
            padding="same",
            input_quantizer="ste_sign" if i else None,
            use_bias=False,
            **_kernel(latent_weights),
        )(x)
        if i % 2:
            x = keras.layers.MaxPooling2D(2)(x)
        x = _normalized(x)
    x = keras.layers.Flatten()(x)
    for units in (dense_units, dense_units, num_classes):
        x = QuantDense(
            units, input_quantizer="ste_sign", use_bias=False, **_kernel(latent_weights)
        )(x)
        x = _normalized(x)
    outputs = keras.layers.Activation("softmax", dtype="float32")(x)
    return not_rematerialized(inputs, outputs, "binarynet")


def _kernel(latent_weights: bool) -> dict:
    if latent_weights:
        return {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    return {"kernel_quantizer": NoOp(precision=1), "kernel_initializer": BinaryGlorotNormal()}


def _normalized(x):
    # A flip moves activations further than a small step of a latent weight does: averages over a
    # hundred batches, Keras' default, lag behind, and validation suffers while much flips.
    return BatchNormalization(momentum=0.9, scale=False)(x)
