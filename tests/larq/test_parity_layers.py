"""Layers beside Larq's own: outputs and gradients from the same inputs and weights."""

import inspect

import numpy as np
import pytest

import larq_bop
from tests.larq.parity import assert_equal, larq, normal, output_and_gradients
from tests.layers.catalogue import LAYERS, PADDED, roles

QUANTIZED = ["input", "kernel", "both", "neither"]


def quantizers(name, which, kernel="ste_sign"):
    arguments = {"input_quantizer": "ste_sign"} if which in ("input", "both") else {}
    if which in ("kernel", "both"):
        arguments |= {f"{role}_quantizer": kernel for role in roles(name)}
        arguments |= {f"{role}_constraint": "weight_clip" for role in roles(name)}
    return arguments


def assert_parity(name, arguments, shape=None):
    first, usual = LAYERS[name]
    x = normal(shape or usual)
    results = []
    for library in (larq_bop, larq):
        layer = getattr(library.layers, name)(*first, **arguments)
        layer.build(x.shape)
        layer.set_weights([normal(w.shape, i + 1) for i, w in enumerate(layer.get_weights())])
        variables = [getattr(w, "value", w) for w in layer.trainable_weights]
        if library is larq:
            variables = [getattr(w, "latent_variable", w) for w in layer.trainable_weights]
        results.append(output_and_gradients(layer, x, variables))
    (ours, our_dx, our_dw), (theirs, their_dx, their_dw) = results
    assert_equal(ours, theirs)
    assert_equal(our_dx, their_dx)
    assert len(our_dw) == len(their_dw)
    assert all(gradient.any() for gradient in our_dw)
    for gradient, other in zip(our_dw, their_dw, strict=True):
        assert_equal(gradient, other)


@pytest.mark.parametrize("which", QUANTIZED)
@pytest.mark.parametrize("name", LAYERS)
def test_defaults(name, which):
    assert_parity(name, quantizers(name, which))


@pytest.mark.parametrize("which", QUANTIZED)
@pytest.mark.parametrize("pad_values", [0.0, 1.0, -1.0])
@pytest.mark.parametrize("window", [{}, {"strides": 2}, {"dilation_rate": 2}], ids=str)
@pytest.mark.parametrize("name", PADDED)
def test_same_padding(name, window, pad_values, which):
    arguments = {"padding": "same", "pad_values": pad_values, **window}
    assert_parity(name, {**arguments, **quantizers(name, which)})


@pytest.mark.parametrize("which", QUANTIZED)
@pytest.mark.parametrize("window", [{"strides": 2}, {"dilation_rate": 2}], ids=str)
@pytest.mark.parametrize("name", PADDED)
def test_valid_padding(name, window, which):
    shape = None if name != "QuantConv3D" else (1, 7, 5, 6, 2)
    assert_parity(name, {**window, **quantizers(name, which)}, shape)


@pytest.mark.parametrize("size", [(5, 5), (6, 7), (9, 4)])
@pytest.mark.parametrize("kernel_size", [1, 2, (3, 4)], ids=str)
@pytest.mark.parametrize("strides", [1, 2, 3])
def test_sizes_of_images_kernels_and_strides(size, kernel_size, strides):
    arguments = {"strides": strides, "padding": "same", "pad_values": 1.0}
    arguments |= {"filters": 3, "kernel_size": kernel_size}
    x = normal((2, *size, 3))
    outputs = []
    for library in (larq_bop, larq):
        layer = library.layers.QuantConv2D(**arguments, **quantizers("QuantConv2D", "both"))
        layer.build(x.shape)
        layer.set_weights([normal(w.shape, i + 1) for i, w in enumerate(layer.get_weights())])
        outputs.append(output_and_gradients(layer, x)[:2])
    for ours, theirs in zip(*outputs, strict=True):
        assert_equal(ours, theirs)


@pytest.mark.parametrize("which", QUANTIZED)
@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("QuantConv1D", {"padding": "causal", "dilation_rate": 2}, None),
        ("QuantConv1D", {"groups": 2}, (2, 9, 4)),
        ("QuantConv2D", {"groups": 2, "padding": "same", "pad_values": 1.0}, (2, 7, 5, 4)),
        ("QuantDepthwiseConv2D", {"depth_multiplier": 2, "use_bias": False}, None),
        ("QuantSeparableConv2D", {"depth_multiplier": 2, "activation": "relu"}, None),
        ("QuantConv2DTranspose", {"strides": 2, "padding": "same"}, None),
        ("QuantConv2DTranspose", {"strides": 3}, None),
        ("QuantConv2DTranspose", {"strides": 2, "output_padding": 1}, None),
        ("QuantConv2DTranspose", {"strides": (2, 3), "padding": "same"}, (1, 3, 5, 2)),
        ("QuantConv3DTranspose", {"strides": 2, "padding": "same"}, None),
        ("QuantDense", {}, (2, 3, 4)),
        ("QuantDense", {"activation": "leaky_tanh", "use_bias": False}, None),
    ],
    ids=str,
)
def test_other_arguments(name, arguments, shape, which):
    assert_parity(name, {**arguments, **quantizers(name, which)}, shape)


OTHER_QUANTIZERS = pytest.mark.parametrize(
    "quantizer",
    [
        "approx_sign",
        "swish_sign",
        "magnitude_aware_sign",
        "ste_tern",
        "ste_heaviside",
        "dorefa_quantizer",
    ],
)


@OTHER_QUANTIZERS
@pytest.mark.parametrize(
    "name", ["QuantDense", "QuantConv2D", "QuantSeparableConv2D", "QuantConv2DTranspose"]
)
def test_other_kernel_quantizers(name, quantizer):
    assert_parity(name, quantizers(name, "both", kernel=quantizer))


@OTHER_QUANTIZERS
@pytest.mark.parametrize("name", ["QuantDense", "QuantConv2D", "QuantDepthwiseConv2D"])
def test_other_input_quantizers(name, quantizer):
    arguments = {} if name == "QuantDense" else {"padding": "same", "pad_values": 1.0}
    arguments |= quantizers(name, "both") | {"input_quantizer": quantizer}
    assert_parity(name, arguments)


@pytest.mark.parametrize("name", LAYERS)
def test_arguments_order_and_defaults_are_larqs(name):
    ours, theirs = (
        [
            (p.name, p.default)
            for p in inspect.signature(getattr(library.layers, name)).parameters.values()
            if p.kind == p.POSITIONAL_OR_KEYWORD
        ]
        for library in (larq_bop, larq)
    )
    # Keras 3 adds arguments to Dense, after Larq's.
    assert ours[: len(theirs)] == theirs


def test_only_what_keras_3_lacks_is_missing():
    public = {name for name in vars(larq.layers) if name.startswith("Quant")}
    missing = public - set(larq_bop.layers.__all__)
    missing = {name for name in missing if not name.startswith("QuantizerBase")}
    lacking = {"QuantizerDepthwiseBase", "QuantizerSeparableBase"}
    assert missing - lacking == {"QuantLocallyConnected1D", "QuantLocallyConnected2D"}


@pytest.mark.parametrize(
    "arguments",
    [{"input_quantizer": "wrong"}, {"kernel_quantizer": 3}, {"padding": "wrong"}, {"filters": 0}],
    ids=str,
)
def test_errors_have_larqs_types(arguments):
    for library in (larq_bop, larq):
        with pytest.raises(ValueError):  # noqa: PT011 - each library has words of its own.
            library.layers.QuantConv2D(**{"filters": 3, "kernel_size": 3, **arguments})


def test_causal_padding_takes_no_other_value():
    for library in (larq_bop, larq):
        with pytest.raises(ValueError, match="pad_values"):
            library.layers.QuantConv1D(3, 3, padding="causal", pad_values=1.0)


def test_a_batch_of_one_pixel():
    x = normal((1, 1, 1, 1))
    y = [
        library.layers.QuantConv2D(
            1,
            3,
            padding="same",
            pad_values=-1.0,
            kernel_initializer="ones",
            **quantizers("QuantConv2D", "both"),
        )(x)
        for library in (larq_bop, larq)
    ]
    np.testing.assert_array_equal(*(np.asarray(value) for value in y))
