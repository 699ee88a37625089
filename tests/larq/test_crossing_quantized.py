"""Layers and quantizers of larq_bop and Larq, across and back."""

import keras
import larq as lq
import pytest
import tf_keras

import larq_bop as lb
from larq_bop.larq import from_larq
from tests.larq import crossings

VECTOR, SERIES, IMAGE, VOLUME = (6,), (7, 4), (8, 6, 4), (4, 5, 4, 3)

# A layer of larq_bop: the shape of its input, its first arguments.
QUANTIZED = {
    "QuantDense": (SERIES, [5]),
    "QuantConv1D": (SERIES, [5, 3]),
    "QuantConv2D": (IMAGE, [5, (3, 2)]),
    "QuantConv3D": (VOLUME, [2, (3, 2, 2)]),
    "QuantDepthwiseConv2D": (IMAGE, [3]),
    "QuantSeparableConv1D": (SERIES, [5, 3]),
    "QuantSeparableConv2D": (IMAGE, [5, 3]),
    "QuantConv2DTranspose": (IMAGE, [5, 3]),
    "QuantConv3DTranspose": (VOLUME, [2, 2]),
}
QUANTIZED_ARGUMENTS = [(name, {}) for name in QUANTIZED] + [
    (name, {"padding": "same", "pad_values": 1.0, **window})
    for name in QUANTIZED
    if "Conv" in name and "Transpose" not in name
    for window in (
        {"strides": 2},
        {"dilation_rate": 2, "pad_values": -1.0},
        {"data_format": "channels_first"},
    )
]
QUANTIZED_ARGUMENTS += [
    ("QuantConv1D", {"padding": "causal", "dilation_rate": 2}),
    ("QuantConv2D", {"groups": 1, "use_bias": False, "activation": "leaky_tanh"}),
    ("QuantConv2D", {"kernel_initializer": lb.initializers.BinaryHeNormal(seed=1)}),
    ("QuantConv2D", {"kernel_initializer": lb.initializers.Binary("orthogonal")}),
    ("QuantConv2DTranspose", {"strides": 2, "output_padding": 1}),
    ("QuantConv3DTranspose", {"strides": 2, "padding": "same", "data_format": "channels_first"}),
    ("QuantDense", {"activation": "hard_tanh"}),
    ("QuantDense", {"activation": "ste_sign"}),
    ("QuantDense", {"activation": lb.quantizers.ste_tern}),
    ("QuantDepthwiseConv2D", {"depth_multiplier": 2, "activation": "relu"}),
    ("QuantSeparableConv1D", {"depth_multiplier": 2}),
    ("QuantSeparableConv2D", {"depth_multiplier": 2, "use_bias": False}),
]


@pytest.mark.parametrize(("name", "arguments"), QUANTIZED_ARGUMENTS)
def test_quantized_layers(name, arguments):
    shape, first = QUANTIZED[name]
    kind = getattr(lb.layers, name)
    layer = kind(*first, **crossings.sign_quantizers(kind), **arguments)
    crossings.assert_crosses(crossings.of_one(layer, shape))


@pytest.mark.parametrize("name", QUANTIZED)
def test_kernels_of_bop_become_latent_ones_with_the_same_signs(name):
    shape, first = QUANTIZED[name]
    kind = getattr(lb.layers, name)
    arguments = crossings.sign_quantizers(kind, lb.quantizers.NoOp(precision=1))
    model = crossings.of_one(kind(*first, **arguments), shape)
    larqs, _ = crossings.assert_crosses(model)
    (there,) = larqs.layers
    for argument in kind.quantizer_arguments():
        assert type(getattr(there, argument)).__name__ == "SteSign"
        constraint = argument.replace("quantizer", "constraint")
        assert type(getattr(there, constraint)).__name__ == "WeightClip"


QUANTIZERS = [
    lb.quantizers.SteSign(clip_value=0.5),
    lb.quantizers.ApproxSign(),
    lb.quantizers.SwishSign(beta=3.0),
    lb.quantizers.MagnitudeAwareSign(clip_value=None),
    lb.quantizers.SteTern(threshold_value=0.2, clip_value=0.5),
    lb.quantizers.SteTern(ternary_weight_networks=True),
    lb.quantizers.SteHeaviside(clip_value=0.5),
    lb.quantizers.DoReFa(3),
    lb.quantizers.DoReFa(2, mode="weights"),
    lb.quantizers.NoOp(precision=8),
]


@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda q: type(q).__name__)
def test_quantizers_of_inputs_of_kernels_and_alone(quantizer):
    """Arguments that only gradients depend on cross, too."""
    inputs = keras.Input(VECTOR)
    clip = lb.constraints.WeightClip(0.7)
    x = lb.layers.QuantDense(5, kernel_quantizer=quantizer, kernel_constraint=clip)(inputs)
    x = lb.layers.QuantDense(5, input_quantizer=quantizer)(x)
    alone = type(quantizer).from_config({**quantizer.get_config(), "name": "alone"})
    model = crossings.randomized(keras.Model(inputs, alone(x)))
    larqs, back = crossings.assert_crosses(model)
    for there in (larqs, back):
        crossed = there.layers[1].kernel_quantizer.get_config()
        for name, value in quantizer.get_config().items():
            assert name in ("name", "dtype") or crossed[name] == value
        assert there.layers[1].kernel_constraint.get_config() == {"clip_value": 0.7}


@pytest.mark.parametrize("name", ["ste_sign", "approx_sign", "swish_sign", "ste_tern"])
def test_quantizers_that_are_functions(name):
    function = getattr(lb.quantizers, name)
    quantizers = {"input_quantizer": function, "kernel_quantizer": function}
    layer = lb.layers.QuantDense(5, **quantizers, kernel_constraint="weight_clip")
    model = crossings.of_one(layer, VECTOR)
    larqs, _ = crossings.assert_crosses(model)
    assert isinstance(larqs.layers[0].kernel_quantizer, tf_keras.layers.Layer)
    of_functions = tf_keras.Sequential(
        [
            tf_keras.Input(VECTOR),
            lq.layers.QuantDense(5, input_quantizer=getattr(lq.quantizers, name)),
        ]
    )
    back = from_larq(of_functions)
    assert back.layers[0].input_quantizer is function
    crossings.assert_equal_predictions(of_functions, back)
