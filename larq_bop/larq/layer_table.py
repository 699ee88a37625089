"""Which layers Keras 3 and Keras 2 both have, and how one becomes the other.

Both Kerases describe a layer by its class and the arguments of its constructor. A layer crosses if
its class stands in `PAIRS` and the other side takes all its arguments, but for those that have
their default value. A layer that is added to larq_bop needs its name here and nothing else.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras
import larq
import tf_keras

import larq_bop

_OF_KERAS = (
    *("Activation", "Add", "AveragePooling1D", "AveragePooling2D", "Concatenate", "Conv1D"),
    *("Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D", "Dropout", "Flatten"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D"),
    *("GlobalMaxPooling2D", "LeakyReLU", "MaxPooling1D", "MaxPooling2D", "Maximum", "Minimum"),
    *("Multiply", "Permute", "PReLU", "ReLU", "Reshape", "SeparableConv2D", "Softmax"),
    *("SpatialDropout2D", "Subtract", "UpSampling2D", "ZeroPadding2D"),
)
_QUANTIZED = ("QuantConv2D", "QuantDense")
_QUANTIZERS = ("NoOp", "SteSign")

# The class on Keras 3 and the one on Keras 2, by their common name.
PAIRS: dict[str, tuple[type, type]] = {
    **{name: (getattr(keras.layers, name), getattr(tf_keras.layers, name)) for name in _OF_KERAS},
    **{name: (getattr(larq_bop.layers, name), getattr(larq.layers, name)) for name in _QUANTIZED},
    **{
        name: (getattr(larq_bop.quantizers, name), getattr(larq.quantizers, name))
        for name in _QUANTIZERS
    },
    "BatchNormalization": (
        larq_bop.layers.BatchNormalization,
        tf_keras.layers.BatchNormalization,
    ),
}

# Where the classes of a layer's parts are, by the last name of the module that they are saved with.
_PARTS = {
    "initializers": (keras.initializers, tf_keras.initializers),
    "regularizers": (keras.regularizers, tf_keras.regularizers),
    "constraints": (keras.constraints, tf_keras.constraints),
}
_WEIGHT_CLIP = (larq_bop.constraints.WeightClip, larq.constraints.weight_clip)

# The packages whose layers belong to Keras 3, and to Keras 2.
_ROOMS = ({"keras", "larq_bop"}, {"tf_keras", "larq"})

# What Keras 2 tells of a layer besides its arguments.
_NO_ARGUMENTS = {"batch_input_shape"}


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
    kind, room = type(layer).__name__, type(layer).__module__.split(".")[0]
    try:
        if kind not in PAIRS or room not in _ROOMS[1 - to]:
            raise CannotCrossError(f"there is no {kind} on the other side")
        config = layer.get_config()
        return _rebuilt(PAIRS[kind], _with_dtype(config, dtype) if dtype else config, to)
    except (TypeError, ValueError) as error:
        raise CannotCrossError(f"The layer {layer.name!r} cannot cross: {error}.") from error


def _rebuilt(pair: tuple[type, type], config: dict[str, Any], to: int):
    defaults, accepted = _arguments(pair[1 - to]), _arguments(pair[to])
    if to == 1:
        config = _with_latent_kernel(config)
    arguments = {}
    for name, value in config.items():
        if name in accepted:
            arguments[name] = _value(name, value, to)
        elif name not in _NO_ARGUMENTS and not _is_default(value, defaults.get(name)):
            raise CannotCrossError(f"its `{name}` does not exist on the other side: {value!r}")
    return pair[to](**arguments)


def _is_default(value, default) -> bool:
    return value is None or value == default


def _arguments(kind: type) -> dict[str, Any]:
    """Returns the arguments that a class and its parents take, with their defaults."""
    arguments: dict[str, Any] = {}
    for each in kind.__mro__:
        if "__init__" in vars(each):
            for name, parameter in inspect.signature(each.__init__).parameters.items():
                arguments.setdefault(name, parameter.default)
    return arguments


def _value(name: str, value, to: int):
    """Returns an argument as the other side takes it."""
    if name == "axis" and isinstance(value, (list, tuple)) and len(value) == 1:
        return value[0]
    if not isinstance(value, dict) or "class_name" not in value:
        return value
    kind, config = value["class_name"], value["config"]
    room = (value.get("module") or "").split(".")[-1]
    if kind in ("DTypePolicy", "Policy"):
        return config["name"]
    if kind in PAIRS:
        return _rebuilt(PAIRS[kind], config, to)
    if kind in ("WeightClip", "weight_clip"):
        return _rebuilt(_WEIGHT_CLIP, config, to)
    if room == "initializers":
        # Weights cross as they are: what drew them is only what would draw them anew.
        if kind == "Binary":
            return _value(name, config["initializer"], to)
        kind = kind.removeprefix("Binary")
    pair = tuple(getattr(classes, kind, None) for classes in _PARTS.get(room, ()))
    if pair and None not in pair:
        return _rebuilt(pair, config, to)
    raise CannotCrossError(f"there is no {kind} for its `{name}` on the other side")


def _with_dtype(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    """Sets the dtype policy of a layer and of the quantizers inside."""
    inner = {
        name: _with_dtype(value, dtype) for name, value in config.items() if isinstance(value, dict)
    }
    return {**config, **inner, **({"dtype": dtype} if "dtype" in config else {})}


def _with_latent_kernel(config: dict[str, Any]) -> dict[str, Any]:
    """Makes a kernel that is binary itself one behind `ste_sign`, which keeps its signs."""
    quantizer = config.get("kernel_quantizer") or {}
    if quantizer.get("class_name") != "NoOp" or quantizer["config"]["precision"] != 1:
        return config
    return {
        **config,
        "kernel_quantizer": {"class_name": "SteSign", "config": {}},
        "kernel_constraint": {"class_name": "WeightClip", "config": {}},
    }
