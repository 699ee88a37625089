"""Saved models of either Keras, and what is none."""

import io
import zipfile

import keras
import pytest
import tensorflow as tf
import tf_keras

from larq_bop.larq.loading import load


def model_of(side):
    return side.Sequential([side.Input((4,)), side.layers.Dense(3)])


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
@pytest.mark.parametrize("side", [keras, tf_keras], ids=["Keras 3", "Keras 2"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_the_keras_that_saved_a_model_loads_it(tmp_path, side, name):
    model, path = model_of(side), tmp_path / name
    if side is keras and name == "model":
        model.export(path, verbose=False)
        with pytest.raises(ValueError, match=r"without a model of Keras 2.* take the `\.keras`"):
            load(path)
        return
    model.save(path)
    loaded = load(str(path))
    assert isinstance(loaded, side.Model)
    assert getattr(loaded, "optimizer", None) is None
    for weight, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        assert (weight == expected).all()


def archive_of(names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    return file.getvalue()


FOREIGN = {
    "text": b"no model",
    "nothing": b"",
    "other archive": archive_of(["a"]),
    "no version": archive_of(["metadata.json"]),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_other_files_are_told(tmp_path, content):
    path = tmp_path / "other.keras"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.keras cannot be loaded as a model: "):
        load(path)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_files_cut_short_and_weights_alone_are_told(tmp_path, name):
    path = tmp_path / name
    model_of(keras).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    weights = tmp_path / "model.weights.h5"
    model_of(keras).save_weights(weights)
    for each in (path, weights):
        with pytest.raises(ValueError, match="cannot be loaded as a model: "):
            load(each)


class Unknown(keras.layers.Layer):
    """A layer that no one registered."""


def test_a_file_with_a_layer_that_is_not_known_is_told(tmp_path):
    keras.Sequential([keras.Input((4,)), Unknown()]).save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"(?s)cannot be loaded as a model: .*class 'Unknown'"):
        load(tmp_path / "model.keras")


def test_folders_without_a_keras_model_and_missing_ones_are_told(tmp_path):
    with pytest.raises(ValueError, match="SavedModel file does not exist"):
        load(tmp_path)
    tf.saved_model.save(tf.Module(), str(tmp_path / "module"))
    with pytest.raises(ValueError, match="is a SavedModel without a model of Keras 2"):
        load(tmp_path / "module")
    with pytest.raises(FileNotFoundError, match="There is no model at"):
        load(tmp_path / "nothing")
