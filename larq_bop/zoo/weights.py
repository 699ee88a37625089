"""Loading weights from files of Larq Zoo and Keras 2, of Keras 3, and of `save_packed`."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np

from larq_bop.export import load_packed
from larq_bop.layers.quantized import QuantizedLayer
from larq_bop.quantizers.base import marks_binary

__all__ = ["check_weights", "load_zoo_weights"]


def check_weights(weights: str | Path | None) -> None:
    """Refuses weights that are neither None nor a file.

    Args:
        weights: The argument of a network.

    Raises:
        ValueError: if there is no such file.
    """
    if weights is not None and not Path(weights).is_file():
        raise ValueError(
            "`weights` must be None or a file: `.h5` of Larq Zoo, `.keras`, `.weights.h5`, or "
            f"`.npz` of larq_bop.export.save_packed. Received: weights={str(weights)!r}"
        )


def load_zoo_weights(model: keras.Model, path: str | Path) -> None:
    """Loads weights into a network of this package, or into any model with the same layers.

    Args:
        model: The model of Keras 3.
        path: An `.h5` file of Larq Zoo or of any model of Keras 2, with the weights in the same
            order; a `.keras` or `.weights.h5` file of Keras 3; or an `.npz` file of
            `larq_bop.export.save_packed`. If a kernel of the model is binary itself, for Bop, it
            gets the signs of latent weights.

    Raises:
        ValueError: if there is no such file, or it does not contain weights of such a network. The
            model is then unchanged.
    """
    path = Path(path)
    check_weights(path)
    if path.suffix == ".npz":
        load_packed(path, model)
        return
    if path.suffix == ".keras":
        saved = keras.models.load_model(path, compile=False)
        own = [(w.path, keras.ops.convert_to_numpy(w)) for w in _variables(saved)]
        _assign(model, own, path)
        return
    try:
        values = _of_keras_2(path)
    except OSError as error:
        raise ValueError(f"{path} is damaged, or no file of weights: {error}") from error
    if values is None:
        model.load_weights(path)
    else:
        _assign(model, values, path)


def _of_keras_2(path: Path) -> list[tuple[str, np.ndarray]] | None:
    """Returns the names and values in a file of Keras 2, or None for a file of Keras 3."""
    with h5py.File(path) as file:
        root = file.get("model_weights", file)
        if "layer_names" not in root.attrs:
            return None
        groups = [root[_text(name)] for name in root.attrs["layer_names"]]
        names = [(group, _text(name)) for group in groups for name in group.attrs["weight_names"]]
        return [(name, np.asarray(group[name])) for group, name in names]


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [weight for layer in model.layers for weight in layer.weights]


def _assign(model: keras.Model, saved: list[tuple[str, np.ndarray]], path: Path) -> None:
    """Sets the weights of a model in their order, since names differ between Keras 2 and 3."""
    variables = _variables(model)
    theirs = [(name, value.shape) for name, value in saved]
    ours = [(variable.path, tuple(variable.shape)) for variable in variables]
    if [shape for _, shape in theirs] != [shape for _, shape in ours]:
        differing = [pair for pair in zip(theirs, ours, strict=False) if pair[0][1] != pair[1][1]]
        raise ValueError(
            f"{path} has {len(theirs)} weights, and the model {model.name!r} has {len(ours)}. The "
            f"first that differ, saved and found: {differing[:1]}."
        )
    binary = _binary_kernels(model)
    for variable, (_, value) in zip(variables, saved, strict=True):
        is_binary = id(variable) in binary
        variable.assign(np.where(value < 0, -1.0, 1.0) if is_binary else value)


def _binary_kernels(model: keras.Model) -> set[int]:
    """Returns the identities of the kernels that are binary themselves, for Bop."""
    return {
        id(weight)
        for layer in model.layers
        if isinstance(layer, QuantizedLayer)
        for weight in layer.weights
        if marks_binary(layer.quantizer_of(weight.name))
    }
