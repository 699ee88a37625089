"""Quantizers from names and configs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from larq_bop import context
from larq_bop.quantizers.base import NoOp, Quantizer
from larq_bop.quantizers.dorefa import DoReFa
from larq_bop.quantizers.heaviside import SteHeaviside
from larq_bop.quantizers.sign import ApproxSign, MagnitudeAwareSign, SteSign, SwishSign
from larq_bop.quantizers.ternary import SteTern

__all__ = ["deserialize", "get", "get_kernel_quantizer", "serialize"]

_BY_NAME = {
    "ste_sign": SteSign,
    "approx_sign": ApproxSign,
    "swish_sign": SwishSign,
    "magnitude_aware_sign": MagnitudeAwareSign,
    "ste_tern": SteTern,
    "ste_heaviside": SteHeaviside,
    "dorefa_quantizer": DoReFa,
}
_BY_CLASS_NAME = {
    **{kind.__name__: kind for kind in (*_BY_NAME.values(), NoOp)},
    "DoReFaQuantizer": DoReFa,
    "NoOpQuantizer": NoOp,
}


def get(identifier) -> Callable | None:
    """Returns the quantizer that `identifier` stands for.

    Args:
        identifier: A name (`"ste_sign"`, `"SteSign"`, or what is registered with Keras or
            `larq_bop.utils.register_alias`), a quantizer class, a serialized quantizer, any
            callable, or None.

    Returns:
        A callable from a tensor to a tensor, or None for None.

    Raises:
        ValueError: if no quantizer has that name, or `identifier` is of another type.
    """
    found = identifier
    if isinstance(identifier, dict):
        found = deserialize(identifier)
    elif isinstance(identifier, str):
        found = _named(identifier)
    if isinstance(found, type) and issubclass(found, keras.layers.Layer):
        found = found()
    if identifier is None or callable(found):
        return found
    raise ValueError(
        f"A quantizer must be one of the names {', '.join(_BY_NAME)}, or a callable. "
        f"Received: {identifier!r}"
    )


def get_kernel_quantizer(identifier) -> Callable | None:
    """Returns the quantizer that `identifier` stands for, with the metrics of the current scope.

    Args:
        identifier: As in `get`.

    Returns:
        As in `get`. A `Quantizer` without `metrics` gets those of `larq_bop.context.metrics_scope`.

    Raises:
        ValueError: as in `get`.
    """
    quantizer = get(identifier)
    if isinstance(quantizer, Quantizer) and not quantizer.custom_metrics:
        quantizer.custom_metrics = tuple(sorted(context.get_training_metrics()))
    return quantizer


def serialize(quantizer: Callable | None) -> dict[str, Any] | None:
    """Returns a quantizer's config for JSON, which `get` and `deserialize` accept."""
    return keras.saving.serialize_keras_object(quantizer)


def deserialize(name, custom_objects: dict[str, Any] | None = None) -> Callable | None:
    """Returns the quantizer of a config, including configs that Larq wrote.

    Args:
        name: The result of `serialize`, a dict with `class_name` and `config`, or a name.
        custom_objects: The user's own classes and functions, by name.

    Returns:
        A callable from a tensor to a tensor, or None for None.

    Raises:
        ValueError: if no quantizer has that name.
    """
    if isinstance(name, str):
        name = {"class_name": name, "config": {}}
    if isinstance(name, dict) and "registered_name" not in name:
        kind = (custom_objects or {}).get(name["class_name"], _named(name["class_name"]))
        if not callable(kind):
            raise ValueError(f"No quantizer goes by that name. Received: {name!r}")
        is_class = isinstance(kind, type) and issubclass(kind, keras.layers.Layer)
        return kind.from_config(name["config"]) if is_class else kind
    return keras.saving.deserialize_keras_object(name, custom_objects=custom_objects)


def _named(name: str):
    """Returns the class or function of that name, or None."""
    return (
        _BY_NAME.get(name) or _BY_CLASS_NAME.get(name) or keras.saving.get_registered_object(name)
    )
