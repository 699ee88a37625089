"""`models.summary` beside Larq's own: the same numbers for the same model.

Where ours differ, `larq_bop.models.model_profile` says why, and a test here asserts both.
"""

import inspect
import math

import keras
import numpy as np
import pytest
import tf_keras
from larq.models import ModelProfile as LarqsProfile

import larq_bop
from larq_bop.larq import to_larq
from larq_bop.models import ModelProfile, binarynet, latent_cnn
from tests.larq.parity import larq

SIDES = ((keras, larq_bop, ModelProfile), (tf_keras, larq, LarqsProfile))
PRECISIONS = (None, 1, 2, 4, 8, 32)


def weights_of(profile):
    """All that a layer or model tells of its weights."""
    return {
        "memory": profile.memory,
        "8 bit": profile.int8_fp_weights_memory,
        "float32": profile.fp_equivalent_memory,
        "bit widths": profile.unique_param_bidtwidths,
        "counts": [
            profile.weight_count(bitwidth, trainable)
            for bitwidth in PRECISIONS
            for trainable in (None, True, False)
        ],
    }


def operations_of(profile):
    # Larq does not know that a layer without weights has none.
    return [profile.op_count("mac", precision) or 0 for precision in PRECISIONS]


def assert_parity(ours, theirs):
    """Asserts that two profiles have the same layers, with equal numbers, and equal totals."""
    assert [p.name for p in ours.layer_profiles] == [p.name for p in theirs.layer_profiles]
    for our, their in zip(ours.layer_profiles, theirs.layer_profiles, strict=True):
        assert our.input_precision == their.input_precision, our.name
        assert our.output_shape == their.output_shape, our.name
        assert our.unique_op_precisions == their.unique_op_precisions, our.name
        assert weights_of(our) == weights_of(their), our.name
        assert operations_of(our) == operations_of(their), our.name
    assert weights_of(ours) == weights_of(theirs)
    assert operations_of(ours) == operations_of(theirs)
    assert ours.unique_op_precisions == theirs.unique_op_precisions
    assert ours.output_shape == theirs.output_shape


def profiles(build):
    """Builds a model with Keras 3 and larq_bop, and with Keras 2 and Larq."""
    return [profile(build(k, lq)) for k, lq, profile in SIDES]


def of_layers(shape, make):
    """The same, of a Sequential model, from functions of the modules with layers."""
    return profiles(lambda k, lq: k.Sequential([k.Input(shape), *make(k.layers, lq.layers)]))


MODELS = {
    "binarynet": binarynet,
    "latent binarynet": lambda: binarynet(latent_weights=True),
    "latent_cnn": lambda: latent_cnn((28, 28, 1)),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_the_papers_models(make):
    model = make()
    ours, theirs = ModelProfile(model), LarqsProfile(to_larq(model))
    assert_parity(ours, theirs)
    # What Larq prints, from the same numbers.
    printed = dict(theirs.generate_summary())
    assert printed["Compression Ratio of Memory"] == pytest.approx(ours.compression_ratio)
    assert printed["Ratio of MACs that are binarized"] == f"{ours.op_ratio(1):.4f}"
    tables = []
    larq_bop.models.summary(model, print_fn=tables.append)
    lines = dict(line.split("  ", 1) for line in tables[1].splitlines()[2:])
    assert list(lines) == list(printed)
    for name in ("Model size", "Model size (8-bit FP weights)", "Float-32 Equivalent"):
        assert lines[name].strip() == printed[name]


def latent(*roles):
    return {
        **{f"{role}_quantizer": "ste_sign" for role in roles},
        **{f"{role}_constraint": "weight_clip" for role in roles},
    }


def images(k, q):
    """Every layer for images that both libraries have and Larq counts as we do."""
    return [
        q.QuantConv2D(4, 3, padding="same", pad_values=1.0, **latent("kernel")),
        k.BatchNormalization(),
        q.QuantConv2D(
            4, (3, 2), strides=2, groups=2, input_quantizer="ste_sign", **latent("kernel")
        ),
        k.BatchNormalization(scale=False),
        q.QuantDepthwiseConv2D(
            3, padding="same", depth_multiplier=2, input_quantizer="ste_sign", **latent("depthwise")
        ),
        k.BatchNormalization(center=False),
        k.MaxPooling2D(2),
        k.Conv2D(6, 2, dilation_rate=2, trainable=False),
        k.DepthwiseConv2D(2, use_bias=False),
        k.SeparableConv2D(5, 2, padding="same"),
        q.QuantSeparableConv2D(5, 2, padding="same", **latent("depthwise", "pointwise")),
        k.AveragePooling2D(2),
        k.Activation("relu"),
        k.Dropout(0.5),
        q.QuantDense(6, input_quantizer="ste_tern", kernel_quantizer="ste_tern"),
        k.LayerNormalization(),
        k.PReLU(),
        k.GlobalAveragePooling2D(),
        q.QuantDense(5, input_quantizer="ste_sign", use_bias=False, **latent("kernel")),
        k.Dense(3),
    ]


def sequences(k, q):
    return [
        q.QuantConv1D(8, 3, padding="causal", **latent("kernel")),
        k.MaxPooling1D(2),
        k.BatchNormalization(),
        k.Conv1D(8, 3, strides=2),
        k.SeparableConv1D(6, 3),
        q.QuantSeparableConv1D(6, 3, **latent("depthwise", "pointwise")),
        k.AveragePooling1D(2),
        q.QuantDense(4, input_quantizer="ste_sign", **latent("kernel")),
        k.Flatten(),
        k.Dense(2),
    ]


@pytest.mark.parametrize(
    ("shape", "make"), [((23, 21, 3), images), ((64, 3), sequences)], ids=["images", "sequences"]
)
def test_every_layer(shape, make):
    ours, theirs = of_layers(shape, make)
    assert_parity(ours, theirs)
    assert theirs.op_count("mac") > 0


KERNELS = {
    "none": lambda q: None,
    "ste_sign": lambda q: "ste_sign",
    "approx_sign": lambda q: "approx_sign",
    "swish_sign": lambda q: "swish_sign",
    "magnitude_aware_sign": lambda q: "magnitude_aware_sign",
    "ste_tern": lambda q: "ste_tern",
    "ste_heaviside": lambda q: "ste_heaviside",
    "dorefa_quantizer": lambda q: "dorefa_quantizer",
    "DoReFa(4)": lambda q: q.DoReFa(4, mode="weights"),
    "NoOp(1)": lambda q: q.NoOp(precision=1),
    "NoOp(8)": lambda q: q.NoOp(precision=8),
}
INPUTS = {name: KERNELS[name] for name in ("none", "ste_sign", "ste_tern", "DoReFa(4)", "NoOp(8)")}


@pytest.mark.filterwarnings("ignore:.*binarizes its")
@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_bits_of_every_quantizer(kernel, inputs):
    def build(k, lq):
        layer = lq.layers.QuantDense(
            5,
            input_quantizer=INPUTS[inputs](lq.quantizers),
            kernel_quantizer=KERNELS[kernel](lq.quantizers),
        )
        return k.Sequential([k.Input((7,)), layer])

    assert_parity(*profiles(build))


def graph(k, lq):
    """Quantizers as layers, a shortcut, a Sequential model inside, two outputs."""
    layers = k.layers
    inputs = k.Input((8, 8, 4), name="image")
    x = lq.quantizers.SteSign(name="signs")(inputs)
    x = lq.layers.QuantConv2D(4, 3, padding="same", name="conv", **latent("kernel"))(x)
    x = layers.Activation(lq.quantizers.ApproxSign(), name="activation")(x)
    x = layers.Add(name="add")([x, inputs])
    inner = [
        lq.layers.QuantConv2D(6, 3, input_quantizer="ste_sign", **latent("kernel")),
        layers.BatchNormalization(),
        layers.Flatten(),
    ]
    x = k.Sequential([k.Input((8, 8, 4)), *inner], name="inner")(x)
    outputs = [layers.Dense(3, name="first")(x), layers.Dense(2, name="second")(x)]
    return k.Model(inputs, outputs, name="graph")


def test_a_graph_with_a_model_inside():
    ours, theirs = profiles(graph)
    # Of a model, Larq tells the shape of the last layer only.
    ours.output_shape = ours.output_shape[-1]
    assert_parity(ours, theirs)


def test_a_model_that_does_not_train():
    def build(k, lq):
        inner = graph(k, lq).get_layer("inner")
        inner.trainable = False
        return k.Sequential([k.Input((8, 8, 4)), inner, k.layers.Dense(2, name="last")])

    ours, theirs = profiles(build)
    assert_parity(ours, theirs)
    assert ours.weight_count(trainable=True) == 6 * 6 * 6 * 2 + 2


def test_errors_have_larqs_types():
    for k, lq, _ in SIDES:
        with pytest.raises(ValueError, match="built"):
            lq.models.summary(k.Sequential([k.layers.Dense(2)]))
        model = k.Sequential([k.Input((3,)), k.layers.Dense(2)])
        with pytest.raises(ValueError, match=r"(?i)mac"):
            lq.models.ModelProfile(model).op_count("add")


def test_the_arguments_are_larqs():
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(lq.models.summary).parameters.values()]
        for _, lq, _ in SIDES
    )
    assert ours == theirs


# Differences, in the order in which `larq_bop.models.model_profile` names them.


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
