"""Saved models, of either Keras."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import h5py
import keras
import tf_keras

__all__ = ["load"]


def load(path):
    """Loads a saved model with the Keras that saved it, not compiled.

    Args:
        path: A `.keras` or `.h5` file of Keras 3 or 2, or a SavedModel of Keras 2.

    Returns:
        A model of `keras` or of `tf.keras`.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: if it is no model, damaged, or has layers that are not known here.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no model at {path}.")
    try:
        model = _saved_by(path).models.load_model(path, compile=False)
    except Exception as error:  # Each format has errors of its own for what is no model.
        raise ValueError(f"{path} cannot be loaded as a model: {error}") from error
    if not isinstance(model, (keras.Model, tf_keras.Model)):
        raise ValueError(
            f"{path} is a SavedModel without a model of Keras 2. Of a model that Keras 3 exported, "
            "take the `.keras` file."
        )
    return model


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
