"""Support for `keras.RematScope`."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras


class Rematerializable(keras.layers.Layer):
    """Mixin of a layer that `keras.RematScope` recomputes in the backward pass.

    TensorFlow recomputes functions of tensors by position only, and Keras calls layers with
    arguments by name, such as `training`. It does so when gradients are computed, where weights
    do not read in the compute dtype any more.
    """

    # Keras' Layer and its Operation have two names for the first argument.
    def rematerialized_call(self, layer_call, *args, **kwargs):  # type: ignore[override]
        rematerialized = super().rematerialized_call

        def call(*args, **named):
            with keras.RematScope(mode=None):
                by_position = Recomputed(functools.partial(layer_call, **named), of=self)
            return rematerialized(by_position, *args, **named)(*args)

        return call


class Recomputed(keras.layers.Layer):
    """Calls a function of tensors as a layer calls its own: weights read in the compute dtype.

    Args:
        function: The function.
        of: The layer.
    """

    def __init__(self, function: Callable, of: keras.layers.Layer):
        super().__init__(dtype=of.dtype_policy, autocast=of.autocast)
        self.function = function

    def call(self, *args):
        return self.function(*args)


def not_rematerialized(inputs, outputs, name: str) -> keras.Model:
    """Returns a functional model that is not recomputed as a whole, whatever its layers are.

    That would keep all activations at once in the backward pass, and save nothing; and on
    TensorFlow and JAX Keras fails at it.

    Args:
        inputs: As in `keras.Model`.
        outputs: Likewise.
        name: The model's name.
    """
    with keras.RematScope(mode=None):
        return keras.Model(inputs, outputs, name=name)
