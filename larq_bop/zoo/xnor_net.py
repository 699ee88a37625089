"""XNOR-Net: AlexNet with binary layers in the middle, and a scale for each filter."""

from __future__ import annotations

from pathlib import Path

import keras
from keras import ops

from larq_bop.layers import BatchNormalization, MaxPooling2D, QuantConv2D
from larq_bop.quantizers import ste_sign
from larq_bop.utils import set_precision
from larq_bop.zoo.blocks import classified, finished, kernel

__all__ = ["xnor_net", "xnor_weight_scale"]


@keras.saving.register_keras_serializable(package="larq_bop")
@set_precision(1)
def xnor_weight_scale(x):
    r"""Returns the signs of a kernel, times the mean magnitude of each filter.

    $$q(x) = s_k \operatorname{sign}(x), \qquad
    s_k = \operatorname{mean} |\max(-1, \min(1, x_{\ldots, k}))|$$

    The gradient is that of `ste_sign` and of the mean, as in Larq Zoo.

    Args:
        x: A kernel `(height, width, channels, filters)`.

    Returns:
        A tensor of `x`'s shape and dtype.

    References:
        Rastegari et al. 2016 (arXiv 1603.05279), section 3.1.
    """
    x = ops.clip(x, -1.0, 1.0)
    return ops.mean(ops.abs(x), axis=(0, 1, 2), keepdims=True) * ste_sign(x)


def xnor_net(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    num_classes: int = 1000,
    *,
    latent_weights: bool = False,
    include_top: bool = True,
    weights: str | Path | None = None,
) -> keras.Model:
    """XNOR-Net, as in Larq Zoo and in the paper's section 5.3: 62,396,768 parameters.

    AlexNet: an 11x11 convolution, four binary convolutions, two binary dense layers, which are
    written as convolutions, and a dense layer. There are no biases. Batch normalization without
    scale follows each of these layers except the last.

    Args:
        input_shape: Height, width and channels of an image. They must leave a map of 6x6 for the
            first dense layer: 224 pixels in the paper, at least 217.
        num_classes: The number of classes.
        latent_weights: False for kernels that are binary themselves, for Bop; True for latent
            weights with `xnor_weight_scale`, for Adam.
        include_top: Whether the model includes the last two dense layers.
        weights: None for untrained weights; or a file: `.h5` of Larq Zoo, `.keras`, `.weights.h5`,
            or `.npz` of `larq_bop.export.save_packed`. Larq Zoo's weights are latent: their signs
            alone, without the scale of each filter, do not give the same predictions.

    Returns:
        A model from `(batch, *input_shape)` to class probabilities `(batch, num_classes)`, or to
        images of 4096 channels without the top.

    Raises:
        ValueError: if `weights` is not a file, or belongs to another network.

    References:
        Rastegari et al. 2016, XNOR-Net (arXiv 1603.05279); Helwegen et al. 2019 (arXiv
        1906.02107), section 5.3.
    """
    decay = keras.regularizers.L2(5e-7)

    def convolved(x, filters: int, size: int, padding: str = "same"):
        return QuantConv2D(
            filters,
            size,
            padding=padding,
            input_quantizer="ste_sign",
            use_bias=False,
            # Signs do not decay.
            kernel_regularizer=decay if latent_weights else None,
            **kernel(latent_weights, xnor_weight_scale, "weight_clip"),
        )(x)

    def full(layer, *arguments, **others):
        return layer(*arguments, use_bias=False, kernel_regularizer=decay, **others)

    inputs = keras.Input(input_shape)
    x = full(keras.layers.Conv2D, 96, 11, strides=4, padding="same")(inputs)
    x = keras.layers.Activation("relu")(_normalized(x, 1e-5))
    x = _normalized(MaxPooling2D(3, strides=2)(x))
    x = _normalized(MaxPooling2D(3, strides=2)(convolved(x, 256, 5)))
    x = _normalized(convolved(x, 384, 3))
    x = _normalized(convolved(x, 384, 3))
    x = _normalized(MaxPooling2D(3, strides=2)(convolved(x, 256, 3)))
    x = _normalized(convolved(x, 4096, 6, padding="valid"))
    if include_top:
        x = _normalized(convolved(x, 4096, 1, padding="valid"), 1e-3)
        x = keras.layers.Flatten()(keras.layers.Activation("relu")(x))
        x = classified(full(keras.layers.Dense, num_classes)(x))
    return finished(inputs, x, "xnornet", weights)


def _normalized(x, epsilon: float = 1e-4):
    return BatchNormalization(momentum=0.9, scale=False, epsilon=epsilon)(x)
