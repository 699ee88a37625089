"""The tensors of a model, and their equivalents on the side that the model is converted to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from larq_bop.larq.side import Side

__all__ = ["Tensors", "is_symbolic"]


class Tensors:
    """The equivalents of a model's tensors.

    If a layer has no equivalent, its outputs get placeholders of the same shape. Then the layers
    after it are tried as well, and all reasons are known at once.

    Args:
        to: The side that the model is converted to.
        dtype: The dtype policy of all converted layers, or None to keep that of each layer.
    """

    def __init__(self, to: Side, dtype: str | None = None):
        self._to = to
        self._dtype = dtype and keras.dtype_policies.get(dtype).compute_dtype
        self._equals: dict[int, Any] = {}
        # Why a tensor, or one that it was computed from, has a placeholder.
        self._reasons: dict[int, list[str]] = {}

    def put(self, tensors: list, equals: list | None, reasons: Iterable[str] = ()) -> None:
        """Records the equivalents of tensors.

        Args:
            tensors: The original tensors.
            equals: Their equivalents, or None if they have none.
            reasons: Why they, or tensors that they are computed from, have none.
        """
        for i, x in enumerate(tensors):
            self._equals[id(x)] = equals[i] if equals is not None else self._stand_in(x)
            self._reasons[id(x)] = list(reasons)

    def equal(self, structure):
        """Returns a nested structure in which tensors are replaced by their equivalents."""
        return tf.nest.map_structure(lambda x: self._equals.get(id(x), x), structure)

    def reasons(self, structure) -> list[str]:
        """Returns the reasons why tensors of a nested structure have no equivalents."""
        found = [self._reasons.get(id(x), []) for x in tf.nest.flatten(structure)]
        return list(dict.fromkeys(reason for reasons in found for reason in reasons))

    def _stand_in(self, x):
        dtype = keras.backend.standardize_dtype(x.dtype)
        if "float" in dtype:
            dtype = self._dtype or dtype
        return self._to.keras.Input(batch_shape=tuple(x.shape), dtype=dtype)


def is_symbolic(x) -> bool:
    """Returns whether something is a symbolic tensor of a Keras model."""
    return hasattr(x, "_keras_history")
