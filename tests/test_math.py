"""sign and heaviside, value by value."""

import numpy as np
import pytest
from keras import ops

from larq_bop import math
from tests import backends

VALUES = [-np.inf, -2.0, -1e-6, -0.0, 0.0, 1e-6, 0.5, 3.0, np.inf]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (math.sign, [-1, -1, -1, 1, 1, 1, 1, 1, 1]),
        (math.heaviside, [0, 0, 0, 0, 0, 1, 1, 1, 1]),
    ],
)
def test_values(function, expected, dtype):
    x = ops.convert_to_tensor(np.float32(VALUES), dtype=dtype)
    y = function(x)
    assert backends.dtype_of(y) == dtype
    assert backends.to_numpy(y).tolist() == expected


@pytest.mark.parametrize("function", [math.sign, math.heaviside])
def test_nan_stays_nan(function):
    x = ops.convert_to_tensor(np.float32([np.nan, 1.0]))
    y = backends.to_numpy(function(x))
    assert np.isnan(y).tolist() == [True, False]


@pytest.mark.parametrize("function", [math.sign, math.heaviside])
def test_shape_is_kept(function):
    x = np.random.default_rng(0).standard_normal((2, 3, 4)).astype("float32")
    y = backends.to_numpy(function(x))
    expected = np.where(x < 0, -1.0 if function is math.sign else 0.0, 1.0)
    np.testing.assert_array_equal(y, expected)
