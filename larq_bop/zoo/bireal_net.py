"""Bi-Real Net: a residual network with a shortcut around each binary convolution."""

from __future__ import annotations

from pathlib import Path

import keras

from larq_bop.layers import BatchNormalization, MaxPooling2D, QuantConv2D
from larq_bop.zoo.blocks import classified, finished, kernel, pooled

__all__ = ["bireal_net"]


def bireal_net(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    latent_weights: bool = False,
    include_top: bool = True,
    weights: str | Path | None = None,
) -> keras.Model:
    """Bi-Real Net with 18 layers, as in Larq Zoo: 11,699,112 parameters.

    A 7x7 convolution and 3x3 max pooling, then 16 binary 3x3 convolutions, each with batch
    normalization and a shortcut. Three of them halve the map and double the filters; their shortcut
    is average pooling, a 1x1 convolution and batch normalization.

    Args:
        input_shape: Height, width and channels of an image.
        num_classes: The number of classes.
        latent_weights: False for kernels that are binary themselves, for Bop; True for latent
            weights with `magnitude_aware_sign`, for Adam.
        include_top: Whether the model includes the average pooling and the dense layer at the end.
        weights: None for untrained weights; or a file: `.h5` of Larq Zoo, `.keras`, `.weights.h5`,
            or `.npz` of `larq_bop.export.save_packed`. Larq Zoo's weights are latent: their signs
            alone, without the scale of each filter, do not give the same predictions.

    Returns:
        A model from `(batch, *input_shape)` to class probabilities `(batch, num_classes)`, or to
        images of 512 channels without the top.

    Raises:
        ValueError: if `weights` is not a file, or belongs to another network.

    References:
        Liu et al. 2018, Bi-Real Net (arXiv 1808.00278); Helwegen et al. 2019 (arXiv 1906.02107),
        section 5.3.
    """

    def residual(x, filters: int, strides: int):
        shortcut = x
        if strides > 1:
            shortcut = keras.layers.AveragePooling2D(2, strides=2, padding="same")(shortcut)
            shortcut = keras.layers.Conv2D(
                filters, 1, kernel_initializer="glorot_normal", use_bias=False
            )(shortcut)
            shortcut = _normalized(shortcut)
        x = QuantConv2D(
            filters,
            3,
            strides=strides,
            padding="same",
            input_quantizer="approx_sign",
            use_bias=False,
            **kernel(latent_weights, "magnitude_aware_sign", "weight_clip", "glorot_normal"),
        )(x)
        return keras.layers.Add()([_normalized(x), shortcut])

    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(
        64, 7, strides=2, padding="same", kernel_initializer="glorot_normal", use_bias=False
    )(inputs)
    x = MaxPooling2D(3, strides=2, padding="same")(_normalized(x))
    for filters in (64, 128, 256, 512):
        for i in range(4):
            x = residual(x, filters, strides=2 if i == 0 and filters > 64 else 1)
    if include_top:
        x = classified(keras.layers.Dense(num_classes)(pooled(x)))
    return finished(inputs, x, "birealnet18", weights)


def _normalized(x):
    return BatchNormalization(momentum=0.8)(x)
