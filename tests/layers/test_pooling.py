"""MaxPooling2D against Keras' own."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from larq_bop.layers import MaxPooling2D
from tests import backends

ARGUMENTS = [
    {"pool_size": 2},
    {"pool_size": (3, 2)},
    {"pool_size": 2, "padding": "same"},
    {"pool_size": 2, "strides": 1},
    {"pool_size": 4},  # Does not tile the image.
]


def pair(**arguments):
    return MaxPooling2D(**arguments), keras.layers.MaxPooling2D(**arguments)


def whole_numbers():
    """Sums of signs: most windows have more than one greatest value."""
    return np.random.default_rng(0).integers(-2, 3, (3, 6, 8, 5)).astype("float32")


def weighted(layer, upstream, x):
    return layer(x) * ops.convert_to_tensor(upstream)


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_values_and_gradients_are_those_of_keras(arguments):
    ours, theirs = pair(**arguments)
    x = whole_numbers()
    shape = ours.compute_output_shape(x.shape)
    upstream = np.random.default_rng(1).standard_normal(shape).astype("float32")
    (y, (dx,)), (expected_y, (expected_dx,)) = (
        backends.gradient(functools.partial(weighted, layer, upstream), x)
        for layer in (ours, theirs)
    )
    np.testing.assert_array_equal(backends.to_numpy(y), backends.to_numpy(expected_y))
    np.testing.assert_allclose(
        backends.to_numpy(dx), backends.to_numpy(expected_dx), rtol=1e-6, atol=1e-6
    )


@pytest.mark.skipif(backends.BACKEND == "tensorflow", reason="its kernel loses some NaN, as Keras'")
def test_nan_is_the_greatest():
    x = whole_numbers()
    x[0, :2, :2, 0] = [[1, np.nan], [2, 3]]
    x[0, :2, 2:4, 0] = [[np.nan, 1], [2, 3]]
    y = backends.to_numpy(MaxPooling2D(2)(x))
    assert np.isnan(y[0, 0, :2, 0]).all()
    assert np.isnan(y).sum() == 2


def test_the_size_of_a_batch_may_be_unknown_and_a_model_comes_back(tmp_path):
    inputs = keras.Input((4, 4, 2))
    model = keras.Model(inputs, MaxPooling2D(2)(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[-1]) is MaxPooling2D
    x = whole_numbers()[:, :4, :4, :2]
    expected = x.reshape(3, 2, 2, 2, 2, 2).max(axis=(2, 4))
    np.testing.assert_array_equal(backends.to_numpy(loaded(x)), expected)
