"""Checks for layers that Larq Compute Engine would compute in float32 or wrongly."""

from __future__ import annotations

import larq
import tf_keras

from larq_bop.larq.binary_layers import (
    CONVOLUTIONS,
    DENSE,
    has_binary_kernel,
    is_meant_to_be_binary,
    makes_signs,
    pad_values,
    passes_for_binary,
)
from larq_bop.larq.customs import CURE
from larq_bop.larq.loading import is_withheld
from larq_bop.larq.small_maps import has_unknown_size, is_computed_wrongly

__all__ = ["CannotConvertError", "check_inputs", "check_layer"]


class CannotConvertError(ValueError):
    """Larq Compute Engine cannot compute a model, or not with bits."""


def check_inputs(model) -> None:
    """Refuses a model that is not a graph of layers, or whose inputs have no fixed size.

    Args:
        model: A model of Keras 2.

    Raises:
        CannotConvertError: if it is such a model.
    """
    _check_graph(model)
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            raise CannotConvertError(
                f"The model {model.name!r} cannot be converted: Larq Compute Engine needs inputs "
                f"of one size, and the shape of {tensor.name!r} is {tuple(tensor.shape)}."
            )


def _check_graph(model) -> None:
    if not hasattr(model, "_nodes_by_depth"):
        raise CannotConvertError(
            f"The model {model.name!r} cannot be converted: only Sequential and functional models "
            "are, once they are built."
        )
    for layer in model.layers:
        if isinstance(layer, tf_keras.Model):
            _check_graph(layer)


def check_layer(layer, target: str = "arm") -> None:
    """Refuses a layer that the engine would compute wrongly, or a binary one in float32.

    Args:
        layer: A layer of Keras 2.
        target: The engine's target, `"arm"` or `"xcore"`.

    Raises:
        CannotConvertError: if it is such a layer; the message says how to change it.
    """
    if is_withheld(layer):
        raise CannotConvertError(
            f"The layer {layer.name!r} was saved as code, which never runs. {CURE}."
        )
    _check_activations(layer)
    if passes_for_binary(layer):
        raise CannotConvertError(
            f"Larq Compute Engine would take the kernel of the layer {layer.name!r} for signs, as "
            'its values are nearly equal but for them. Make them equal: "ste_sign" or '
            '"magnitude_aware_sign" does.'
        )
    if not is_meant_to_be_binary(layer):
        return
    if cure := _cure(layer, target):
        raise CannotConvertError(
            f"Larq Compute Engine would compute the layer {layer.name!r} "
            f"({type(layer).__name__}) in float32. {cure}."
        )
    if is_computed_wrongly(layer) and has_unknown_size(layer):
        raise CannotConvertError(
            f"Larq Compute Engine computes zero padding wrongly where a map is smaller than the "
            f"kernel, and the layer {layer.name!r} is not called on maps of one known size. Use "
            "pad_values=1, or a layer of its own for each size, in a model whose inputs have it."
        )


def _check_activations(layer) -> None:
    """Refuses ternary activations, which the engine would treat as signs."""
    where = [layer, *(getattr(layer, name, None) for name in ("input_quantizer", "activation"))]
    where += [each.activation for each in where if isinstance(each, tf_keras.layers.Activation)]
    ternary = larq.quantizers.SteTern
    if any(isinstance(each, ternary) or each is larq.quantizers.ste_tern for each in where):
        raise CannotConvertError(
            f"Larq Compute Engine would take the ternary values of the layer {layer.name!r} for "
            'signs and predict something else. Use "ste_sign".'
        )


def _cure(layer, target: str) -> str | None:
    """Returns how to change a layer so that the engine uses bits, or None if it already does."""
    if type(layer) not in (*CONVOLUTIONS, *DENSE):
        return "Use a QuantConv2D or QuantDense, or give it no quantizers"
    quantizer = getattr(layer, "input_quantizer", None)
    if quantizer and not makes_signs(quantizer):
        return 'Give it an input quantizer that makes signs, "ste_sign", or none'
    if not has_binary_kernel(layer):
        return 'Give it a kernel quantizer that makes signs, "ste_sign", or train it with Bop'
    if type(layer) in DENSE:
        return None if layer._inbound_nodes else "Take it out of the layer that wraps it"
    if layer.data_format != "channels_last":
        return 'Use data_format="channels_last"'
    if layer.groups != 1 and layer.kernel.shape[-2] % 32:
        return "Let each group have a multiple of 32 input channels"
    if layer.padding == "same" and pad_values(layer) not in (0, 1):
        return "Pad with 0 or 1"
    if target == "xcore" and layer.padding == "same" and pad_values(layer) == 0:
        return 'Use pad_values=1: the target "xcore" pads with nothing else'
    return None
