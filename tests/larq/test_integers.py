"""The step of a normalization between two integers, beside the normalization itself."""

import keras
import numpy as np
import pytest
import tf_keras

from larq_bop.larq.integers import integers_of, step_between
from tests.larq.test_deploy import convolution

STATISTICS = {
    "usual": {},
    "no variance": {"moving_variance": 0.0},
    "a large variance": {"moving_variance": 1e30},
    "gamma 0": {"gamma": 0.0},
    "gamma and beta 0": {"gamma": 0.0, "beta": 0.0},
    "a step below all": {"moving_mean": -1e9},
    "a step above all": {"moving_mean": 1e9},
    "NaN": {"moving_mean": np.nan},
}


@pytest.mark.parametrize("side", [keras, tf_keras])
@pytest.mark.parametrize("statistics", STATISTICS.values(), ids=STATISTICS)
def test_the_sign_is_the_same_for_each_integer_that_there_can_be(side, statistics):
    """In float64, and far from any rounding."""
    layer = convolution(64, 3, use_bias=False)
    layer.build((None, 6, 6, 8))
    there = side.layers.BatchNormalization()
    there.build((None, 4, 4, 64))
    rng = np.random.default_rng(0)
    there.gamma.assign(rng.standard_normal(64))
    there.beta.assign(rng.standard_normal(64))
    there.moving_variance.assign(np.full(64, 1e4))
    there.moving_mean.assign(
        np.round(20 * rng.standard_normal(64)) + 1e-6 * rng.standard_normal(64)
    )
    for name, value in statistics.items():
        getattr(there, name).assign(np.full(64, value))
    integers = np.arange(-72, 73, dtype="float32")[:, None, None, None] * np.ones(64, "float32")
    expected = np.asarray(there(integers, training=False)) >= 0

    def is_positive(values):
        return np.asarray(there(values.reshape(1, 1, 1, -1), training=False)).reshape(-1) >= 0

    between, rises = step_between(integers_of(layer, None), is_positive)
    distance = np.where(rises, 1.0, -1.0) * (integers - np.float64(between))
    np.testing.assert_array_equal(distance >= 0, expected)
    assert np.abs(distance).min() >= 0.5
