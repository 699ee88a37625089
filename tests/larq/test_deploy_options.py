"""The options of Larq Compute Engine's own converter."""

import larq as lq
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from larq_bop.larq import CannotConvertError, convert
from tests.larq.crossings import randomized
from tests.larq.test_deploy import (
    SIGNS,
    assert_the_engine_predicts_the_same,
    convolution,
    images,
    lce,
)


def in_bytes(x, largest):
    """Rounds values as a device with int8 would, within a range."""
    quantize = tf.quantization.fake_quant_with_min_max_vars
    return tf_keras.layers.Lambda(lambda x: quantize(x, -largest, largest))(x)


@pytest.fixture(scope="module")
def quantized():
    """A model with ranges at both ends, as the engine needs them for int8."""
    inputs = tf_keras.Input((6, 6, 4))
    x = convolution(8, 3, use_bias=False)(in_bytes(inputs, 3.0))
    return randomized(tf_keras.Model(inputs, in_bytes(x, 40.0)))


@pytest.mark.parametrize("int8", ["int8", tf.int8])
def test_inputs_and_outputs_in_int8(tmp_path, quantized, int8):
    types = {"inference_input_type": int8, "inference_output_type": int8}
    report = convert(quantized, tmp_path / "model.tflite", **types)
    interpreter = lce.testing.Interpreter(report.path.read_bytes())
    assert interpreter.input_types == interpreter.output_types == [np.dtype("int8")]
    (unit,), (zero,) = interpreter.input_scales, interpreter.input_zero_points
    found_unit, found_zero = interpreter.output_scales[0], interpreter.output_zero_points[0]
    x = images(quantized)
    found = interpreter.predict(np.round(x / unit + zero).clip(-128, 127).astype("int8"))
    expected = np.asarray(quantized(x))
    np.testing.assert_allclose((found - np.float32(found_zero)) * found_unit, expected, atol=0.4)
    assert np.ptp(expected) > 20


def test_only_one_end_in_int8(tmp_path, quantized):
    report = convert(quantized, tmp_path / "model.tflite", inference_input_type="int8")
    interpreter = lce.testing.Interpreter(report.path.read_bytes())
    assert interpreter.input_types == [np.dtype("int8")]
    assert interpreter.output_types == [np.dtype("float32")]


@pytest.mark.filterwarnings("ignore:Saved-model conversion failed")
@pytest.mark.parametrize("end", ["input", "output"])
def test_int8_without_ranges_is_refused(tmp_path, end):
    """The engine alone would write float32."""
    model = tf_keras.Sequential([tf_keras.Input((6, 6, 4)), convolution(8, 3)])
    with pytest.raises(CannotConvertError, match=f"inference_{end}_type=int8: int8 needs a layer"):
        convert(model, tmp_path / "model.tflite", **{f"inference_{end}_type": "int8"})
    assert list(tmp_path.iterdir()) == []


def test_a_range_for_all_other_values(tmp_path):
    model = tf_keras.Sequential([tf_keras.Input((6, 6, 4)), convolution(8, 3)])
    given = {"experimental_default_int8_range": (-40.0, 40.0)}
    with pytest.warns(UserWarning, match="should only be used for latency tests"):
        report = convert(model, tmp_path / "model.tflite", inference_input_type="int8", **given)
    interpreter = lce.testing.Interpreter(report.path.read_bytes())
    assert interpreter.input_types == [np.dtype("int8")]
    assert interpreter.input_scales == [pytest.approx(80 / 255)]


def network(**arguments):
    inputs = tf_keras.Input((6, 6, 32))
    x = tf_keras.layers.BatchNormalization()(convolution(32, 3, **arguments)(inputs))
    x = lq.layers.QuantConv2D(8, 3, name="odd", **{**SIGNS, **arguments})(x)
    return randomized(tf_keras.Model(inputs, tf_keras.layers.Flatten()(x)))


@pytest.mark.parametrize("arguments", [{}, {"padding": "same", "pad_values": 1.0}])
def test_the_target_xcore(tmp_path, arguments):
    model = network(**arguments)
    report = convert(model, tmp_path / "model.tflite", target="xcore")
    assert report.binary_operators == 2
    assert_the_engine_predicts_the_same(report, model)


def test_what_the_target_xcore_has_not_is_refused_with_the_cure(tmp_path):
    with pytest.raises(CannotConvertError, match=r"in float32. Use pad_values=1: the target"):
        convert(network(padding="same"), tmp_path / "model.tflite", target="xcore")


@pytest.mark.filterwarnings("ignore:Saved-model conversion failed")
@pytest.mark.parametrize("option", [{"target": "z80"}, {"inference_input_type": "int4"}])
def test_what_the_engine_does_not_know_is_told(tmp_path, option):
    model = tf_keras.Sequential([tf_keras.Input((6, 6, 4)), convolution(8, 3)])
    with pytest.raises(CannotConvertError, match=f"(?i)expected .*{next(iter(option))}"):
        convert(model, tmp_path / "model.tflite", **option)
