"""A check of kernels that are binary themselves, as Bop trains them, before their conversion."""

from __future__ import annotations

import numpy as np

from larq_bop.larq.side import CannotCrossError
from larq_bop.layers.quantized import QuantizedLayer
from larq_bop.quantizers.base import marks_binary

__all__ = ["check_signs"]


def check_signs(layer) -> None:
    """Refuses a layer whose kernel is marked as binary, and has values that are not signs.

    Args:
        layer: A layer of Keras 3.

    Raises:
        CannotCrossError: if it is such a layer.
    """
    quantized = [each for each in layer._flatten_layers() if isinstance(each, QuantizedLayer)]
    for each in quantized:
        for weight in each.weights:
            is_marked = marks_binary(each.quantizer_of(weight.name))
            if is_marked and np.any(np.abs(np.asarray(weight)) != 1):
                raise CannotCrossError(
                    f"The layer {layer.name!r} cannot cross: its kernel is marked as binary, and "
                    "holds other values than -1 and +1. Train it with Bop first."
                )
