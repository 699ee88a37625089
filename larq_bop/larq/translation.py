"""A layer of one Keras as the equal layer of the other.

Both Kerases describe a layer by its class and the arguments of its constructor. A layer crosses if
the other side has the class and takes all its arguments, but for those that have their default
value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import larq
import tf_keras

from larq_bop.larq.layer_table import (
    DIFFERENT,
    IDLE,
    NEUTRAL,
    OPERATIONS,
    PACKAGES,
    RENAMED,
    UNNAMED,
    pair,
)

__all__ = ["KERASES", "CannotCrossError", "in_float32", "translated", "with_dtype"]

KERASES = (keras, tf_keras)

_STE_SIGN = {"module": "larq_bop.quantizers", "class_name": "SteSign"}
_WEIGHT_CLIP = {"module": "larq_bop.constraints", "class_name": "WeightClip", "config": {}}


class CannotCrossError(ValueError):
    """A layer has no equal on the other side."""


def translated(layer, to: int, dtype: str | None = None):
    """Returns the equal layer on the other side, not built.

    Args:
        layer: A layer of the side that is left.
        to: The side to go to, a position in the pairs: 0 for Keras 3, 1 for Keras 2.
        dtype: The layer's dtype policy there, or None for the one that it has.

    Raises:
        CannotCrossError: if there is none; the message names the layer.
    """
    module, kind = type(layer).__module__, type(layer).__name__
    try:
        if _is_identity(layer):
            kind, config = "Activation", {**_named(layer), "activation": "linear"}
        elif operation := OPERATIONS.get(getattr(layer, "symbol", None)):
            kind, config = operation, {}
        else:
            _require_known(module, kind, to)
            config = layer.get_config()
        if dtype:
            config = with_dtype(config, dtype)
        return _made(kind, ("layers", "quantizers"), config, to)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise CannotCrossError(f"The layer {layer.name!r} cannot cross: {error}.") from error


def _require_known(module: str, name: str, to: int) -> None:
    """Refuses what only has the name of something that both sides have, and what differs."""
    if module.split(".")[0] not in PACKAGES[1 - to]:
        raise CannotCrossError(f"there is no {name} on the other side")
    if name in DIFFERENT:
        raise CannotCrossError(f"{name} is not the same on the other side: {DIFFERENT[name]}")


def _is_identity(layer) -> bool:
    """Whether a layer is a `Lambda` that gives back what it is given, as in Real-to-Binary nets."""
    if not isinstance(layer, (keras.layers.Lambda, tf_keras.layers.Lambda)) or layer.arguments:
        return False
    anything = object()
    try:
        parameters = inspect.signature(layer.function).parameters
        return len(parameters) == 1 and layer.function(anything) is anything
    except Exception:  # A function of tensors may end in any error, given something else.
        return False


def _named(layer) -> dict[str, Any]:
    """Returns the config of a layer, without what its class alone has."""
    config = layer.get_config()
    return {name: config[name] for name in ("name", "trainable", "dtype")}


def _made(kind: str, rooms: tuple[str, ...], config: dict[str, Any], to: int):
    """Returns an object of the class of that name, given the config of its equal."""
    classes = pair(kind, *rooms)
    if classes is None:
        raise CannotCrossError(f"there is no {kind} on the other side")
    defaults, accepted = _arguments(classes[1 - to]), {*_arguments(classes[to])}
    if to == 1:
        config, accepted = _with_latent_kernels(config), accepted | UNNAMED
    arguments = {}
    for name, value in config.items():
        there = _renamed(kind, name, to)
        if there in accepted:
            try:
                arguments[there] = _value(name, value, to)
            except (TypeError, ValueError):
                # Weights cross as they are, whatever drew them: the default would do.
                if not name.endswith("_initializer"):
                    raise
        elif name not in IDLE and value != NEUTRAL.get(name, defaults.get(name)):
            raise CannotCrossError(f"its `{name}` does not exist on the other side: {value!r}")
    return classes[to](**arguments)


def _arguments(kind: Callable) -> dict[str, Any]:
    """Returns the arguments that a class takes, with their defaults.

    They are those of its parents, too, as far as it hands on what it does not know.
    """
    arguments: dict[str, Any] = {}
    for each in kind.__mro__:
        if "__init__" in vars(each):
            parameters = inspect.signature(each.__init__).parameters
            for name, parameter in parameters.items():
                arguments.setdefault(name, parameter.default)
            if all(p.kind != p.VAR_KEYWORD for p in parameters.values()):
                break
    return arguments


def _renamed(kind: str, name: str, to: int) -> str:
    names = RENAMED.get(kind, {})
    if to == 0:
        names = {theirs: ours for ours, theirs in names.items()}
    return names.get(name, name)


def _value(name: str, value, to: int):
    """Returns an argument as the other side takes it."""
    if name == "axis" and isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    if name.endswith("activation") and isinstance(value, str):
        _require_known("keras", value, to)
    if callable(value):  # Larq's approx_sign, which Keras 2 has no config of.
        value = {"class_name": "function", "config": getattr(value, "__name__", repr(value))}
    if isinstance(value, list):
        return [_value(name, each, to) for each in value]
    if isinstance(value, dict) and "class_name" in value:
        return _part(name, value, to)
    return value


def _part(name: str, saved: dict[str, Any], to: int):
    """Returns a part of a layer, which is an object itself: a quantizer, an initializer, ..."""
    kind, config = saved["class_name"], saved["config"]
    if kind in ("DTypePolicy", "Policy"):
        return config["name"]
    if kind == "function":
        # Larq registers its functions by their names alone.
        package, _, function = config.rpartition(">")
        if package == ("", "larq_bop")[to]:
            if functions := pair(function, "activations"):
                return functions[to]
            if functions := pair(function, "quantizers"):
                # From a config, Larq reads no quantizer that is a function.
                return larq.quantizers.get(function) if to == 1 else functions[0]
        raise CannotCrossError(f"there is no {config} for its `{name}` on the other side")
    _require_known(saved.get("module") or "", kind, to)
    room = saved["module"].split(".")[1]
    if room == "initializers":
        # Weights cross as they are: what drew them is only what would draw them anew.
        if kind == "Binary":
            return _part(name, config["initializer"], to)
        kind = kind.removeprefix("Binary")
    return _made(kind, (room,), config, to)


def with_dtype(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    """Returns a layer's config with another dtype policy, also for the quantizers inside.

    Args:
        config: The config of a layer of either Keras.
        dtype: The policy that takes the place of any other for floats.
    """
    changed = {}
    for name, value in config.items():
        if name == "dtype":
            now = value["config"]["name"] if isinstance(value, dict) else value
            changed[name] = dtype if "float" in (now or "float") else value
        elif isinstance(value, dict):
            changed[name] = with_dtype(value, dtype)
    return {**config, **changed}


def in_float32(part):
    """Returns a layer like the one given, in float32 and without its weights."""
    return type(part).from_config(with_dtype(part.get_config(), "float32"))


def _with_latent_kernels(config: dict[str, Any]) -> dict[str, Any]:
    """Puts a kernel that is binary itself behind `ste_sign`, which keeps its signs."""
    latent = {}
    for role in ("kernel", "depthwise", "pointwise"):
        quantizer = config.get(f"{role}_quantizer") or {}
        if quantizer.get("class_name") == "NoOp" and quantizer["config"]["precision"] == 1:
            dtype = quantizer["config"]["dtype"]
            latent[f"{role}_quantizer"] = {**_STE_SIGN, "config": {"dtype": dtype}}
            latent[f"{role}_constraint"] = _WEIGHT_CLIP
    return {**config, **latent}
