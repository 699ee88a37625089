"""Loading saved models of Keras 3 and Keras 2."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import h5py
import keras
import tf_keras

from larq_bop.larq.customs import CURE, Customs
from larq_bop.larq.side import CannotCrossError, Side
from larq_bop.larq.unknown import lambdas_of, unknown_to

__all__ = ["is_withheld", "load"]


def load(path, customs: Customs | None = None):
    """Loads a saved model with the Keras that saved it, not compiled.

    A function that was saved as code, such as that of a `Lambda`, never runs. The user can give an
    equivalent of the layer instead.

    Args:
        path: A `.keras` or `.h5` file of Keras 3 or 2, or a SavedModel of Keras 2.
        customs: The equivalents that the user gives, or None.

    Returns:
        A model of `keras` or of `tf.keras`.

    Raises:
        FileNotFoundError: if there is no file at the path.
        CannotCrossError: if the model has unknown classes or functions, or cannot be loaded without
            saved code; the message names all of them.
        ValueError: if the file is not a model, or is damaged.
    """
    path, customs = Path(path), customs or Customs()
    if not path.exists():
        raise FileNotFoundError(f"There is no model at {path}.")
    try:
        side = _saved_by(path)
        with _withheld(side.keras, customs):
            model = side.keras.models.load_model(path, customs.of_files(), compile=False)
    except Exception as error:  # Each format has errors of its own for what is no model.
        if reasons := _missing(path, customs):
            raise CannotCrossError(*reasons) from error
        raise ValueError(f"{path} cannot be loaded as a model: {error}") from error
    if not isinstance(model, (keras.Model, tf_keras.Model)):
        raise ValueError(
            f"{path} is a SavedModel without a model of Keras 2. Of a model that Keras 3 exported, "
            "take the `.keras` file."
        )
    return model


def is_withheld(layer) -> bool:
    """Returns whether a layer is a `Lambda` whose function was saved as code and not loaded."""
    return getattr(layer, "_is_withheld", False)


@contextlib.contextmanager
def _withheld(side, customs: Customs) -> Iterator[None]:
    """A scope in which each `Lambda` is loaded with the given equivalent instead of its code."""

    def from_config(cls, config, custom_objects=None, safe_mode=None):
        layer = cls(lambda inputs: inputs, name=config["name"])
        given = customs.of_layer(layer)
        if given is None:
            layer._is_withheld = True
        elif not isinstance(given, type):
            layer.function = given
        return layer

    with mock.patch.object(side.layers.Lambda, "from_config", classmethod(from_config)):
        yield


def _missing(path: Path, customs: Customs) -> list[str]:
    """Returns why a file cannot be loaded, if that is what it names."""
    try:
        side = _saved_by(path)
        unknown = unknown_to(side, path, customs.of_files())
        layers = [side.keras.layers.Lambda(abs, name=name) for name in lambdas_of(path)]
    except Exception:  # It is no model's file: what loading it said tells more.
        return []
    code = [layer.name for layer in layers if customs.of_layer(layer) is None]
    reasons = []
    if unknown:
        reasons.append(
            f"{path} cannot be loaded: it names {', '.join(map(repr, unknown))}, not known here. "
            "Import the modules that register them, or give them as keys of `custom_objects`, with "
            "their equals."
        )
    if code:
        reasons.append(
            f"{path} cannot be loaded: the layers {', '.join(map(repr, code))} were saved as code, "
            f"which never runs. {CURE}."
        )
    return reasons


def _saved_by(path: Path) -> Side:
    """Returns the side of the Keras that saved a model."""
    version = "2"  # A SavedModel: Keras 3 loads none.
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    elif path.is_file():
        with h5py.File(path) as file:
            version = str(file.attrs["keras_version"])
    return Side.KERAS_2 if version.startswith("2") else Side.KERAS_3
