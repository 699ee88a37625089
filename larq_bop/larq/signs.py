"""A check of kernels that are binary themselves, as Bop trains them, before their conversion."""

from __future__ import annotations

from typing import Any

import numpy as np

from larq_bop.larq.side import CannotCrossError
from larq_bop.layers.quantized import QuantizedLayer
from larq_bop.quantizers.base import marks_binary

__all__ = ["check_signs", "with_latent_kernels"]

_STE_SIGN = {"module": "larq_bop.quantizers", "class_name": "SteSign"}
_WEIGHT_CLIP = {"module": "larq_bop.constraints", "class_name": "WeightClip", "config": {}}


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


def with_latent_kernels(config: dict[str, Any]) -> dict[str, Any]:
    """Puts a kernel that is binary itself behind `ste_sign`, which keeps its signs."""
    latent = {}
    for role in ("kernel", "depthwise", "pointwise"):
        quantizer = config.get(f"{role}_quantizer") or {}
        if not isinstance(quantizer, dict):
            continue
        if quantizer.get("class_name") == "NoOp" and quantizer["config"]["precision"] == 1:
            dtype = quantizer["config"]["dtype"]
            latent[f"{role}_quantizer"] = {**_STE_SIGN, "config": {"dtype": dtype}}
            latent[f"{role}_constraint"] = _WEIGHT_CLIP
    return {**config, **latent}
