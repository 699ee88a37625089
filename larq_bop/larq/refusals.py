"""Checks for layers that Larq Compute Engine would compute in float32 or wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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

__all__ = ["CannotConvertError", "check_inputs", "check_layers"]


class CannotConvertError(ValueError):
    """Larq Compute Engine cannot compute a model, or not with bits."""


def check_inputs(model) -> None:
    """Refuses a model that is not a graph of layers, or whose inputs have no fixed size.

    Args:
        model: A model of Keras 2.

    Raises:
        CannotConvertError: if it is such a model.
    """
    _raise_all(_of_graphs(model))
    _raise_all(
        f"The model {model.name!r} cannot be converted: Larq Compute Engine needs inputs of one "
        f"size, and the shape of {tensor.name!r} is {tuple(tensor.shape)}."
        for tensor in model.inputs
        if None in tensor.shape[1:]
    )


def _of_graphs(model) -> Iterator[str]:
    if not hasattr(model, "_nodes_by_depth"):
        yield (
            f"The model {model.name!r} cannot be converted: only Sequential and functional models "
            "are, once they are built."
        )
        return
    for layer in model.layers:
        if isinstance(layer, tf_keras.Model):
            yield from _of_graphs(layer)


def check_layers(layers: Iterable, target: str = "arm") -> None:
    """Refuses layers that the engine would compute wrongly, and binary ones in float32.

    Args:
        layers: Layers of Keras 2.
        target: The engine's target, `"arm"` or `"xcore"`.

    Raises:
        CannotConvertError: if there are such layers; the message names all of them and says how to
            change them.
    """
    _raise_all(reason for layer in layers for reason in _of_layer(layer, target))


def _raise_all(reasons: Iterable[str]) -> None:
    # A layer that is called twice is named once.
    if lines := list(dict.fromkeys(reasons)):
        raise CannotConvertError("\n".join(lines))


def _of_layer(layer, target: str) -> Iterator[str]:
    if is_withheld(layer):
        yield f"The layer {layer.name!r} was saved as code, which never runs. {CURE}."
    if _has_ternary_activations(layer):
        yield (
            f"Larq Compute Engine would take the ternary values of the layer {layer.name!r} for "
            'signs and predict something else. Use "ste_sign".'
        )
    if passes_for_binary(layer):
        yield (
            f"Larq Compute Engine would take the kernel of the layer {layer.name!r} for signs, as "
            'its values are nearly equal but for them. Make them equal: "ste_sign" or '
            '"magnitude_aware_sign" does.'
        )
    if not is_meant_to_be_binary(layer):
        return
    if cures := list(_cures(layer, target)):
        yield (
            f"Larq Compute Engine would compute the layer {layer.name!r} "
            f"({type(layer).__name__}) in float32. {'. '.join(cures)}."
        )
    if is_computed_wrongly(layer) and has_unknown_size(layer):
        yield (
            f"Larq Compute Engine computes zero padding wrongly where a map is smaller than the "
            f"kernel, and the layer {layer.name!r} is not called on maps of one known size. Use "
            "pad_values=1, or a layer of its own for each size, in a model whose inputs have it."
        )


def _has_ternary_activations(layer) -> bool:
    """Returns whether a layer has ternary activations, which the engine would treat as signs."""
    where = [layer, *(getattr(layer, name, None) for name in ("input_quantizer", "activation"))]
    where += [each.activation for each in where if isinstance(each, tf_keras.layers.Activation)]
    ternary = larq.quantizers.SteTern
    return any(isinstance(each, ternary) or each is larq.quantizers.ste_tern for each in where)


def _cures(layer, target: str) -> Iterator[str]:
    """Yields how to change a layer so that the engine uses bits; nothing if it already does."""
    if type(layer) not in (*CONVOLUTIONS, *DENSE):
        yield "Use a QuantConv2D or QuantDense, or give it no quantizers"
        return
    quantizer = getattr(layer, "input_quantizer", None)
    if quantizer and not makes_signs(quantizer):
        yield 'Give it an input quantizer that makes signs, "ste_sign", or none'
    if not has_binary_kernel(layer):
        yield 'Give it a kernel quantizer that makes signs, "ste_sign", or train it with Bop'
    if type(layer) in DENSE:
        if not layer._inbound_nodes:
            yield "Take it out of the layer that wraps it"
        return
    if layer.data_format != "channels_last":
        yield 'Use data_format="channels_last"'
    if layer.groups != 1 and layer.kernel.shape[-2] % 32:
        yield "Let each group have a multiple of 32 input channels"
    if layer.padding == "same" and pad_values(layer) not in (0, 1):
        yield "Pad with 0 or 1"
    if target == "xcore" and layer.padding == "same" and pad_values(layer) == 0:
        yield 'Use pad_values=1: the target "xcore" pads with nothing else'
