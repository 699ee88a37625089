"""Larq's order of arguments, made from Keras' own."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from larq_bop.layers.padding import PaddedLayer


def with_larqs_arguments(**defaults) -> Callable[[type], type]:
    """Gives a quantized layer an `__init__` that takes Larq's arguments in Larq's order.

    They are those of the Keras parent, the last base of the class: with `pad_values` after
    `padding` where the layer pads, and with the quantizers after `use_bias`.

    Args:
        **defaults: Where Larq's default is not Keras'.

    Returns:
        A class decorator.
    """

    def decorate(cls: type) -> type:
        signature = _larqs_signature(cls, defaults)

        def __init__(self, *args, **kwargs):  # noqa: N807
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            given = dict(bound.arguments)
            del given["self"]
            super(cls, self).__init__(**given.pop("kwargs"), **given)

        __init__.__signature__ = signature
        __init__.__qualname__ = f"{cls.__qualname__}.__init__"
        cls.__init__ = __init__
        return cls

    return decorate


def _larqs_signature(cls: type, defaults: dict) -> inspect.Signature:
    parameters = inspect.signature(cls.__bases__[-1].__init__).parameters
    names = list(parameters)

    def insert(name: str, after: str) -> None:
        names.insert(names.index(after) + 1, name)

    for name in reversed(("input_quantizer", *cls.quantizer_arguments())):
        insert(name, after="use_bias")
    if "output_padding" in names:
        names.remove("output_padding")
        insert("output_padding", after="padding")
    if issubclass(cls, PaddedLayer):
        insert("pad_values", after="padding")
    own = {"pad_values": 0.0}
    return inspect.Signature(
        [
            (parameters.get(name) or _argument(name, own.get(name))).replace(
                **({"default": defaults[name]} if name in defaults else {})
            )
            for name in names
        ]
    )


def _argument(name: str, default) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
