"""Where `models.summary` and Larq's own differ: each test asserts both.

In the order in which `larq_bop.models.model_profile` names the differences.
"""

import math

import keras
import numpy as np
import pytest
import tf_keras
from larq.models import ModelProfile as LarqsProfile

import larq_bop
from larq_bop.models import ModelProfile
from tests.larq.parity import larq
from tests.larq.profiles import latent, of_layers, profiles, weights_of


def only(profile):
    (layer,) = profile.layer_profiles
    return layer


def macs(shape, make):
    """The operations of a model of one layer: ours, Larq's."""
    return [only(profile).op_count("mac") for profile in of_layers(shape, make)]


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((5, 4, 3), lambda k, q, **kw: q.QuantConv2DTranspose(2, 3, **kw)),
        ((5, 4, 3), lambda k, q, **kw: k.Conv2DTranspose(2, 3, **kw)),
        ((5, 3), lambda k, q, **kw: k.Conv1DTranspose(2, 3, **kw)),
    ],
)
def test_transposed_convolutions_are_counted_at_their_inputs_pixels(shape, make, strides):
    ours, theirs = macs(shape, lambda k, q: [make(k, q, strides=strides, padding="same")])
    axes = len(shape) - 1
    assert ours == math.prod(shape[:-1]) * 3**axes * 3 * 2
    assert theirs == ours * strides**axes


def test_sums_inside_a_separable_convolution_have_32_bits():
    ours, theirs = of_layers(
        (9, 3),
        lambda k, q: [
            q.QuantSeparableConv1D(
                4, 3, input_quantizer="ste_sign", **latent("depthwise", "pointwise")
            )
        ],
    )
    depthwise, pointwise = 7 * 3 * 3, 7 * 3 * 4
    assert (ours.op_count("mac", 1), ours.op_count("mac", 32)) == (depthwise, pointwise)
    assert (theirs.op_count("mac", 1), theirs.op_count("mac", 32)) == (depthwise + pointwise, 0)
    assert weights_of(ours) == weights_of(theirs)


@pytest.mark.parametrize(
    ("shape", "make", "expected"),
    [
        ((5, 4, 3, 2), lambda k, q: q.QuantConv3D(2, 3), 3 * 2 * 1 * 27 * 2 * 2),
        ((5, 4, 3, 2), lambda k, q: k.Conv3D(2, 3, strides=2), 2 * 1 * 1 * 27 * 2 * 2),
        ((5, 4, 3, 2), lambda k, q: q.QuantConv3DTranspose(2, 3), 5 * 4 * 3 * 27 * 2 * 2),
        ((9, 3), lambda k, q: k.DepthwiseConv1D(3), 7 * 3 * 3),
    ],
)
def test_what_larq_does_not_count(shape, make, expected):
    assert macs(shape, lambda k, q: [make(k, q)]) == [expected, None]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda k: k.Dense(4), 5 * 4 * 3 * 2 * 4),
        (lambda k: k.BatchNormalization(), 0),
    ],
)
def test_where_larq_fails_on_three_spatial_axes(make, expected):
    def build(k, lq):
        return k.Sequential([k.Input((5, 4, 3, 2)), make(k.layers)])

    assert ModelProfile(build(keras, larq_bop)).op_count("mac") == expected
    with pytest.raises(NotImplementedError):
        LarqsProfile(build(tf_keras, larq)).op_count("mac")


def test_layers_without_weights_have_no_operations():
    ours, theirs = macs((4, 4, 2), lambda k, q: [k.GlobalAveragePooling2D()])
    assert (ours, theirs) == (0, None)


@pytest.mark.parametrize("second", [(6, 3), (5, 3)], ids=["one shape", "two shapes"])
def test_a_layer_that_is_called_twice_costs_twice(second):
    def build(k, lq):
        layer = lq.layers.QuantDense(4)
        inputs = [k.Input((6, 3)), k.Input(second)]
        return k.Model(inputs, [layer(x) for x in inputs])

    ours, theirs = (profile.layer_profiles[-1] for profile in profiles(build))
    assert ours.op_count("mac") == (6 + second[0]) * 3 * 4
    assert theirs.op_count("mac") == (6 * 3 * 4 if second == (6, 3) else None)
    assert ours.output_shape == theirs.output_shape
    assert weights_of(ours) == weights_of(theirs)


def test_a_weight_that_appears_twice_counts_once():
    def build(k, lq):
        dense, inputs = k.layers.Dense(3), k.Input((3,))
        inner = k.Sequential([k.Input((3,)), dense])
        return k.Model(inputs, dense(inner(inputs)))

    ours, theirs = profiles(build)
    assert (ours.weight_count(), theirs.weight_count()) == (12, 24)
    assert ours.op_count("mac") == theirs.op_count("mac") == 18


@pytest.mark.parametrize(
    ("shape", "arguments", "expected"),
    [
        ((3, 9, 7), {"data_format": "channels_first"}, (7 * 5 * 54, 2 * 7 * 54)),
        ((None, 7, 3), {}, (None, 5 * 54)),
    ],
)
def test_pixels(shape, arguments, expected):
    ours, theirs = macs(shape, lambda k, q: [k.Conv2D(2, 3, **arguments)])
    # Keras 2's -1 stands for an open size, and makes the product of the sizes negative.
    assert (ours, theirs and abs(theirs)) == expected


def test_batch_normalization_inside_another_layer():
    ours, theirs = of_layers((5, 3), lambda k, q: [k.TimeDistributed(k.BatchNormalization())])
    assert (ours.weight_count(), theirs.weight_count()) == (2 * 3, 4 * 3)


def test_the_input_precision_of_a_functional_model_inside():
    def build(k, lq):
        inputs = k.Input((3,))
        outputs = lq.layers.QuantDense(2, input_quantizer="ste_sign")(inputs)
        return k.Sequential([k.Input((3,)), k.Model(inputs, outputs)])

    ours, theirs = profiles(build)
    assert (only(ours).input_precision, only(theirs).input_precision) == (1, None)


def test_a_subclassed_model():
    def build(k, lq):
        class Network(k.Model):
            def __init__(self):
                super().__init__()
                self.dense = lq.layers.QuantDense(4, input_quantizer="ste_sign", **latent("kernel"))
                self.shift = self.add_weight(name="shift", shape=(4,))

            def call(self, inputs):
                return self.dense(inputs) + self.shift

        network = Network()
        network(np.zeros((2, 3), "float32"))
        return network

    ours, theirs = profiles(build)
    assert weights_of(ours.layer_profiles[0]) == weights_of(theirs.layer_profiles[0])
    assert (ours.weight_count(), theirs.weight_count()) == (12 + 4 + 4, 12 + 4)
    assert [p.output_shape for p in ours.layer_profiles] == [(2, 4), None]
    assert [p.output_shape for p in theirs.layer_profiles] == [None]
    assert (ours.op_count("mac", 1), theirs.op_count("mac", 1)) == (12, 0)


def test_a_quantizer_without_a_precision():
    def build(k, lq):
        return k.Sequential([k.Input((3,)), lq.layers.QuantDense(2, kernel_quantizer=abs)])

    assert ModelProfile(build(keras, larq_bop)).unique_param_bitwidths == [32]
    with pytest.raises(TypeError):
        LarqsProfile(build(tf_keras, larq))
