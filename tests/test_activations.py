"""hard_tanh and leaky_tanh."""

import keras
import numpy as np
import pytest

from larq_bop import activations, quantizers
from tests import backends

X = np.float32([-3, -1, -0.5, 0, 0.25, 1, 2])


def test_hard_tanh():
    values, (gradient,) = backends.gradient(activations.hard_tanh, X)
    assert values.tolist() == [-1, -1, -0.5, 0, 0.25, 1, 1]
    assert gradient.tolist() == [0, 1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize("alpha", [0.25, 2.0])
def test_leaky_tanh(alpha):
    values, (gradient,) = backends.gradient(lambda x: activations.leaky_tanh(x, alpha), X)
    assert values.tolist() == [-1 - 2 * alpha, -1, -0.5, 0, 0.25, 1, 1 + alpha]
    assert gradient.tolist() == [alpha, 1 + alpha, 1, 1, 1, 1 + alpha, alpha]


def test_leaky_tanhs_slope_is_a_fifth():
    np.testing.assert_allclose(backends.to_numpy(activations.leaky_tanh(X))[-1], 1.2, rtol=1e-6)


def test_get():
    assert activations.get("leaky_tanh") is activations.leaky_tanh
    assert activations.get("hard_tanh") is activations.hard_tanh
    assert activations.get("relu") is keras.activations.relu
    assert activations.get(None) is keras.activations.linear
    assert isinstance(activations.get("ste_sign"), quantizers.SteSign)


@pytest.mark.parametrize("identifier", ["leaky", 3])
def test_get_refuses_what_is_no_activation(identifier):
    with pytest.raises(ValueError, match=str(identifier)):
        activations.get(identifier)


def test_a_model_with_them_loads_without_custom_objects(tmp_path):
    layers = [keras.layers.Activation(f) for f in (activations.leaky_tanh, activations.hard_tanh)]
    model = keras.Sequential([keras.Input((7,)), *layers])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(backends.to_numpy(loaded(X[None])), np.clip(X, -1, 1)[None])
    assert loaded.layers[0].activation is activations.leaky_tanh
