"""BinaryAlexNet: AlexNet with all layers binary."""

from __future__ import annotations

import math
from pathlib import Path

import keras

from larq_bop.layers import BatchNormalization, MaxPooling2D, QuantConv2D
from larq_bop.zoo.blocks import classified, finished, kernel

__all__ = ["binary_alexnet"]


def binary_alexnet(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    latent_weights: bool = False,
    include_top: bool = True,
    weights: str | Path | None = None,
) -> keras.Model:
    """BinaryAlexNet, as in Larq Zoo and in the paper's section 5.3: 61,859,192 parameters.

    Five binary convolutions, then three binary dense layers, written as 1x1 convolutions. There are
    no biases. 3x3 max pooling follows the first, second and fifth convolution, and batch
    normalization without scale follows every layer. All layers except the first binarize their
    input.

    Args:
        input_shape: Height, width and channels of an image; at least 57 pixels each way.
        num_classes: The number of classes.
        latent_weights: False for kernels that are binary themselves, for Bop; True for latent
            weights with `ste_sign`, for Adam.
        include_top: Whether the model includes the dense layers.
        weights: None for untrained weights; or a file: `.h5` of Larq Zoo, `.keras`, `.weights.h5`,
            or `.npz` of `larq_bop.export.save_packed`.

    Returns:
        A model from `(batch, *input_shape)` to class probabilities `(batch, num_classes)`, or to
        images of 256 channels without the top.

    Raises:
        ValueError: if `weights` is not a file, or belongs to another network.

    References:
        Hubara et al. 2016, Binarized Neural Networks (NIPS); Helwegen et al. 2019 (arXiv
        1906.02107), section 5.3.
    """

    def convolved(x, filters: int, size: int, **arguments):
        return QuantConv2D(
            filters,
            size,
            use_bias=False,
            **kernel(latent_weights, "ste_sign", "weight_clip"),
            **arguments,
        )(x)

    inputs = x = keras.Input(input_shape)
    for i, (filters, size, strides, is_pooled) in enumerate(_CONVOLUTIONS):
        quantizer = "ste_sign" if i else None
        x = convolved(x, filters, size, strides=strides, padding="same", input_quantizer=quantizer)
        if is_pooled:
            x = MaxPooling2D(3, strides=2)(x)
        x = _normalized(x)
    if include_top:
        x = keras.layers.Reshape((1, 1, math.prod(x.shape[1:])))(x)
        for units in (4096, 4096, num_classes):
            x = _normalized(convolved(x, units, 1, input_quantizer="ste_sign"))
        x = classified(keras.layers.Flatten()(x))
    return finished(inputs, x, "binary_alexnet", weights)


# Filters, the kernel's size, strides, and whether max pooling follows.
_CONVOLUTIONS = (
    *((64, 11, 4, True), (192, 5, 1, True), (384, 3, 1, False), (384, 3, 1, False)),
    (256, 3, 1, True),
)


def _normalized(x):
    return BatchNormalization(momentum=0.9, scale=False)(x)
