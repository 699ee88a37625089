"""Support for `keras.RematScope`."""

from __future__ import annotations

import functools
from collections.abc import Callable

import keras


class Rematerializable(keras.layers.Layer):
    """Mixin of layers that `keras.RematScope` can recompute in the backward pass.

    TensorFlow can only recompute functions with positional arguments, but Keras passes some
    arguments of a layer by name, such as `training`. In addition, the recomputation runs while
    gradients are computed, outside the scope in which weights are cast to the compute dtype.
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
    """A layer that calls a function of tensors, with weights cast to the compute dtype.

    Args:
        function: The function.
        of: The layer whose dtype policy it has.
    """

    def __init__(self, function: Callable, of: keras.layers.Layer):
        super().__init__(dtype=of.dtype_policy, autocast=of.autocast)
        self.function = function

    def call(self, *args):
        return self.function(*args)


def not_rematerialized(inputs, outputs, name: str) -> keras.Model:
    """Returns a functional model that is not recomputed as a whole, even if its layers are.

    Recomputing the whole model would save nothing, since all activations would be in memory at once
    in the backward pass. On TensorFlow and JAX it makes Keras fail.

    Args:
        inputs: As in `keras.Model`.
        outputs: As in `keras.Model`.
        name: The model's name.
    """
    with keras.RematScope(mode=None):
        return keras.Model(inputs, outputs, name=name)
