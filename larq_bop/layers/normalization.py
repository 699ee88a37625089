"""Batch normalization, faster than Keras'."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from larq_bop import backend

__all__ = ["BatchNormalization"]


@keras.saving.register_keras_serializable(package="larq_bop")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, in one fused kernel where the backend has one.

    Each binary layer is followed by a normalization. Binary layers do little arithmetic, so the
    normalization's passes over memory take a visible share of a training step. The results equal
    those of Keras within float32 rounding.

    On TensorFlow the fused kernel is used in training, for images with the channels last. Keras'
    own code handles everything else: a mask, `synchronized`, `renorm`, another axis or rank,
    integers, scale and offset in half precision, and inference. It also handles everything on
    torch and on JAX, whose compiler fuses it.

    The arguments are those of `keras.layers.BatchNormalization`.

    References:
        Ioffe & Szegedy 2015, Batch Normalization (arXiv 1502.03167).
    """

    def call(self, inputs, training=None, mask=None):
        if not training or not self.trainable or mask is not None or self._has_own_moments():
            return super().call(inputs, training=training, mask=mask)
        normalized = backend.normalized(inputs, self.gamma, self.beta, self.epsilon, self.axis)
        if normalized is None:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = normalized
        averages: Any = (self.moving_mean, self.moving_variance)
        for moving, value in zip(averages, (mean, variance), strict=True):
            value = ops.cast(value, moving.dtype)
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)

    # Keras' Layer and its Operation have two names for the first argument.
    def rematerialized_call(self, layer_call, *args, **kwargs):  # type: ignore[override]
        # It keeps little more than its input, and its averages must be updated once a step only.
        return layer_call

    def _has_own_moments(self) -> bool:
        return self.synchronized or self.renorm
