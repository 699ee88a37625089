"""Conversion of a layer of one Keras to the equivalent layer of the other.

Keras 3 and Keras 2 both describe a layer by its class and the arguments of its constructor. A layer
can be converted if the other side has the class and all its arguments, except those that have their
default value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import larq
import tf_keras

import larq_bop
from larq_bop.larq.customs import CURE, Customs
from larq_bop.larq.dtypes import with_dtype
from larq_bop.larq.layer_table import DIFFERENT, IDLE, NEUTRAL, UNNAMED, pair, renamed
from larq_bop.larq.loading import is_withheld
from larq_bop.larq.side import CannotCrossError, Refusals, Side
from larq_bop.larq.signs import with_latent_kernels
from larq_bop.larq.stand_in import StandIn

__all__ = ["Translation"]


class Translation:
    """A function that converts layers of one side to the other.

    Args:
        to: The side that layers are converted to.
        dtype: The dtype policy of converted layers, or None to keep that of each layer.
        customs: The equivalents that the user gives, or None.
    """

    def __init__(self, to: Side, dtype: str | None = None, customs: Customs | None = None):
        self._to, self._dtype = to, dtype
        self._customs = customs or Customs()

    def __call__(self, layer):
        """Returns the equivalent layer, not built, or the equivalent that the user gave.

        Args:
            layer: The original layer.

        Raises:
            CannotCrossError: if there is no equivalent; the message names the layer, and all of its
                parts without one.
        """
        try:
            given = self._customs.of_layer(layer)
            if given is not None:
                return self._given(layer, given)
            kind = type(layer).__name__
            if _is_identity(layer):
                kind, config = "Activation", {**_named(layer), "activation": "linear"}
            else:
                self._require_known(type(layer).__module__, kind)
                if is_withheld(layer):
                    raise CannotCrossError(
                        f"its function was saved as code, which never runs. {CURE}"
                    )
                config = layer.get_config()
            return self._made(kind, ("layers", "quantizers"), self._in_dtype(config))
        except (TypeError, ValueError, NotImplementedError) as error:
            reasons = error.args if isinstance(error, CannotCrossError) else [error]
            raise CannotCrossError(
                *(f"The layer {layer.name!r} cannot cross: {reason}." for reason in reasons)
            ) from error

    def _in_dtype(self, config: dict[str, Any]) -> dict[str, Any]:
        return with_dtype(config, self._dtype) if self._dtype else config

    def _given(self, layer, given: Callable):
        if not isinstance(given, type):
            return given
        config = self._in_dtype(layer.get_config())
        return given(**self._taken(given.__name__, config, type(layer), given))

    def _require_known(self, module: str, name: str) -> None:
        """Refuses classes and functions of other packages, and those that differ in meaning."""
        if module.split(".")[0] not in self._to.other.packages:
            raise CannotCrossError(f"there is no {name} on the other side. {CURE}")
        if name in DIFFERENT:
            raise CannotCrossError(
                f"{name} is not the same on the other side: {DIFFERENT[name]}. {CURE}"
            )

    def _made(self, kind: str, modules: tuple[str, ...], config: dict[str, Any]):
        """Returns an object of the class of that name, from the config of the original."""
        classes = pair(kind, *modules)
        if classes is None:
            raise CannotCrossError(f"there is no {kind} on the other side. {CURE}")
        there = classes[self._to]
        return there(**self._taken(kind, config, classes[self._to.other], there))

    def _taken(self, kind: str, config: dict[str, Any], here: type, there: type) -> dict[str, Any]:
        """Returns the arguments of a class on the other side, from the config of the original."""
        defaults, accepted = _arguments(here), {*_arguments(there)}
        if self._to is Side.KERAS_2:
            config, accepted = with_latent_kernels(config), accepted | UNNAMED
        arguments, refusals = {}, Refusals()
        for name, value in config.items():
            argument = renamed(kind, name, self._to)
            if argument in accepted:
                with refusals.collecting():
                    arguments[argument] = self._value(name, value)
            elif name not in IDLE and value != NEUTRAL.get(name, defaults.get(name)):
                refusals.add(
                    [
                        f"its `{name}` does not exist on the other side: {value!r}. Leave it out, "
                        f"or give an equal of {here.__name__} in `custom_objects`"
                    ]
                )
        refusals.check()
        return arguments

    def _value(self, name: str, value):
        """Returns the value of an argument for the other side."""
        try:
            return self._equal(name, value)
        except (TypeError, ValueError):
            # The weights are converted; their initializer does not matter.
            if not name.endswith("_initializer"):
                raise
            return self._stand_in(_name_of(value))

    def _equal(self, name: str, value):
        if name == "axis" and isinstance(value, (list, tuple)) and len(value) == 1:
            return value[0]
        is_activation = name.endswith("activation") and isinstance(value, str)
        is_part = callable(value) or (isinstance(value, dict) and "class_name" in value)
        given = self._customs.of_part(value) if is_activation or is_part else None
        if given is not None:
            return self._given_part(name, value, given)
        if is_activation:
            self._require_known("keras", value)
        if callable(value):  # Larq's approx_sign, for which Keras 2 has no config.
            value = {"class_name": "function", "config": _name_of(value)}
        if isinstance(value, list):
            return self._listed(name, value)
        return self._part(name, value) if is_part else value

    def _listed(self, name: str, values: list) -> list:
        equals, refusals = [], Refusals()
        for value in values:
            with refusals.collecting():
                equals.append(self._equal(name, value))
        refusals.check()
        return equals

    def _given_part(self, name: str, value, given: Callable):
        if not isinstance(given, type):
            return given
        config = value["config"] if isinstance(value, dict) else {}
        config = config if isinstance(config, dict) else {}
        return given(**{key: self._value(f"{name}.{key}", each) for key, each in config.items()})

    def _part(self, name: str, saved: dict[str, Any]):
        """Returns a part of a layer that is an object: a quantizer, an initializer, ..."""
        kind, config = saved["class_name"], saved["config"]
        if kind in ("DTypePolicy", "Policy"):
            return config["name"]
        if kind == "function":
            return self._function(name, config)
        if kind == "StandIn":
            return self._stand_in(config["was"])
        self._require_known(saved.get("module") or "", kind)
        module = saved["module"].split(".")[1]
        if module == "initializers":
            # The weights are converted; an initializer would only matter for new weights.
            if kind == "Binary":
                return self._part(name, config["initializer"])
            kind = kind.removeprefix("Binary")
        return self._made(kind, (module,), config)

    def _function(self, name: str, registered: str):
        # Larq registers its functions by name, without a package.
        package, _, function = registered.rpartition(">")
        if package == self._to.other.registry:
            if functions := pair(function, "activations"):
                return functions[self._to]
            if functions := pair(function, "quantizers"):
                # Larq cannot load a quantizer that is a function from a config.
                if self._to is Side.KERAS_2:
                    return larq.quantizers.get(function)
                return functions[self._to]
        raise CannotCrossError(
            f"there is no {registered} for its `{name}` on the other side. {CURE}"
        )

    def _stand_in(self, was: str):
        here = larq_bop.initializers.StandIn if self._to is Side.KERAS_3 else StandIn
        return here(was)


def _name_of(value) -> str:
    """Returns the name of a function or object, or that in its saved config."""
    if isinstance(value, dict) and "class_name" in value:
        name = value["config"] if value["class_name"] == "function" else value["class_name"]
        return str(name).rpartition(">")[2]
    return getattr(value, "__name__", type(value).__name__)


def _is_identity(layer) -> bool:
    """Returns whether a layer is a `Lambda` that returns its input, as in Real-to-Binary nets."""
    if not isinstance(layer, (keras.layers.Lambda, tf_keras.layers.Lambda)) or layer.arguments:
        return False
    if is_withheld(layer):
        return False
    anything = object()
    try:
        parameters = inspect.signature(layer.function).parameters
        return len(parameters) == 1 and layer.function(anything) is anything
    except Exception:  # A function of tensors may raise any error for another argument.
        return False


def _named(layer) -> dict[str, Any]:
    """Returns the part of a layer's config that all layers have."""
    config = layer.get_config()
    return {name: config[name] for name in ("name", "trainable", "dtype")}


def _arguments(kind: type) -> dict[str, Any]:
    """Returns the arguments of a class' constructor with their defaults.

    They include those of the parent classes, as long as a constructor has `**kwargs`.
    """
    arguments: dict[str, Any] = {}
    for each in kind.__mro__:
        if "__init__" in vars(each):
            parameters = inspect.signature(vars(each)["__init__"]).parameters
            for name, parameter in parameters.items():
                arguments.setdefault(name, parameter.default)
            if all(p.kind != p.VAR_KEYWORD for p in parameters.values()):
                break
    return arguments
