"""Parts that all networks have in common."""

from __future__ import annotations

from typing import Any

import keras

from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.quantizers import NoOp
from larq_bop.rematerialization import not_rematerialized
from larq_bop.zoo.weights import check_weights, load_zoo_weights

__all__ = ["classified", "finished", "kernel", "pooled"]


def kernel(latent_weights: bool, quantizer, constraint, initializer="glorot_uniform"):
    """Returns the arguments of a layer's kernel.

    Args:
        latent_weights: Whether the kernel has latent weights, or is binary itself, for Bop.
        quantizer: The quantizer of latent weights.
        constraint: The constraint of latent weights.
        initializer: The initializer of latent weights.
    """
    if latent_weights:
        return {
            "kernel_quantizer": quantizer,
            "kernel_constraint": constraint,
            "kernel_initializer": initializer,
        }
    return {"kernel_quantizer": NoOp(precision=1), "kernel_initializer": BinaryGlorotNormal()}


def pooled(x):
    """Returns the average of each channel of images, `(batch, channels)`.

    For maps of a known size this is average pooling over the whole map, which is faster in Larq
    Compute Engine than `keras.layers.GlobalAveragePooling2D`.
    """
    if None in x.shape[1:3]:
        return keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.AveragePooling2D(x.shape[1:3])(x)
    return keras.layers.Flatten()(x)


def classified(x):
    """Returns class probabilities, in float32."""
    return keras.layers.Activation("softmax", dtype="float32")(x)


def finished(inputs, outputs, name: str, weights: Any) -> keras.Model:
    """Returns the model with its weights."""
    check_weights(weights)
    model = not_rematerialized(inputs, outputs, name)
    if weights is not None:
        load_zoo_weights(model, weights)
    return model
