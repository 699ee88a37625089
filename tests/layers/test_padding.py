"""QuantConv2D's padding against NumPy."""

import keras
import numpy as np
import pytest

from larq_bop import quantizers
from larq_bop.layers import QuantConv2D
from tests import backends, oracle
from tests.layers.catalogue import binary, normal

BINARY = binary("QuantConv2D")
PADDED = [
    # Size, kernel, strides, dilation.
    ((7, 6), (3, 3), (1, 1), (1, 1)),
    ((5, 5), (2, 2), (1, 1), (1, 1)),
    ((7, 6), (3, 2), (2, 2), (1, 1)),
    ((8, 5), (4, 3), (3, 2), (1, 1)),
    ((9, 8), (3, 3), (1, 1), (2, 3)),
    ((3, 3), (1, 1), (2, 2), (1, 1)),
]


def expected_same_convolution(x, kernel, strides, dilation, pad_values):
    """Signs, padded by hand, through a valid convolution in NumPy."""
    pads = [
        oracle.same_padding(*axis)
        for axis in zip(x.shape[1:3], kernel.shape[:2], strides, dilation, strict=True)
    ]
    padded = np.pad(oracle.sign(x), [(0, 0), *pads, (0, 0)], constant_values=pad_values)
    return oracle.conv2d(padded, oracle.sign(kernel), strides, dilation)


@pytest.mark.parametrize("pad_values", [0.0, 1.0, -1.0])
@pytest.mark.parametrize(("size", "kernel_size", "strides", "dilation"), PADDED)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_same_padding(data_format, size, kernel_size, strides, dilation, pad_values):
    if data_format == "channels_first" and backends.BACKEND == "tensorflow":
        pytest.skip("TensorFlow's convolutions on a CPU are channels_last only")
    x = normal((2, *size, 3))
    layer = QuantConv2D(
        4,
        kernel_size,
        strides=strides,
        padding="same",
        dilation_rate=dilation,
        pad_values=pad_values,
        data_format=data_format,
        use_bias=False,
        **BINARY,
    )
    first = data_format == "channels_first"
    y = backends.to_numpy(layer(np.moveaxis(x, -1, 1) if first else x))
    y = np.moveaxis(y, 1, -1) if first else y
    expected = expected_same_convolution(
        x, backends.to_numpy(layer.kernel), strides, dilation, pad_values
    )
    # Sums of signs are exact.
    np.testing.assert_array_equal(y, expected)
    shape = layer.compute_output_shape((2, 3, *size) if first else (2, *size, 3))
    assert tuple(shape) == ((2, 4, *y.shape[1:3]) if first else y.shape)


@pytest.mark.parametrize("pad_values", [0.0, 1.0])
def test_sizes_that_are_not_known_beforehand(pad_values):
    inputs = keras.Input((None, None, 3))
    layer = QuantConv2D(
        4, 3, strides=2, padding="same", pad_values=pad_values, use_bias=False, **BINARY
    )
    model = keras.Model(inputs, layer(inputs))
    for size in ((7, 6), (10, 5)):
        x = normal((2, *size, 3))
        expected = expected_same_convolution(
            x, backends.to_numpy(layer.kernel), (2, 2), (1, 1), pad_values
        )
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


def test_valid_padding_does_not_pad():
    x = normal((2, 7, 6, 3))
    layer = QuantConv2D(4, 3, pad_values=1.0, use_bias=False, **BINARY)
    y = backends.to_numpy(layer(x))
    kernel = oracle.sign(backends.to_numpy(layer.kernel))
    np.testing.assert_array_equal(y, oracle.conv2d(oracle.sign(x), kernel))


def test_a_padded_binary_input_stays_binary():
    """With a kernel of ones every output of a full 3x3 window of signs is odd."""
    layer = QuantConv2D(
        1,
        3,
        padding="same",
        pad_values=1.0,
        kernel_initializer="ones",
        kernel_quantizer=quantizers.NoOp(precision=1),
        input_quantizer="ste_sign",
    )
    y = backends.to_numpy(layer(normal((1, 6, 6, 1))))
    assert (np.abs(y) % 2 == 1).all()
