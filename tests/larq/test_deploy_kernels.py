"""Kernels of every kind and size, and quantizers that are layers, in Larq Compute Engine."""

import larq as lq
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from larq_bop.larq import convert
from tests.larq.crossings import randomized
from tests.larq.test_deploy import (
    assert_the_engine_predicts_the_same,
    convolution,
    images,
    lce,
)

PAPER = {"input_quantizer": "ste_sign", "kernel_quantizer": None, "kernel_constraint": None}


def with_kernels_of_signs(model, scale=1.0):
    """Gives kernels signs, times a scale of each channel, as Bop of the paper leaves them."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            signs = np.where(rng.standard_normal(layer.kernel.shape) < 0, -1.0, 1.0)
            layer.kernel.assign(signs * scale)
    return model


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_kernels_of_signs_without_a_quantizer_are_bits(tmp_path, scale):
    """The style of the paper's own code; a dense layer's, too."""
    inputs = tf_keras.Input((6, 6, 32))
    x = convolution(8, 3, use_bias=False, name="convolution", **PAPER)(inputs)
    x = tf_keras.layers.Flatten()(x)
    x = lq.layers.QuantDense(64, use_bias=False, name="dense", **PAPER)(x)
    model = with_kernels_of_signs(tf_keras.Model(inputs, x), scale)
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 2
    assert report.float32_layers == ()
    assert_the_engine_predicts_the_same(report, model)
    assert report.size < report.float32_size / 8


def test_a_kernel_that_is_no_signs_stays_as_it_is(tmp_path):
    """Without a quantizer it is meant so, though what it reads is signs."""
    inputs = tf_keras.Input((6, 6, 4))
    x = convolution(8, 3, name="convolution", **PAPER)(inputs)
    x = lq.layers.QuantDense(5, name="dense", **PAPER)(tf_keras.layers.Flatten()(x))
    model = randomized(tf_keras.Model(inputs, x))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 0
    assert report.float32_layers == ("convolution", "dense")
    assert_the_engine_predicts_the_same(report, model)


def test_a_kernel_of_zeros_stays_as_it_is(tmp_path):
    layer = convolution(8, 3, kernel_initializer="zeros", bias_initializer="ones", **PAPER)
    model = tf_keras.Sequential([tf_keras.Input((6, 6, 4)), layer])
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 0
    found = lce.testing.Interpreter(report.path.read_bytes()).predict(images(model))
    assert (found == 1).all()


def test_layers_of_keras_that_multiply_signs_by_signs_are_bits(tmp_path):
    inputs = tf_keras.Input((6, 6, 4))
    x = tf_keras.layers.Conv2D(8, 3, use_bias=False)(lq.quantizers.SteSign()(inputs))
    x = tf_keras.layers.Flatten()(lq.quantizers.SteSign()(x))
    model = with_kernels_of_signs(tf_keras.Model(inputs, tf_keras.layers.Dense(5)(x)))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 2
    assert report.float32_layers == ()
    assert_the_engine_predicts_the_same(report, model)


# 128 MiB, as large as that of XNOR-Net: of no more does the engine compute quantizers in advance.
LARGE = (4, 4, 1024, 2048)


@pytest.mark.slow
@pytest.mark.parametrize("quantizer", ["magnitude_aware_sign", "ste_sign"])
def test_large_kernels_are_bits(tmp_path, quantizer):
    layer = convolution(LARGE[-1], LARGE[0], kernel_quantizer=quantizer, use_bias=False)
    inputs = tf_keras.Input(LARGE[:3])
    model = tf_keras.Model(inputs, tf_keras.layers.Flatten()(layer(inputs)))
    rng = np.random.default_rng(0)
    layer.set_weights([rng.standard_normal(LARGE, dtype="float32")])
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 1
    assert report.size < report.float32_size / 25
    assert_the_engine_predicts_the_same(report, model, tolerance=1e-2)


def half(x):
    return 0.5 * x


class Scaled(tf_keras.layers.Layer):
    """A quantizer that has a weight of its own."""

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, inputs):
        return self.scale * inputs


FLOAT32 = [
    {"input_quantizer": tf_keras.layers.Activation("tanh")},
    {"input_quantizer": tf_keras.layers.Lambda(lambda x: 0.5 * x)},
    {"input_quantizer": half},
    {"input_quantizer": Scaled()},
    {"kernel_quantizer": Scaled(), "kernel_constraint": None, "input_quantizer": None},
    {"kernel_quantizer": tf_keras.layers.Activation("tanh"), "input_quantizer": None},
    {"activation": half, "kernel_initializer": lambda shape, dtype: tf.ones(shape, dtype)},
]


@pytest.mark.parametrize("arguments", FLOAT32)
def test_quantizers_and_other_parts_that_are_layers_or_functions_of_ones_own(tmp_path, arguments):
    layer = convolution(4, 3, **{**PAPER, "input_quantizer": None, **arguments})
    inputs = tf_keras.Input((6, 6, 4))
    model = tf_keras.Model(inputs, tf_keras.layers.Flatten()(layer(inputs)))
    model(images(model))
    randomized(model)
    report = convert(model, tmp_path / "model.tflite")
    assert report.float32_layers == (layer.name,)
    assert_the_engine_predicts_the_same(report, model)


def test_an_activation_that_makes_signs_is_a_quantizer_that_does(tmp_path):
    signs = tf_keras.layers.Activation(lq.quantizers.SteSign())
    inputs = tf_keras.Input((6, 6, 4))
    x = convolution(4, 3, input_quantizer=signs)(inputs)
    model = randomized(tf_keras.Model(inputs, tf_keras.layers.Flatten()(x)))
    report = convert(model, tmp_path / "model.tflite")
    assert report.binary_operators == 1
    assert_the_engine_predicts_the_same(report, model)


def test_kernels_are_quantized_once(tmp_path):
    """Some quantizers of several bits make something else of what they made."""
    quantizer = lq.quantizers.DoReFa(2, mode="weights")
    model = randomized(
        tf_keras.Sequential(
            [
                tf_keras.Input((6, 6, 4)),
                lq.layers.QuantConv2D(4, 3, kernel_quantizer=quantizer),
                tf_keras.layers.Flatten(),
            ]
        )
    )
    assert_the_engine_predicts_the_same(convert(model, tmp_path / "model.tflite"), model)


def test_statistics_that_a_layer_adapted_to_go_with_it(tmp_path):
    normalization = tf_keras.layers.Normalization()
    normalization.adapt(np.random.default_rng(0).normal(3, 2, (50, 6, 6, 4)))
    inputs = tf_keras.Input((6, 6, 4))
    x = tf_keras.layers.Flatten()(convolution(4, 3)(normalization(inputs)))
    model = tf_keras.Model(inputs, x)
    assert_the_engine_predicts_the_same(convert(model, tmp_path / "model.tflite"), model)
