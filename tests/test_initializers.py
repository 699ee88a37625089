"""Binary initializers: the signs of what Keras draws."""

import json

import keras
import numpy as np
import pytest

from larq_bop import initializers
from tests import backends, oracle

PARENTS = {
    initializers.BinaryGlorotNormal: keras.initializers.GlorotNormal,
    initializers.BinaryGlorotUniform: keras.initializers.GlorotUniform,
    initializers.BinaryHeNormal: keras.initializers.HeNormal,
    initializers.BinaryHeUniform: keras.initializers.HeUniform,
}
SHAPE = (40, 50)


@pytest.mark.parametrize("kind", PARENTS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_values_are_the_signs_of_the_parents(kind, dtype):
    values = kind(seed=3)(SHAPE, dtype=dtype)
    assert backends.dtype_of(values) == dtype
    expected = backends.to_numpy(PARENTS[kind](seed=3)(SHAPE, dtype="float32"))
    np.testing.assert_array_equal(backends.to_numpy(values), oracle.sign(expected))


@pytest.mark.parametrize("kind", PARENTS)
def test_both_signs_are_equally_likely(kind):
    # 2,000 fair coins: 5 standard deviations are 112 heads.
    assert abs(float(backends.to_numpy(kind(seed=0)(SHAPE)).sum()) / 2) < 112


@pytest.mark.parametrize("kind", PARENTS)
def test_without_a_seed_layers_differ(kind):
    first, second = (backends.to_numpy(kind()(SHAPE)) for _ in range(2))
    assert 800 < (first != second).sum() < 1200


def test_binary_takes_any_initializer():
    binary = initializers.Binary(keras.initializers.Orthogonal(seed=1))
    expected = backends.to_numpy(keras.initializers.Orthogonal(seed=1)((6, 6)))
    np.testing.assert_array_equal(backends.to_numpy(binary((6, 6))), oracle.sign(expected))
    assert isinstance(initializers.Binary("zeros").initializer, keras.initializers.Zeros)
    assert backends.to_numpy(initializers.Binary("zeros")((3,))).tolist() == [1.0, 1.0, 1.0]


def test_the_default_dtype_is_floatx():
    assert backends.dtype_of(initializers.BinaryHeNormal()(SHAPE)) == "float32"


def test_an_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="glorot_abnormal"):
        initializers.Binary("glorot_abnormal")


@pytest.mark.parametrize(
    "initializer",
    [
        *(kind(seed=3) for kind in PARENTS),
        initializers.Binary("ones"),
        initializers.Binary(keras.initializers.RandomNormal(stddev=2.0, seed=5)),
    ],
)
def test_config_goes_through_json_and_back(initializer):
    config = json.loads(json.dumps(keras.initializers.serialize(initializer)))
    copy = keras.initializers.deserialize(config)
    assert type(copy) is type(initializer)
    assert copy.get_config() == initializer.get_config()
    np.testing.assert_array_equal(
        backends.to_numpy(copy((5, 5))), backends.to_numpy(initializer((5, 5)))
    )
