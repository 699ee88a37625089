"""The report's networks: shapes and counts by hand arithmetic."""

import keras
import numpy as np
import pytest

from larq_bop import Bop
from larq_bop.constraints import WeightClip
from larq_bop.models import binarynet, latent_cnn
from larq_bop.quantizers import NoOp, SteSign
from tests import backends

BINARYNET_KERNELS = [
    (3, 3, 3, 128),
    (3, 3, 128, 128),
    (3, 3, 128, 256),
    (3, 3, 256, 256),
    (3, 3, 256, 512),
    (3, 3, 512, 512),
    (4 * 4 * 512, 1024),
    (1024, 1024),
    (1024, 10),
]
SMALL = {"input_shape": (8, 8, 3), "filters": 2, "dense_units": 4}


def quantized_layers(model):
    return [layer for layer in model.layers if hasattr(layer, "kernel_quantizer")]


def size(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


def names(model):
    """The kinds of the layers, without the input."""
    return [type(layer).__name__ for layer in model.layers[1:]]


def test_binarynet_has_the_papers_weights():
    model = binarynet()
    kernels = [layer.kernel for layer in quantized_layers(model)]
    assert [tuple(kernel.shape) for kernel in kernels] == BINARYNET_KERNELS
    assert size(kernels) == 14_022_016
    assert all(Bop.is_binary_variable(kernel) for kernel in kernels)
    # The rest are the shifts of the batch normalizations, one for each output channel.
    assert size(model.trainable_variables) - size(kernels) == sum(
        shape[-1] for shape in BINARYNET_KERNELS
    )
    assert model.output_shape == (None, 10)


def test_binarynet_layer_by_layer():
    convolution = ["QuantConv2D", "BatchNormalization"]
    pooled = ["QuantConv2D", "MaxPooling2D", "BatchNormalization"]
    dense = ["QuantDense", "BatchNormalization"]
    model = binarynet(**SMALL)
    assert names(model) == [
        *3 * (convolution + pooled),
        "Flatten",
        *3 * dense,
        "Activation",
    ]
    # 8 -> 4 -> 2 -> 1 pixels.
    assert [tuple(layer.kernel.shape) for layer in quantized_layers(model)] == [
        (3, 3, 3, 2),
        (3, 3, 2, 2),
        (3, 3, 2, 4),
        (3, 3, 4, 4),
        (3, 3, 4, 8),
        (3, 3, 8, 8),
        (8, 4),
        (4, 4),
        (4, 10),
    ]


@pytest.mark.parametrize("input_shape", [(28, 28, 1), (32, 32, 3), (18, 18, 1)])
def test_latent_cnn_has_the_reports_weights(input_shape):
    model = latent_cnn(input_shape)
    pixels, channels = input_shape[0], input_shape[2]
    # A "valid" 3x3 convolution takes 2 pixels, pooling halves and rounds down.
    pixels = ((pixels - 2) // 2 - 2) // 2 - 2
    expected = [
        (3, 3, channels, 32),
        (3, 3, 32, 64),
        (3, 3, 64, 64),
        (pixels * pixels * 64, 64),
        (64, 10),
    ]
    kernels = [layer.kernel for layer in quantized_layers(model)]
    assert [tuple(kernel.shape) for kernel in kernels] == expected
    assert size(model.trainable_variables) - size(kernels) == 32 + 64 + 64 + 64 + 10
    if input_shape == (28, 28, 1):
        assert size(kernels) == 288 + 18_432 + 36_864 + 36_864 + 640
    assert model.output_shape == (None, 10)


def test_latent_cnn_layer_by_layer():
    assert names(latent_cnn((28, 28, 1))) == [
        *2 * ["QuantConv2D", "MaxPooling2D", "BatchNormalization"],
        *["QuantConv2D", "BatchNormalization"],
        "Flatten",
        *2 * ["QuantDense", "BatchNormalization"],
        "Activation",
    ]


MODELS = {
    "binarynet": lambda: binarynet(**SMALL),
    "latent binarynet": lambda: binarynet(**SMALL, latent_weights=True),
    "latent_cnn": lambda: latent_cnn((18, 18, 1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_only_the_first_layer_sees_its_input_as_it_is(name):
    first, *others = quantized_layers(MODELS[name]())
    assert first.input_quantizer is None
    assert all(type(layer.input_quantizer) is SteSign for layer in others)


@pytest.mark.parametrize("name", MODELS)
def test_no_bias_and_no_scale(name):
    model = MODELS[name]()
    assert not any(layer.use_bias for layer in quantized_layers(model))
    normalizations = [
        layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert len(normalizations) == len(quantized_layers(model))
    assert not any(layer.scale for layer in normalizations)
    assert all(layer.center for layer in normalizations)


@pytest.mark.parametrize("name", MODELS)
def test_kernels_are_binary_or_latent(name):
    for layer in quantized_layers(MODELS[name]()):
        values = np.abs(backends.to_numpy(layer.kernel))
        assert Bop.is_binary_variable(layer.kernel)
        if name == "binarynet":
            assert isinstance(layer.kernel_quantizer, NoOp)
            np.testing.assert_array_equal(values, 1.0)
        else:
            assert isinstance(layer.kernel_quantizer, SteSign)
            assert isinstance(layer.kernel_constraint, WeightClip)
            assert (values < 1.0).all()


def test_kernels_differ_between_layers_and_models():
    keras.utils.set_random_seed(1)
    first, second = (
        np.concatenate([backends.to_numpy(x.kernel).ravel() for x in quantized_layers(model)])
        for model in (binarynet(**SMALL), binarynet(**SMALL))
    )
    # Fair coins: half of 1,258 differ, with a standard deviation of 18.
    assert len(first) == 1258
    assert 529 < (first != second).sum() < 729


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_float32_and_sum_to_one(name, policy):
    keras.config.set_dtype_policy(policy)
    model = MODELS[name]()
    x = np.random.default_rng(0).standard_normal((2, *model.input_shape[1:])).astype("float32")
    y = model(x)
    assert backends.dtype_of(y) == "float32"
    np.testing.assert_allclose(backends.to_numpy(y).sum(axis=-1), [1.0, 1.0], rtol=1e-6)
    assert {backends.dtype_of(v) for v in model.variables} == {"float32"}


@pytest.mark.parametrize("num_classes", [3, 100])
def test_num_classes(num_classes):
    assert binarynet(**SMALL, num_classes=num_classes).output_shape == (None, num_classes)
    assert latent_cnn((18, 18, 1), num_classes).output_shape == (None, num_classes)


def test_kernel_initializer_of_latent_cnn():
    model = latent_cnn((18, 18, 1), kernel_initializer=keras.initializers.Constant(0.25))
    for layer in quantized_layers(model):
        np.testing.assert_array_equal(backends.to_numpy(layer.kernel), 0.25)


@pytest.mark.parametrize("pixels", [1, 7, 17])
def test_an_image_too_small_for_latent_cnn_is_an_error(pixels):
    with pytest.raises(ValueError, match=r"negative|size|shape|small"):
        latent_cnn((pixels, pixels, 1))


@pytest.mark.parametrize("pixels", [1, 7])
def test_an_image_too_small_for_binarynet_is_an_error(pixels):
    with pytest.raises(ValueError, match=r"negative|size|shape|small"):
        binarynet(**{**SMALL, "input_shape": (pixels, pixels, 3)})
