"""`models.summary` beside Larq's own: the same numbers for the same model.

Where ours differ, `larq_bop.models.model_profile` says why, and `test_parity_summary_differences`
asserts both.
"""

import inspect

import pytest
from larq.models import ModelProfile as LarqsProfile

import larq_bop
from larq_bop.larq import to_larq
from larq_bop.models import ModelProfile, binarynet, latent_cnn
from tests.larq.profiles import SIDES, assert_parity, latent, of_layers, profiles

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
