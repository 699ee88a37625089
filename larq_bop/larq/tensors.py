"""The tensors of a model on its way, and what they equal on the other side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from larq_bop.larq.side import Side

__all__ = ["Tensors", "is_symbolic"]


class Tensors:
    """The equals of a model's tensors.

    Where a layer has no equal, its outputs have stand-ins of the same shape, so that the layers
    that come after it are tried as well, and all that is missing is known at once.

    Args:
        to: The side to go to.
        dtype: The dtype policy of all layers there, or None for those that they have.
    """

    def __init__(self, to: Side, dtype: str | None = None):
        self._to = to
        self._dtype = dtype and keras.dtype_policies.get(dtype).compute_dtype
        self._equals: dict[int, Any] = {}
        # Why a tensor, or one that it was computed from, has a stand-in.
        self._reasons: dict[int, list[str]] = {}

    def put(self, tensors: list, equals: list | None, reasons: Iterable[str] = ()) -> None:
        """Notes the equals of tensors.

        Args:
            tensors: The tensors of the side that is left.
            equals: Their equals, or None if they have none.
            reasons: Why they have none, or are computed from some that have none.
        """
        for i, x in enumerate(tensors):
            self._equals[id(x)] = equals[i] if equals is not None else self._stand_in(x)
            self._reasons[id(x)] = list(reasons)

    def equal(self, structure):
        """Returns a structure with the equals of tensors in their places."""
        return tf.nest.map_structure(lambda x: self._equals.get(id(x), x), structure)

    def reasons(self, structure) -> list[str]:
        """Returns why tensors of a structure have no equals."""
        found = [self._reasons.get(id(x), []) for x in tf.nest.flatten(structure)]
        return list(dict.fromkeys(reason for reasons in found for reason in reasons))

    def _stand_in(self, x):
        dtype = keras.backend.standardize_dtype(x.dtype)
        if "float" in dtype:
            dtype = self._dtype or dtype
        return self._to.keras.Input(batch_shape=tuple(x.shape), dtype=dtype)


def is_symbolic(x) -> bool:
    """Whether something is a tensor of a model that has no values yet."""
    return hasattr(x, "_keras_history")
