"""Constraints on latent weights, applied after each update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from larq_bop.annotations import Identifier

__all__ = ["WeightClip", "get", "weight_clip"]


@keras.saving.register_keras_serializable(package="larq_bop")
class WeightClip(keras.constraints.Constraint):
    """Clips each weight to [-clip_value, clip_value].

    Without it, latent weights of a `ste_sign` kernel move to where the gradient of the
    straight-through estimator is 0, and never change their sign again.

    Args:
        clip_value: The largest magnitude that a weight may have.
    """

    def __init__(self, clip_value: float = 1.0):
        self.clip_value = clip_value

    def __call__(self, w):
        return ops.clip(w, -self.clip_value, self.clip_value)

    def get_config(self) -> dict[str, Any]:
        return {"clip_value": self.clip_value}


weight_clip = WeightClip
"""Another name of `WeightClip`, as in Larq."""


def get(identifier: Identifier) -> Callable[..., Any] | None:
    """Returns the constraint that `identifier` stands for.

    Args:
        identifier: `"weight_clip"`, a name that is registered with Keras, or anything that
            `keras.constraints.get` accepts.

    Returns:
        A constraint, or None for None.

    Raises:
        ValueError: if nothing has that name.
    """
    if isinstance(identifier, str):
        if identifier in ("weight_clip", "WeightClip"):
            return WeightClip()
        identifier = keras.saving.get_registered_object(identifier) or identifier
    return keras.constraints.get(identifier)
