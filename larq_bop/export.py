"""Files with one bit for each binary weight, which NumPy alone can read.

The file is an archive of NumPy arrays (`.npz`): `header`, the UTF-8 text of a JSON object, and one
array for each weight of the model, named by its position. The array of a binary weight is
`numpy.packbits(weight > 0)`; the array of any other weight is the weight itself. The last 64 bytes,
the end of the archive's comment, are the SHA-256 of all bytes before them.

To load a file, this module needs only NumPy: a device needs no more than a copy of this module.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

__all__ = ["load_packed", "save_packed"]

_FORMAT = "larq_bop.packed"
_VERSION = 1
_DIGEST = 64  # Hexadecimal digits.

# A quantized layer's kernels, and the attributes that hold their quantizers.
_QUANTIZERS = {
    "kernel": "kernel_quantizer",
    "depthwise_kernel": "depthwise_quantizer",
    "pointwise_kernel": "pointwise_quantizer",
}


def save_packed(model: keras.Model, path: str | os.PathLike) -> Path:
    """Saves a model's weights: one bit for each binary weight, float32 for the rest.

    A kernel is binary if all its quantized values are -1 or +1. This holds for
    `NoOp(precision=1)`, with which Bop trains, and for `ste_sign`: of its latent weights only the
    signs are saved, since predictions depend on nothing else. A kernel with LoRA and its small
    matrices are saved unchanged.

    Args:
        model: A built Keras 3 model.
        path: The file to write, usually `*.npz`. An existing file is replaced.

    Returns:
        The path.

    Raises:
        ValueError: if the model has no weights yet, or if a kernel that is marked as binary has
            other values than -1 and +1.
    """
    if not model.weights:
        raise ValueError(f"The model {model.name!r} has no weights yet: build it before saving.")
    from larq_bop import context, files

    with context.quantized_scope(False):
        content = _packed(model)
    path = Path(path)
    files.replace(path, content)
    return path


def _packed(model) -> bytes:
    """Returns the bytes of the file of a model."""
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
    return _archive({"format": _FORMAT, "version": _VERSION, "weights": entries}, arrays)


def load_packed(path: str | os.PathLike, model: keras.Model | None = None) -> dict[str, np.ndarray]:
    """Loads a file that `save_packed` wrote.

    Args:
        path: The file.
        model: A model of the same architecture whose weights are set, or None.

    Returns:
        The weights by their paths, in the model's order. Binary weights are float32 in {-1, +1}.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the file is damaged or has another format or an unknown version, or if the
            model's weights differ from the saved ones. The model is then unchanged.
    """
    paths, values = _read(Path(path))
    if model is not None:
        _assign(model, paths, values)
    # Weights of nested layers may share a path: the position is added to the later one.
    names = [p if p not in paths[:i] else f"{p}:{i}" for i, p in enumerate(paths)]
    return dict(zip(names, values, strict=True))


def _unpacked(entry: dict[str, Any], array: np.ndarray) -> np.ndarray:
    if not entry["packed"]:
        return array
    bits = np.unpackbits(array, count=math.prod(entry["shape"]))
    return np.where(bits, np.float32(1), np.float32(-1)).reshape(entry["shape"])


def _binary_values(model) -> dict[int, np.ndarray]:
    """Returns the quantized values of binary kernels by the kernel's identity."""
    from larq_bop.quantizers.base import marks_binary, unwatched

    values = {}
    for layer in model._flatten_layers():
        for name, attribute in _QUANTIZERS.items():
            quantizer: Any = getattr(layer, attribute, None)
            # With LoRA a kernel is a sum, and no variable.
            if getattr(quantizer, "precision", None) != 1 or getattr(layer, "lora_enabled", False):
                continue
            kernel = getattr(layer, name)
            value = _as_numpy(unwatched(quantizer)(kernel.value))
            if np.all(np.abs(value) == 1):
                values[id(kernel)] = value.astype("float32")
            elif marks_binary(quantizer):
                raise ValueError(
                    f"The weight {kernel.path!r} is marked as binary, and holds other values than "
                    "-1 and +1. Train it with Bop, or take its signs: "
                    "`variable.assign(larq_bop.math.sign(variable))`."
                )
    return values


def _as_numpy(x) -> np.ndarray:
    import keras

    value = keras.ops.convert_to_numpy(x)
    # NumPy itself has no bfloat16, and float32 holds every half-precision value.
    half = keras.backend.standardize_dtype(x.dtype) in ("bfloat16", "float16")
    return np.asarray(value.astype("float32") if half else value, order="C")


def _archive(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """Returns the bytes of a file."""
    file = io.BytesIO()
    text = np.frombuffer(json.dumps(header).encode(), dtype="uint8")
    members: dict[str, Any] = {"header": text, **arrays}
    np.savez(file, **members)
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"sha256:" + _DIGEST * b"0"
    content = file.getvalue()[:-_DIGEST]
    return content + _digest(content)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _read(path: Path) -> tuple[list[str], list[np.ndarray]]:
    """Returns the weights' paths and the weights."""
    content = path.read_bytes()
    foreign = f"{path} is damaged, or no file that larq_bop.export.save_packed wrote"
    if content[-_DIGEST:] != _digest(content[:-_DIGEST]):
        raise ValueError(f"{foreign}: its contents do not match their checksum.")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(arrays["header"].tobytes())
        if (header["format"], header["version"]) == (_FORMAT, _VERSION):
            entries = header["weights"]
            values = [_unpacked(entry, arrays[str(i)]) for i, entry in enumerate(entries)]
            return [entry["path"] for entry in entries], values
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{foreign}: {error}") from error
    raise ValueError(
        f"{path} is of the format {header['format']!r}, version {header['version']!r}, and this "
        f"larq_bop reads {_FORMAT!r}, version {_VERSION}, only."
    )


def _assign(model, paths: list[str], values: list[np.ndarray]) -> None:
    """Sets the model's weights in their order, since the paths differ from model to model."""
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
