"""Saved models of either Keras, and what is none."""

import io
import json
import zipfile

import h5py
import keras
import larq
import pytest
import tensorflow as tf
import tf_keras

import larq_bop
from larq_bop.larq import CannotCrossError
from larq_bop.larq.customs import Customs
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


def own(side):
    """Returns a layer and a regularizer of one's own that no one registered."""
    kinds = side.layers.Layer, side.regularizers.Regularizer
    layer, regularizer = (type(f"Own{kind.__name__}", (kind,), {}) for kind in kinds)
    layer.get_config = side.layers.Layer.get_config
    regularizer.__call__ = lambda self, x: 0.0
    regularizer.get_config = lambda self: {}
    return layer, regularizer


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("side", [keras, tf_keras], ids=["Keras 3", "Keras 2"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_all_that_a_file_names_and_is_not_known_is_told_at_once(tmp_path, side, name):
    layer, regularizer = own(side)
    code = side.layers.Lambda(lambda x: 2 * x, name="code")
    layers = [layer(name="odd"), code, side.layers.Dense(3, activity_regularizer=regularizer())]
    quantized = (larq_bop if side is keras else larq).layers.QuantDense(
        3, input_quantizer="ste_sign", kernel_quantizer="ste_sign", kernel_constraint="weight_clip"
    )
    path = tmp_path / name
    side.Sequential([side.Input((4,)), *layers, quantized]).save(path)
    with pytest.raises(CannotCrossError) as error:
        load(path)
    unknown, lambdas = str(error.value).splitlines()
    names = [text for text in unknown.split("'") if "Own" in text]
    assert [text.rpartition(">")[2] for text in names] == ["OwnLayer", "OwnRegularizer"]
    assert "as keys of `custom_objects`" in unknown
    assert "the layers 'code' were saved as code" in lambdas
    given = {layer: abs, regularizer: abs, "code": abs}
    assert load(path, Customs(given)).get_layer("odd").__class__ is layer


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_a_file_that_names_only_what_is_known_is_told_as_keras_tells_it(tmp_path):
    path = tmp_path / "model.h5"
    model_of(tf_keras).save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][-1]["config"]["units"] = -1
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(ValueError, match=r"cannot be loaded as a model: .*units"):
        load(path)


def test_folders_without_a_keras_model_and_missing_ones_are_told(tmp_path):
    with pytest.raises(ValueError, match="SavedModel file does not exist"):
        load(tmp_path)
    tf.saved_model.save(tf.Module(), str(tmp_path / "module"))
    with pytest.raises(ValueError, match="is a SavedModel without a model of Keras 2"):
        load(tmp_path / "module")
    with pytest.raises(FileNotFoundError, match="There is no model at"):
        load(tmp_path / "nothing")
