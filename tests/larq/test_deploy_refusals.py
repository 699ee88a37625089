"""What Larq Compute Engine would run in float32, or wrongly, is refused with the cure."""

import functools

import larq as lq
import numpy as np
import pytest
import tf_keras

from larq_bop.larq import CannotConvertError, convert
from larq_bop.larq.engine import converted, count
from tests.larq.test_deploy import KERNEL, SIGNS, convolution, images, lce, side_by_side

DEPTHWISE = {"depthwise_quantizer": "ste_sign", "depthwise_constraint": "weight_clip"}
POINTWISE = {"pointwise_quantizer": "ste_sign", "pointwise_constraint": "weight_clip"}
USE = "Use a QuantConv2D or QuantDense"
INPUT = "Give it an input quantizer that makes signs"
KERNELS = "Give it a kernel quantizer that makes signs"
GROUPS = "Let each group have a multiple of 32 input channels"


def reshaped(layer, *shape):
    return tf_keras.Sequential([tf_keras.layers.Reshape(shape), layer])


def behind_signs(layer):
    return tf_keras.Sequential([lq.quantizers.SteSign(), tf_keras.layers.Reshape((12, 7)), layer])


# Layers on images of 6 x 7 pixels with 2 channels, and the cure.
REFUSED = [
    (lambda name: reshaped(lq.layers.QuantConv1D(4, 3, name=name, **SIGNS), 12, 7), USE),
    (lambda name: behind_signs(lq.layers.QuantConv1D(4, 3, name=name, **KERNEL)), USE),
    (lambda name: reshaped(lq.layers.QuantConv3D(4, 3, name=name, **SIGNS), 3, 4, 7, 1), USE),
    (
        lambda name: lq.layers.QuantDepthwiseConv2D(
            3, name=name, input_quantizer="ste_sign", **DEPTHWISE
        ),
        USE,
    ),
    (
        lambda name: lq.layers.QuantSeparableConv2D(
            4, 3, name=name, input_quantizer="ste_sign", **DEPTHWISE, **POINTWISE
        ),
        USE,
    ),
    (lambda name: lq.layers.QuantConv2DTranspose(4, 3, name=name, **SIGNS), USE),
    (lambda name: convolution(4, 3, name=name, input_quantizer="ste_heaviside"), INPUT),
    (lambda name: convolution(4, 3, name=name, input_quantizer="magnitude_aware_sign"), INPUT),
    (lambda name: convolution(4, 3, name=name, input_quantizer=lq.quantizers.DoReFa(2)), INPUT),
    (lambda name: convolution(4, 3, name=name, kernel_quantizer="ste_heaviside"), KERNELS),
    (lambda name: convolution(4, 3, name=name, kernel_quantizer="ste_tern"), KERNELS),
    (
        lambda name: convolution(
            4, 3, name=name, kernel_quantizer=lq.quantizers.NoOp(1), kernel_constraint=None
        ),
        KERNELS,
    ),
    (lambda name: convolution(4, 3, name=name, padding="same", pad_values=-1.0), "Pad with 0 or 1"),
    (lambda name: convolution(4, 3, name=name, padding="same", pad_values=0.5), "Pad with 0 or 1"),
    (lambda name: convolution(4, 3, name=name, groups=2), GROUPS),
    (
        lambda name: convolution(4, 2, name=name, data_format="channels_first"),
        'Use data_format="channels_last"',
    ),
    (
        lambda name: tf_keras.layers.TimeDistributed(lq.layers.QuantDense(4, name=name, **SIGNS)),
        "Take it out of the layer that wraps it",
    ),
]
SHAPE = (6, 7, 2)


@pytest.mark.parametrize(("make", "cure"), REFUSED)
def test_what_would_run_in_float32_is_refused_with_the_cure(tmp_path, make, cure):
    model = side_by_side([lambda: make("odd")], SHAPE)
    with pytest.raises(CannotConvertError, match=f"the layer 'odd' .* in float32. {cure}"):
        convert(model, tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []


def test_all_that_is_refused_is_named_at_once(tmp_path):
    """Each layer once, with every cure that it needs."""
    odd = {"padding": "same", "pad_values": 0.5, "kernel_quantizer": "ste_heaviside"}
    makes = [
        lambda: convolution(4, 3, name="odd", input_quantizer="ste_heaviside", **odd),
        lambda: convolution(4, 3, name="ternary", input_quantizer="ste_tern"),
        lambda: convolution(4, 3, name="good"),
        lambda: convolution(4, 3, name="groups", groups=2),
    ]
    with pytest.raises(CannotConvertError) as error:
        convert(side_by_side(makes, SHAPE), tmp_path / "model.tflite")
    lines = {line.split("'")[1]: line for line in str(error.value).splitlines()}
    assert len(str(error.value).splitlines()) == 4
    assert lines.keys() == {"odd", "ternary", "groups"}
    assert all(cure in lines["odd"] for cure in (INPUT, KERNELS, "Pad with 0 or 1"))
    assert GROUPS in lines["groups"]


def test_the_engine_does_run_them_in_float32():
    model = side_by_side([functools.partial(make, None) for make, _ in REFUSED], SHAPE)
    content = converted(model)
    assert count(content, b"LceQuantize") > 0
    assert count(content, b"LceBconv2d") == 0


TERNARY = [
    lambda: lq.quantizers.SteTern(0.5, name="odd"),
    lambda: lq.layers.QuantConv2D(4, 3, name="odd", input_quantizer="ste_tern"),
    lambda: convolution(4, 3, name="odd", input_quantizer="ste_tern"),
    lambda: tf_keras.layers.Activation(lq.quantizers.SteTern(), name="odd"),
    lambda: tf_keras.layers.Activation(lq.quantizers.ste_tern, name="odd"),
    lambda: convolution(
        4, 3, name="odd", input_quantizer=tf_keras.layers.Activation(lq.quantizers.SteTern())
    ),
]


@pytest.mark.parametrize("make", TERNARY)
def test_ternary_activations_are_refused(tmp_path, make):
    model = side_by_side([make], SHAPE)
    with pytest.raises(CannotConvertError, match="the ternary values of the layer 'odd' for signs"):
        convert(model, tmp_path / "model.tflite")


def test_the_engine_does_take_ternary_values_for_signs():
    model = side_by_side(TERNARY[:1], SHAPE)
    x = images(model)
    expected = np.asarray(model(x))
    found = lce.testing.Interpreter(converted(model)).predict(x)
    assert set(np.unique(expected)) == {-1.0, 0.0, 1.0}
    assert set(np.unique(found)) == {-1.0, 1.0}


def nearly_signs():
    layer = convolution(4, 3, kernel_quantizer=None, kernel_constraint=None, name="odd")
    model = tf_keras.Sequential([tf_keras.Input(SHAPE), layer])
    signs = np.where(np.random.default_rng(0).standard_normal(layer.kernel.shape) < 0, -0.5, 0.5)
    layer.kernel.assign(signs * np.random.default_rng(1).uniform(0.998, 1.002, signs.shape))
    return model


def test_kernels_that_the_engine_would_take_for_signs_are_refused(tmp_path):
    with pytest.raises(CannotConvertError, match="the kernel of the layer 'odd' for signs, as"):
        convert(nearly_signs(), tmp_path / "model.tflite")


def test_the_engine_does_take_such_kernels_for_signs():
    assert count(converted(nearly_signs()), b"LceBconv2d") == 1


class OwnModel(tf_keras.Model):
    def call(self, inputs):
        return inputs


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(TypeError, match=r"Expected a model of keras\. Received: 3"):
        convert(3, tmp_path / "model.tflite")
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*missing to write a\.tf"):
        convert(3, tmp_path / "missing" / "a.tflite")


def test_models_that_are_no_graphs_or_of_any_size_are_told(tmp_path):
    inside = tf_keras.Sequential([tf_keras.Input((8, 8, 3)), OwnModel(name="odd")])
    alone = OwnModel(name="odd"), tf_keras.Sequential([convolution()], name="odd")
    for model in (*alone, inside):
        with pytest.raises(CannotConvertError, match="'odd' cannot be converted: only Sequential"):
            convert(model, tmp_path / "model.tflite")
    model = tf_keras.Sequential([tf_keras.Input((None, 8, 3), name="image"), convolution()])
    with pytest.raises(CannotConvertError, match=r"of 'image' is \(None, None, 8, 3\)"):
        convert(model, tmp_path / "model.tflite")


@pytest.mark.filterwarnings("ignore:Saved-model conversion failed")
def test_what_the_engine_cannot_convert_is_told(tmp_path):
    model = tf_keras.Sequential([tf_keras.Input((5, 4)), tf_keras.layers.LSTM(3)], name="odd")
    with pytest.raises(CannotConvertError, match=r"Larq Compute Engine cannot convert .* 'odd': "):
        convert(model, tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []
