"""Operations of TensorFlow and of `keras.ops` that compute the same, and their arguments."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

__all__ = ["OF_CLASS", "OF_SYMBOL", "UnequalError"]


class UnequalError(Exception):
    """The other side computes something else from these arguments."""


@dataclasses.dataclass(frozen=True)
class _Row:
    """One operation on both sides.

    Attributes:
        kind: The class of the operation on Keras 3.
        ours: The function of `keras.ops`.
        theirs: The function of TensorFlow.
        names: The names of the arguments of `ours`, by the names of those of `theirs`.
        convert: If arguments have different meanings: two functions of arguments by the names of
            `ours`, which convert their values to those of `ours` and to those of `theirs`.
    """

    kind: str
    ours: Callable
    theirs: Callable
    names: Mapping[str, str]
    convert: tuple[Callable, Callable] | None = None

    def to_ours(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the arguments of `ours`, given those of `theirs`."""
        renamed = {self.names[name]: arguments[name] for name in self.names if name in arguments}
        _refuse_others({k: v for k, v in arguments.items() if k not in self.names}, self.theirs)
        return self.convert[0](renamed) if self.convert else renamed

    def to_theirs(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Returns the arguments of `theirs`, given those of `ours`."""
        known = {k: v for k, v in arguments.items() if k in self.names.values()}
        _refuse_others({k: v for k, v in arguments.items() if k not in known}, self.ours)
        known = self.convert[1](known) if self.convert else known
        return {theirs: known[ours] for theirs, ours in self.names.items() if ours in known}


def _refuse_others(arguments: dict[str, Any], function: Callable) -> None:
    """Refuses arguments that only one side has, unless they have their default value."""
    parameters = inspect.signature(function).parameters
    for name, value in arguments.items():
        default = parameters[name].default if name in parameters else None
        if value is not None and value != default:
            raise UnequalError(f"its `{name}` does not exist on the other side: {value!r}")


def _floats(arguments: dict[str, Any]) -> dict[str, Any]:
    """Refuses integers, which Keras 3 converts to floats."""
    for value in arguments.values():
        if hasattr(value, "dtype") and "float" not in keras.backend.standardize_dtype(value.dtype):
            raise UnequalError("of integers, the two sides do not make the same")
    return arguments


def _sizes_to_places(arguments: dict[str, Any]) -> dict[str, Any]:
    parts = arguments["indices_or_sections"]
    if not isinstance(parts, int):
        if -1 in parts:
            raise UnequalError("give the size of each part")
        arguments["indices_or_sections"] = [int(i) for i in np.cumsum(parts)[:-1]]
    return arguments


def _places_to_sizes(arguments: dict[str, Any]) -> dict[str, Any]:
    parts, axis = arguments["indices_or_sections"], arguments["axis"]
    if not isinstance(parts, int):
        size = arguments["x"].shape[axis]
        arguments["indices_or_sections"] = np.diff([0, *parts, size]).tolist()
    return arguments


def _constant_padding(arguments: dict[str, Any]) -> dict[str, Any]:
    if str(arguments["mode"]).lower() != "constant":
        raise UnequalError("it pads otherwise than with a constant")
    return {**arguments, "mode": "constant", "constant_values": arguments["constant_values"] or 0}


def _our_window(arguments: dict[str, Any]) -> dict[str, Any]:
    if arguments["data_format"] not in (None, "NHWC"):
        raise UnequalError("its channels do not come last")
    window = {name: _two(arguments[name]) for name in ("pool_size", "strides")}
    padding = str(arguments["padding"]).lower()
    return {**arguments, **window, "padding": padding, "data_format": "channels_last"}


def _their_window(arguments: dict[str, Any]) -> dict[str, Any]:
    if arguments["data_format"] not in (None, "channels_last"):
        raise UnequalError("its channels do not come last")
    strides = arguments["strides"] or arguments["pool_size"]
    padding = arguments["padding"].upper()
    return {**arguments, "strides": strides, "padding": padding, "data_format": "NHWC"}


def _two(size):
    """Returns the size of height and width, given one number for both or those of all four axes."""
    if isinstance(size, int):
        return (size, size)
    return tuple(size[1:3]) if len(size) == 4 else tuple(size)


def _simple(kind: str, symbol: str, names: str, their_names: str, convert=None) -> tuple[str, _Row]:
    """Returns a row, given the names of both sides' arguments in the same order."""
    theirs = tf
    for part in symbol.split("."):
        theirs = getattr(theirs, part)
    function = getattr(ops, _snake(kind))
    pairs = zip(their_names.split(), names.split(), strict=True)
    return symbol, _Row(kind, function, theirs, dict(pairs), convert)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _last_axis(arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, "axis": -1 if arguments["axis"] is None else arguments["axis"]}


def _listed_axes(arguments: dict[str, Any]) -> dict[str, Any]:
    axis = range(len(arguments["x"].shape)) if arguments["axis"] is None else arguments["axis"]
    return {**arguments, "axis": [axis] if isinstance(axis, int) else list(axis)}


def _named_dtype(arguments: dict[str, Any]) -> dict[str, Any]:
    return {**arguments, "dtype": keras.backend.standardize_dtype(arguments["dtype"])}


def _part(tensor, slice_spec):
    return tensor[slice_spec]


_FLOATS = (_floats, _floats)

_ROWS = [
    *(
        _simple(kind, symbol, "x1 x2", "x y")
        for kind, symbol in [
            *(("Add", "__operators__.add"), ("Add", "math.add"), ("Subtract", "math.subtract")),
            *(("Multiply", "math.multiply"), ("Maximum", "math.maximum")),
            *(("Minimum", "math.minimum"), ("Power", "math.pow")),
        ]
    ),
    *(
        _simple(kind, symbol, "x1 x2", "x y", _FLOATS)
        for kind, symbol in [("Divide", "math.divide"), ("TrueDivide", "math.truediv")]
    ),
    _simple("Matmul", "linalg.matmul", "x1 x2", "a b"),
    *(
        _simple(kind, symbol, "x", "x")
        for kind, symbol in [
            *(("Negative", "math.negative"), ("Absolute", "math.abs"), ("Sign", "math.sign")),
            *(("Square", "math.square"), ("Floor", "math.floor"), ("Ceil", "math.ceil")),
        ]
    ),
    *(
        _simple(kind, f"math.{kind.lower()}", "x", "x", _FLOATS)
        for kind in ("Sqrt", "Rsqrt", "Exp", "Log", "Tanh", "Sigmoid", "Round")
    ),
    *(
        _simple(kind, symbol, "x", "features")
        for kind, symbol in [
            *(("Relu", "nn.relu"), ("Relu6", "nn.relu6"), ("Elu", "nn.elu"), ("Selu", "nn.selu")),
            *(("Softplus", "math.softplus"), ("Softsign", "nn.softsign"), ("Silu", "nn.silu")),
        ]
    ),
    _simple("Gelu", "nn.gelu", "x approximate", "features approximate"),
    _simple("LeakyRelu", "nn.leaky_relu", "x negative_slope", "features alpha"),
    _simple("Softmax", "nn.softmax", "x axis", "logits axis", (_last_axis, _last_axis)),
    _simple("LogSoftmax", "nn.log_softmax", "x axis", "logits axis", (_last_axis, _last_axis)),
    *(
        _simple(
            kind,
            f"math.reduce_{kind.lower()}",
            "x axis keepdims",
            "input_tensor axis keepdims",
            _FLOATS,
        )
        for kind in ("Mean", "Sum", "Max", "Min", "Prod")
    ),
    _simple("Reshape", "reshape", "x newshape", "tensor shape"),
    _simple("Transpose", "transpose", "x axes", "a perm"),
    _simple("ExpandDims", "expand_dims", "x axis", "input axis"),
    _simple("Squeeze", "squeeze", "x axis", "input axis"),
    _simple("Concatenate", "concat", "xs axis", "values axis"),
    _simple("Stack", "stack", "x axis", "values axis"),
    _simple("Flip", "reverse", "x axis", "tensor axis", (_listed_axes, _listed_axes)),
    _simple("Tile", "tile", "x repeats", "input multiples"),
    _simple("Clip", "clip_by_value", "x x_min x_max", "t clip_value_min clip_value_max"),
    _simple("Cast", "cast", "x dtype", "x dtype", (_named_dtype, _named_dtype)),
    _simple("Where", "where", "condition x1 x2", "condition x y"),
    _simple(
        "Split",
        "split",
        "x indices_or_sections axis",
        "value num_or_size_splits axis",
        (_sizes_to_places, _places_to_sizes),
    ),
    _simple(
        "Pad",
        "pad",
        "x pad_width mode constant_values",
        "tensor paddings mode constant_values",
        (_constant_padding, _constant_padding),
    ),
    *(
        _simple(
            kind,
            symbol,
            "inputs pool_size strides padding data_format",
            "input ksize strides padding data_format",
            (_our_window, _their_window),
        )
        for kind, symbol in [("AveragePool", "nn.avg_pool2d"), ("MaxPool", "nn.max_pool2d")]
    ),
    (
        "__operators__.getitem",
        _Row("GetItem", ops.get_item, _part, {"tensor": "x", "slice_spec": "key"}),
    ),
]

# The rows by the symbol of theirs and the class of ours.
OF_SYMBOL = dict(_ROWS)
OF_CLASS = {row.kind: row for _, row in _ROWS}
for _name in ("transpose", "squeeze", "pad"):
    # Keras 2 saves the names of TensorFlow 1.
    OF_SYMBOL[f"compat.v1.{_name}"] = OF_SYMBOL[_name]
