"""Initial values in {-1, +1}: the sign of what a Keras initializer draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from larq_bop import math
from larq_bop.annotations import Identifier

__all__ = [
    "Binary",
    "BinaryGlorotNormal",
    "BinaryGlorotUniform",
    "BinaryHeNormal",
    "BinaryHeUniform",
    "StandIn",
]


@keras.saving.register_keras_serializable(package="larq_bop")
class Binary(keras.initializers.Initializer):
    """The sign of another initializer's values, with sign(0) = +1.

    Args:
        initializer: A Keras initializer, or a name that `keras.initializers.get` accepts.

    Raises:
        ValueError: if no initializer has that name.

    Example:

    >>> Binary(keras.initializers.Orthogonal(seed=1))
    """

    def __init__(self, initializer: Identifier = "glorot_uniform"):
        self.initializer: keras.initializers.Initializer = keras.initializers.get(initializer)

    def __call__(self, shape, dtype=None):
        # The sign is taken in float32: a half-precision draw may round a small value to zero.
        return ops.cast(
            math.sign(self.initializer(shape, dtype="float32")), dtype or keras.config.floatx()
        )

    def get_config(self) -> dict[str, Any]:
        return {"initializer": keras.saving.serialize_keras_object(self.initializer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Binary:
        return cls(keras.saving.deserialize_keras_object(config["initializer"]))


class _SeededBinary(Binary):
    """`Binary` over an initializer whose only argument is its seed."""

    initializer_class: Callable[..., keras.initializers.Initializer]

    def __init__(self, seed: int | keras.random.SeedGenerator | None = None):
        super().__init__(self.initializer_class(seed=seed))

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.initializer.get_config()["seed"]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> _SeededBinary:
        return cls(**config)


@keras.saving.register_keras_serializable(package="larq_bop")
class BinaryGlorotNormal(_SeededBinary):
    """The sign of `keras.initializers.GlorotNormal(seed)`.

    Args:
        seed: An int, a `keras.random.SeedGenerator`, or None.
    """

    initializer_class = keras.initializers.GlorotNormal


@keras.saving.register_keras_serializable(package="larq_bop")
class BinaryGlorotUniform(_SeededBinary):
    """The sign of `keras.initializers.GlorotUniform(seed)`.

    Args:
        seed: An int, a `keras.random.SeedGenerator`, or None.
    """

    initializer_class = keras.initializers.GlorotUniform


@keras.saving.register_keras_serializable(package="larq_bop")
class BinaryHeNormal(_SeededBinary):
    """The sign of `keras.initializers.HeNormal(seed)`.

    Args:
        seed: An int, a `keras.random.SeedGenerator`, or None.
    """

    initializer_class = keras.initializers.HeNormal


@keras.saving.register_keras_serializable(package="larq_bop")
class BinaryHeUniform(_SeededBinary):
    """The sign of `keras.initializers.HeUniform(seed)`.

    Args:
        seed: An int, a `keras.random.SeedGenerator`, or None.
    """

    initializer_class = keras.initializers.HeUniform


@keras.saving.register_keras_serializable(package="larq_bop")
class StandIn(keras.initializers.GlorotUniform):
    """A replacement for an initializer that does not exist on Keras 3.

    `larq_bop.larq.from_larq` gives it to a converted layer whose initializer is a function or has
    no equivalent on Keras 3; the weights are converted all the same. It draws the values of
    `keras.initializers.GlorotUniform`, Keras' default.

    Args:
        was: The name of the replaced initializer.
    """

    def __init__(self, was: str):
        super().__init__()
        self.was = was

    def get_config(self) -> dict[str, Any]:
        return {"was": self.was}
