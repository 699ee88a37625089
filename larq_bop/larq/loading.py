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
from larq_bop.larq.side import CannotCrossError

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
        CannotCrossError: if the model cannot be loaded without the saved code.
        ValueError: if the file is not a model, is damaged, or has unknown layers.
    """
    path, customs = Path(path), customs or Customs()
    if not path.exists():
        raise FileNotFoundError(f"There is no model at {path}.")
    missing: list[str] = []
    try:
        side = _saved_by(path)
        with _withheld(side, customs, missing):
            model = side.models.load_model(path, customs.of_files(), compile=False)
    except Exception as error:  # Each format has errors of its own for what is no model.
        if missing:
            raise CannotCrossError(
                f"{path} cannot be loaded: the layers {', '.join(map(repr, missing))} were saved "
                f"as code, which never runs. {CURE}."
            ) from error
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
def _withheld(side, customs: Customs, missing: list[str]) -> Iterator[None]:
    """A scope in which each `Lambda` is loaded with the given equivalent instead of its code."""

    def from_config(cls, config, custom_objects=None, safe_mode=None):
        layer = cls(lambda inputs: inputs, name=config["name"])
        given = customs.of_layer(layer)
        if given is None:
            missing.append(layer.name)
            layer._is_withheld = True
        elif not isinstance(given, type):
            layer.function = given
        return layer

    with mock.patch.object(side.layers.Lambda, "from_config", classmethod(from_config)):
        yield


def _saved_by(path: Path):
    """Returns the Keras that saved a model."""
    version = "2"  # A SavedModel: Keras 3 loads none.
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
    elif path.is_file():
        with h5py.File(path) as file:
            version = str(file.attrs["keras_version"])
    return tf_keras if version.startswith("2") else keras
