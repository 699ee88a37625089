"""The unknown classes and functions, and the `Lambda` layers, that are named in a model's file."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import h5py
import larq

import larq_bop
from larq_bop.larq.side import Side

__all__ = ["lambdas_of", "unknown_to"]

# What layers are made of: `kernel_quantizer` is a quantizer.
_PARTS = ("quantizer", "initializer", "regularizer", "constraint", "activation")

# Names that Keras finds although they are not in its modules.
_INTERNAL = {
    *("Functional", "Model", "Sequential", "TFOpLambda", "SlicingOpLambda", "ClassMethod"),
    *("InstanceMethod", "InstanceProperty", "Policy", "DTypePolicy", "TensorShape", "TypeSpec"),
}


def unknown_to(side: Side, path: Path, given: Container[str] = ()) -> list[str]:
    """Returns the names of classes and functions in a file that its Keras does not know.

    Nothing is imported to search for them.

    Args:
        side: The side of the Keras that saved the file.
        path: A file of any format; a SavedModel needs no names.
        given: The names for which the user gives an equivalent.
    """
    found = dict.fromkeys(_names(_config(path)))
    unknown = [
        name for name, module in found if name not in given and not _is_known(name, module, side)
    ]
    return list(dict.fromkeys(unknown))


def lambdas_of(path: Path) -> list[str]:
    """Returns the names of the `Lambda` layers in a file."""
    return [config["name"] for config in _lambdas(_config(path))]


def _config(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    if path.is_file() and h5py.is_hdf5(path):
        with h5py.File(path) as file:
            return json.loads(file.attrs.get("model_config", "{}"))
    return {}


def _lambdas(config: Any) -> Iterator[dict[str, Any]]:
    inside = list(config.values()) if isinstance(config, dict) else config
    if isinstance(config, dict) and config.get("class_name") == "Lambda":
        yield config["config"]
    elif isinstance(inside, list):
        for each in inside:
            yield from _lambdas(each)


def _names(config: Any, is_part: bool = False) -> Iterator[tuple[str, str | None]]:
    """Yields the names of layers and their parts, with their modules if these were saved."""
    if isinstance(config, list):
        for each in config:
            yield from _names(each, is_part)
    elif isinstance(config, str) and is_part:
        yield config, None
    elif isinstance(config, dict):
        kind = config.get("class_name")
        if isinstance(kind, str):
            saved = config.get("config") if kind == "function" else config.get("registered_name")
            yield str(saved or kind), config.get("module")
        if kind != "Lambda":
            for key, value in config.items():
                yield from _names(value, key.endswith(_PARTS))


def _is_known(name: str, module: str | None, side: Side) -> bool:
    if name.startswith("__") or side.keras.saving.get_registered_object(name) is not None:
        return True
    plain = name.rpartition(">")[2]
    kinds = ("layers", *(f"{part}s" for part in _PARTS))
    packages = (side.keras, larq_bop if side is Side.KERAS_3 else larq)
    places = [getattr(package, kind, None) for package in packages for kind in kinds]
    if plain in _INTERNAL or any(hasattr(place, plain) for place in places):
        return True
    if module and module.split(".")[0] in ("keras", "tf_keras"):
        return True
    return side is Side.KERAS_2 and hasattr(sys.modules.get(module or ""), plain)
