"""What models cost that are graphs, contain models or are no graphs, against hand arithmetic."""

import keras
import numpy as np
import pytest

from larq_bop import layers
from larq_bop.models import ModelProfile
from tests.models.networks import BOP, LATENT, Network, sequential

pytestmark = pytest.mark.usefixtures("weights_of_zeros")


def test_a_layer_that_is_called_several_times():
    dense, one, two = layers.QuantDense(3), keras.Input((3,)), keras.Input((5, 3))
    model = keras.Model([one, two], [dense(dense(one)), dense(two)])
    (profile,) = (each for each in ModelProfile(model).layer_profiles if each.name == dense.name)
    assert profile.weight_count() == 12
    assert profile.op_count() == (1 + 1 + 5) * 9
    assert profile.output_shape is None
    # A call that does not belong to the model.
    dense(keras.Input((100, 3)))
    assert ModelProfile(model).op_count() == 7 * 9
    part = keras.Model(one, dense(one))
    assert ModelProfile(part).op_count() == 9


def inner_model():
    inputs = keras.Input((4, 4, 2))
    x = layers.QuantConv2D(2, 3, padding="same", input_quantizer="ste_sign", **LATENT)(inputs)
    return keras.Model(inputs, layers.BatchNormalization()(x), name="inner")


@pytest.mark.parametrize("calls", [1, 3])
def test_a_model_inside_of_a_model(calls):
    inner = inner_model()
    x = inputs = keras.Input((4, 4, 2))
    for _ in range(calls):
        x = inner(x)
    x = keras.layers.Flatten()(x)
    model = ModelProfile(keras.Model(inputs, [x, keras.layers.Dense(2)(x)]))
    profile = model.layer_profiles[1]
    assert isinstance(profile, ModelProfile)
    assert (profile.name, profile.input_precision) == ("inner", 1)
    assert profile.output_shape == (-1, 4, 4, 2)
    assert profile.weight_count() == 9 * 2 * 2 + 2 + 4
    assert profile.op_count("mac", 1) == calls * 16 * 36
    assert model.op_count() == calls * 16 * 36 + 64
    assert model.weight_count() == 42 + 66
    assert model.output_shape == [(-1, 32), (-1, 2)]
    assert len(profile.layer_profiles) == 3


def test_weights_that_appear_twice_count_once():
    dense, inputs = keras.layers.Dense(3), keras.Input((3,))
    model = keras.Model(inputs, dense(sequential((3,), dense)(inputs)))
    profile = ModelProfile(model)
    assert [each.weight_count() for each in profile.layer_profiles] == [0, 12, 12]
    assert (profile.weight_count(), profile.op_count()) == (12, 18)
    assert profile.weight_count() == model.count_params()


def test_operations_on_open_sizes_are_not_known():
    inputs = keras.Input((None, 8, 3))
    x = keras.layers.Conv2D(4, 3)(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    profile = ModelProfile(keras.Model(inputs, keras.layers.Dense(2)(x)))
    convolution = profile.layer_profiles[1]
    assert convolution.output_shape == (-1, -1, 6, 4)
    assert convolution.op_count() is None
    assert profile.op_count() == 8
    assert profile.uncounted_layers == [convolution.name]


def test_layers_of_unknown_operations_are_named():
    inner = sequential((4, 3), keras.layers.LSTM(2, name="memory"))
    profile = ModelProfile(
        keras.Sequential([inner, keras.layers.PReLU(name="slope"), keras.layers.Dense(3)])
    )
    assert profile.uncounted_layers == [f"{inner.name}/memory", "slope"]
    assert profile.op_count() == 6


def test_a_subclassed_model_that_was_called():
    model = Network(name="network")
    model(np.zeros((3, 8, 8, 2), "float32"))
    profile = ModelProfile(model)
    conv, pool, inner, own = profile.layer_profiles
    assert conv.output_shape == (3, 8, 8, 4)
    assert conv.op_count("mac", 32) == 64 * 9 * 2 * 4
    assert (pool.output_shape, pool.op_count()) == (None, 0)
    assert (inner.input_precision, inner.output_shape[1:]) == (1, (2,))
    assert (inner.weight_count(1), inner.op_count("mac", 1)) == (8, 8)
    assert (own.name, own.weight_count(), own.op_count()) == ("network", 2, None)
    assert profile.weight_count() == model.count_params() == 72 + 4 + 8 + 2 + 2
    assert profile.uncounted_layers == ["network"]


def test_a_sequential_model_that_was_called():
    model = keras.Sequential([layers.QuantDense(4, **BOP), keras.layers.ReLU()])
    model(np.zeros((2, 5, 3), "float32"))
    assert ModelProfile(model).op_count() == 5 * 12
