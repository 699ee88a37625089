"""Weights in a file with one bit a binary weight, which NumPy alone can read.

The file is an archive of NumPy arrays (`.npz`): `header`, the UTF-8 text of a JSON object, and one
array for each weight of the model, named by its position. A binary weight's array is
`numpy.packbits(weight > 0)`; every other weight's is the weight itself.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_packed", "save_packed"]

_FORMAT = "larq_bop.packed"
_VERSION = 1

# A quantized layer's kernels, and the attributes that hold their quantizers.
_QUANTIZERS = {
    "kernel": "kernel_quantizer",
    "depthwise_kernel": "depthwise_quantizer",
    "pointwise_kernel": "pointwise_quantizer",
}


def save_packed(model, path) -> Path:
    """Saves a model's weights: one bit for each binary weight, float32 for the rest.

    Binary is a kernel whose quantizer makes nothing but -1 and +1 of it: `NoOp(precision=1)`, with
    which Bop trains, or `ste_sign`, of whose latent weights the signs are kept, which is all that
    predictions depend on.

    Args:
        model: A Keras 3 model that is built.
        path: The file to write, `*.npz` by custom. What was there is replaced.

    Returns:
        The path.

    Raises:
        ValueError: if the model has no weights yet, or a kernel that is marked as binary holds
            other values than -1 and +1.
    """
    if not model.weights:
        raise ValueError(f"The model {model.name!r} has no weights yet: build it before saving.")
    binary = _binary_values(model)
    arrays, entries = {}, []
    for i, variable in enumerate(model.weights):
        packed = id(variable) in binary
        value = binary[id(variable)] if packed else _as_numpy(variable)
        entries.append(
            {
                "path": variable.path,
                "shape": list(value.shape),
                "dtype": "float32" if packed else value.dtype.name,
                "packed": packed,
            }
        )
        arrays[str(i)] = np.packbits(value > 0) if packed else value
    header = {"format": _FORMAT, "version": _VERSION, "weights": entries}
    header["sha256"] = _checksum(header, arrays)
    path = Path(path)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("wb") as file:
            text = np.frombuffer(json.dumps(header).encode(), dtype="uint8")
            np.savez(file, header=text, **arrays)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def load_packed(path, model=None) -> dict[str, np.ndarray]:
    """Loads what `save_packed` saved.

    Args:
        path: The file.
        model: A model of the same architecture, to set the weights of, or None.

    Returns:
        The weights by their paths, in the model's order; binary ones are float32 in {-1, +1}.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, not of this format, or of a version that is not known
            here, or if the model has other weights; it is then left as it was.
    """
    header, arrays = _read(Path(path))
    paths = [entry["path"] for entry in header["weights"]]
    values = [_unpacked(entry, arrays[str(i)]) for i, entry in enumerate(header["weights"])]
    if model is not None:
        _assign(model, paths, values)
    # Layers inside of layers may share a path: the later one has its position added.
    names = [p if p not in paths[:i] else f"{p}:{i}" for i, p in enumerate(paths)]
    return dict(zip(names, values, strict=True))


def _unpacked(entry: dict[str, Any], array: np.ndarray) -> np.ndarray:
    if not entry["packed"]:
        return array
    bits = np.unpackbits(array, count=math.prod(entry["shape"]))
    return np.where(bits, np.float32(1), np.float32(-1)).reshape(entry["shape"])


def _binary_values(model) -> dict[int, np.ndarray]:
    """Returns the quantized values of binary kernels by the kernel's identity."""
    values = {}
    for layer in model._flatten_layers():
        for name, attribute in _QUANTIZERS.items():
            quantizer = getattr(layer, attribute, None)
            if getattr(quantizer, "precision", None) != 1:
                continue
            kernel = getattr(layer, name)
            value = _as_numpy(quantizer(kernel.value))
            if np.all(np.abs(value) == 1):
                values[id(kernel)] = value.astype("float32")
            elif getattr(kernel, "precision", None) == 1:
                raise ValueError(
                    f"The weight {kernel.path!r} is marked as binary, and holds other values than "
                    "-1 and +1. Build the optimizer, Bop, or give it a binary initializer."
                )
    return values


def _as_numpy(x) -> np.ndarray:
    import keras

    value = keras.ops.convert_to_numpy(x)
    # NumPy itself has no bfloat16, and float32 holds every half-precision value.
    half = keras.backend.standardize_dtype(x.dtype) in ("bfloat16", "float16")
    return np.ascontiguousarray(value.astype("float32") if half else value)


def _checksum(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    told = {name: value for name, value in header.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(f"{name}:{arrays[name].dtype.str}:{arrays[name].shape}:".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns the header and the arrays of a file that is whole and of this format."""
    foreign = ValueError(f"{path} is not a file that larq_bop.export.save_packed wrote.")
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise foreign
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    try:
        header = json.loads(arrays.pop("header").tobytes())
        is_ours = header["format"] == _FORMAT
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise foreign from error
    if not is_ours:
        raise foreign
    if header.get("version") != _VERSION:
        raise ValueError(
            f"{path} is of version {header.get('version')!r}, and this larq_bop knows version "
            f"{_VERSION} only."
        )
    if header.get("sha256") != _checksum(header, arrays):
        raise ValueError(f"{path} is damaged: its contents do not match their checksum.")
    return header, arrays


def _assign(model, paths: list[str], values: list[np.ndarray]) -> None:
    """Sets the model's weights, in their order: Keras changes paths from model to model."""
    variables = model.weights
    saved = [(p.split("/")[-1], value.shape) for p, value in zip(paths, values, strict=True)]
    found = [(variable.name, tuple(variable.shape)) for variable in variables]
    if saved != found:
        differing = [pair for pair in zip(saved, found, strict=False) if pair[0] != pair[1]]
        raise ValueError(
            f"The model {model.name!r} has {len(found)} weights, the saved one {len(saved)}. "
            f"The first that differ, saved and found: {differing[:1]}."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
