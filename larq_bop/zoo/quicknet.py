"""QuickNet: binary residual networks that are fast on devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import ops

from larq_bop.constraints import WeightClip
from larq_bop.layers import (
    BatchNormalization,
    MaxPooling2D,
    QuantConv2D,
    QuantDense,
    QuantDepthwiseConv2D,
)
from larq_bop.quantizers import SteSign
from larq_bop.zoo.blocks import classified, finished, kernel, pooled

__all__ = ["Blur", "quicknet", "quicknet_large", "quicknet_small"]


@keras.saving.register_keras_serializable(package="larq_bop")
class Blur(keras.initializers.Initializer):
    """Initializer of a depthwise convolution: a binomial window whose values add up to 1.

    References:
        Zhang 2019, Making Convolutional Networks Shift-Invariant Again (arXiv 1904.11486).
    """

    def __call__(self, shape, dtype=None):
        window = np.ones(1)
        for _ in range(shape[0] - 1):
            window = np.convolve(window, [1.0, 1.0])
        window = np.outer(window, window) / window.sum() ** 2
        return ops.cast(np.broadcast_to(window[..., None, None], shape), dtype or "float32")


def quicknet(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    latent_weights: bool = False,
    include_top: bool = True,
    weights: str | Path | None = None,
) -> keras.Model:
    """QuickNet, as in Larq Zoo: 13,234,088 parameters.

    A stem in full precision with two convolutions of stride 2, then four sections of binary 3x3
    convolutions, each with ReLU, batch normalization and a shortcut. Between sections, max pooling
    and a blur halve the map, and a 1x1 convolution changes the number of filters.

    Args:
        input_shape: Height, width and channels of an image.
        num_classes: The number of classes.
        latent_weights: False for kernels that are binary themselves, for Bop; True for latent
            weights in [-1.25, 1.25] with `SteSign(1.25)`, for Adam.
        include_top: Whether the model includes the average pooling and the dense layer at the end.
        weights: None for untrained weights; or a file: `.h5` of Larq Zoo, `.keras`, `.weights.h5`,
            or `.npz` of `larq_bop.export.save_packed`.

    Returns:
        A model from `(batch, *input_shape)` to class probabilities `(batch, num_classes)`, or to
        images of 512 channels without the top.

    Raises:
        ValueError: if `weights` is not a file, or belongs to another network.

    References:
        Bannink et al. 2021, Larq Compute Engine (arXiv 2011.09398), section 5.
    """
    sections = ((4, 64), (4, 128), (4, 256), (4, 512))
    options = (latent_weights, include_top, weights)
    return _quicknet("quicknet", sections, input_shape, num_classes, *options)


def quicknet_small(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    latent_weights: bool = False,
    include_top: bool = True,
    weights: str | Path | None = None,
) -> keras.Model:
    """QuickNetSmall: `quicknet` with fewer filters in two sections, 12,655,688 parameters.

    The arguments, the result, the errors and the reference are those of `quicknet`.
    """
    sections = ((4, 32), (4, 64), (4, 256), (4, 512))
    options = (latent_weights, include_top, weights)
    return _quicknet("quicknet_small", sections, input_shape, num_classes, *options)


def quicknet_large(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    latent_weights: bool = False,
    include_top: bool = True,
    weights: str | Path | None = None,
) -> keras.Model:
    """QuickNetLarge: `quicknet` with more layers in each section, 23,342,248 parameters.

    The arguments, the result, the errors and the reference are those of `quicknet`.
    """
    sections = ((6, 64), (8, 128), (12, 256), (6, 512))
    options = (latent_weights, include_top, weights)
    return _quicknet("quicknet_large", sections, input_shape, num_classes, *options)


def _quicknet(
    name: str,
    sections: Sequence[tuple[int, int]],
    input_shape,
    num_classes: int,
    latent_weights: bool,
    include_top: bool,
    weights,
) -> keras.Model:
    """Returns a network of sections, each of some layers with some filters."""
    inputs = keras.Input(input_shape)
    x = _stem(inputs, sections[0][1])
    for layers, filters in sections:
        if filters != x.shape[-1]:
            x = _transition(x, filters)
        for _ in range(layers):
            x = _residual(x, filters, latent_weights)
    if include_top:
        x = pooled(keras.layers.Activation("relu")(x))
        x = classified(QuantDense(num_classes, kernel_initializer="glorot_normal")(x))
    return finished(inputs, x, name, weights)


def _stem(x, filters: int):
    x = QuantConv2D(
        filters // 4, 3, strides=2, padding="same", kernel_initializer="he_normal", use_bias=False
    )(x)
    x = keras.layers.Activation("relu")(BatchNormalization()(x))
    x = QuantDepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
    x = BatchNormalization(scale=False, center=False)(x)
    x = QuantConv2D(filters, 1, kernel_initializer="he_normal", use_bias=False)(x)
    return BatchNormalization()(x)


def _residual(x, filters: int, latent_weights: bool):
    y = QuantConv2D(
        filters,
        3,
        padding="same",
        pad_values=1.0,
        activation="relu",
        input_quantizer=SteSign(clip_value=1.25),
        use_bias=False,
        **kernel(latent_weights, SteSign(clip_value=1.25), WeightClip(1.25), "glorot_normal"),
    )(x)
    return keras.layers.Add()([BatchNormalization(momentum=0.9, epsilon=1e-5)(y), x])


def _transition(x, filters: int):
    x = keras.layers.Activation("relu")(x)
    x = MaxPooling2D(2, strides=1)(x)
    x = keras.layers.DepthwiseConv2D(
        3,
        strides=2,
        padding="same",
        depthwise_initializer=Blur(),
        trainable=False,
        use_bias=False,
    )(x)
    x = QuantConv2D(filters, 1, kernel_initializer="glorot_normal", use_bias=False)(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
