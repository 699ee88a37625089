"""Zero padding around maps that are smaller than the kernel is computed rightly, or refused."""

import larq as lq
import numpy as np
import pytest
import tf_keras

from larq_bop.larq import CannotConvertError, convert
from tests.larq.crossings import randomized
from tests.larq.test_deploy import (
    SAME,
    SIGNS,
    assert_the_engine_predicts_the_same,
    convolution,
    images,
    lce,
)

# Heights and widths of a map, and convolutions whose kernels reach past it.
SMALL = [
    ((2, 2), {}),
    ((1, 1), {}),
    ((2, 7), {"strides": 2}),
    ((7, 2), {"use_bias": False, "activation": "relu"}),
    ((4, 5), {"dilation_rate": 2}),
    ((4, 4), {"kernel_size": 5, "strides": (1, 2)}),
    ((1, 3), {"kernel_size": (2, 3)}),
    ((2, 2), {"kernel_quantizer": "magnitude_aware_sign", "activation": "hard_tanh"}),
]


def reaching_past(size, arguments):
    layer = convolution(8, **{"kernel_size": 3, **SAME, **arguments})
    inputs = tf_keras.Input((*size, 64))
    return randomized(tf_keras.Model(inputs, tf_keras.layers.Flatten()(layer(inputs))))


@pytest.mark.parametrize(("size", "arguments"), SMALL)
def test_zero_padding_past_a_small_map_is_exact_in_every_kernel(tmp_path, size, arguments):
    model = reaching_past(size, arguments)
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 1
    for kernel in ("use_reference_bconv", "use_indirect_bgemm", "use_xnnpack"):
        assert_the_engine_predicts_the_same(report, model, **{kernel: True})
    assert_the_engine_predicts_the_same(report, model)


@pytest.mark.parametrize("size", [(2, 2), (4, 5)])
def test_the_engine_alone_is_wrong_where_it_is_said_to_be(size):
    """Should it be mended upstream, this project need not do it any more."""
    model = reaching_past(size, {"dilation_rate": size[0] // 2})
    content, x = lce.convert_keras_model(model), images(model)
    expected = np.asarray(model(x))
    reference = lce.testing.Interpreter(content, use_reference_bconv=True).predict(x)
    np.testing.assert_allclose(reference, expected, atol=1e-4)
    assert np.abs(lce.testing.Interpreter(content).predict(x) - expected).max() > 10


def test_a_map_as_large_as_the_kernel_needs_nothing(tmp_path):
    model = reaching_past((3, 3), {})
    assert_the_engine_predicts_the_same(convert(model, tmp_path / "model.tflite"), model)


def test_maps_of_no_known_size_are_refused(tmp_path):
    layer = convolution(64, 3, padding="same", name="odd")
    inner = tf_keras.Sequential([tf_keras.Input((None, None, 64)), layer])
    sizes = tf_keras.Input((2, 2, 64)), tf_keras.Input((6, 6, 64))
    shared = convolution(64, 3, padding="same", name="odd")
    both = tf_keras.Model(sizes, [shared(x) for x in sizes])
    for model in (tf_keras.Model(sizes[0], inner(sizes[0])), both):
        with pytest.raises(CannotConvertError, match=r"the layer 'odd' .* of one known size. Use"):
            convert(model, tmp_path / "model.tflite")


def test_a_wrapped_convolution_past_a_small_map_is_refused(tmp_path):
    layer = lq.layers.QuantConv2D(4, 3, padding="same", name="odd", **SIGNS)
    model = tf_keras.Sequential(
        [tf_keras.Input((5, 2, 2, 8)), tf_keras.layers.TimeDistributed(layer)]
    )
    with pytest.raises(CannotConvertError, match="the layer 'odd' is not called on maps of one"):
        convert(model, tmp_path / "model.tflite")
