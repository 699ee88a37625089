"""What holds for every quantized layer, against its Keras parent on signs."""

import inspect
import json
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from larq_bop import Bop, activations, layers, quantizers
from larq_bop.context import quantized_scope
from tests import backends, oracle
from tests.layers.catalogue import KINDS, LAYERS, PADDED, binary, make, marked, normal, roles


def make_parent(name, /, **arguments):
    return getattr(keras.layers, name.removeprefix("Quant"))(*LAYERS[name][0], **arguments)


def values_and_gradients(layer, x, weights):
    """The output, and the gradients of a weighted sum of it with respect to x and the weights."""

    def call(x, *weights):
        return layer.stateless_call(list(weights), [], x)[0]

    values, _ = backends.gradient(call, x, *weights)
    incoming = normal(values.shape, seed=9)
    _, gradients = backends.gradient(lambda *a: ops.multiply(call(*a), incoming), x, *weights)
    return values, gradients


def padded_by_hand(x, layer, pad_values):
    last = layer.data_format == "channels_last"
    sizes = x.shape[1:-1] if last else x.shape[2:]
    pads = [
        oracle.same_padding(*axis)
        for axis in zip(sizes, layer.kernel_size, layer.strides, layer.dilation_rate, strict=True)
    ]
    pads = [(0, 0), *pads, (0, 0)] if last else [(0, 0), (0, 0), *pads]
    return np.pad(x, pads, constant_values=pad_values), pads


def assert_is_parent_on_signs(name, arguments, shape, pad_values=None):
    layer = make(name, **binary(name), **arguments)
    layer.build(shape)
    x, weights = normal(shape), [normal(w.shape, i) for i, w in enumerate(layer.weights)]
    signs = [oracle.sign(w) for w in weights[: len(roles(name))]]
    inputs, pads = oracle.sign(x), None
    if pad_values is not None:
        inputs, pads = padded_by_hand(inputs, layer, pad_values)
        arguments = {k: v for k, v in arguments.items() if k not in ("padding", "pad_values")}
    parent = make_parent(name, **arguments)
    parent.build(inputs.shape)
    expected, (d_x, *d_weights) = values_and_gradients(
        parent, inputs, [*signs, *weights[len(signs) :]]
    )
    values, gradients = values_and_gradients(layer, x, weights)
    if pads is not None:
        window = [slice(a, n - b) for (a, b), n in zip(pads, d_x.shape, strict=True)]
        d_x = d_x[tuple(window)]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
    expected = [oracle.ste_sign_gradient(x, d_x)]
    expected += [
        oracle.ste_sign_gradient(w, d) if i < len(signs) else d
        for i, (w, d) in enumerate(zip(weights, d_weights, strict=True))
    ]
    for gradient, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-5, atol=2e-5)
    assert tuple(layer.compute_output_shape(shape)) == values.shape


@KINDS
def test_it_is_its_parent_on_signs(name):
    assert_is_parent_on_signs(name, {}, LAYERS[name][1])


@pytest.mark.parametrize("name", [name for name in LAYERS if "Conv" in name])
def test_strides(name):
    arguments = {"strides": 2, "padding": "same"}
    assert_is_parent_on_signs(name, arguments, LAYERS[name][1])


@pytest.mark.parametrize("pad_values", [1.0, -1.0])
@pytest.mark.parametrize("arguments", [{"strides": 2}, {"dilation_rate": 2}], ids=str)
@pytest.mark.parametrize("name", PADDED)
def test_same_padding_with_another_value(name, arguments, pad_values):
    arguments = {**arguments, "padding": "same", "pad_values": pad_values}
    assert_is_parent_on_signs(name, arguments, LAYERS[name][1], pad_values)


@pytest.mark.skipif(
    backends.BACKEND == "tensorflow",
    reason="TensorFlow's convolutions on a CPU are channels_last only",
)
@pytest.mark.parametrize("pad_values", [None, -1.0])
@pytest.mark.parametrize("name", PADDED)
def test_channels_first(name, pad_values):
    batch, *sizes, channels = LAYERS[name][1]
    arguments = {"data_format": "channels_first"}
    if pad_values is not None:
        arguments |= {"padding": "same", "pad_values": pad_values}
    assert_is_parent_on_signs(name, arguments, (batch, channels, *sizes), pad_values)


@pytest.mark.parametrize("name", ["QuantConv1D", "QuantConv2D"])
def test_groups(name):
    shape = (*LAYERS[name][1][:-1], 4)
    assert_is_parent_on_signs(name, {"groups": 2}, shape)


def test_causal_padding_pads_with_zeros():
    assert_is_parent_on_signs("QuantConv1D", {"padding": "causal"}, (2, 9, 3))
    with pytest.raises(ValueError, match=r"causal.*Received: pad_values=1"):
        layers.QuantConv1D(4, 3, padding="causal", pad_values=1.0)


@pytest.mark.parametrize("name", PADDED)
def test_padding_leaves_the_layer_as_it_was(name):
    layer = make(name, padding="same", pad_values=1.0, **binary(name))
    y = layer(normal(LAYERS[name][1]))
    assert layer.padding == "same"
    assert layer.get_config()["pad_values"] == 1.0
    np.testing.assert_array_equal(
        backends.to_numpy(layer(normal(LAYERS[name][1]))), backends.to_numpy(y)
    )


# Arguments.


def larqs_arguments(name):
    """Those of the Keras parent, with Larq's where Larq has them."""
    parent = getattr(keras.layers, name.removeprefix("Quant"))
    arguments = inspect.signature(parent).parameters
    defaults = {key: each.default for key, each in arguments.items() if key != "kwargs"}
    names = list(defaults)

    def insert(after, *new):
        names[names.index(after) + 1 : names.index(after) + 1] = new

    insert("use_bias", "input_quantizer", *(f"{role}_quantizer" for role in roles(name)))
    if name in PADDED:
        insert("padding", "pad_values")
        defaults["pad_values"] = 0.0
    if "Transpose" in name:
        names.remove("output_padding")
        insert("padding", "output_padding")
    if name == "QuantConv1D":
        defaults["data_format"] = "channels_last"
    return [(each, defaults.get(each)) for each in names]


@KINDS
def test_editors_see_larqs_arguments_in_larqs_order(name):
    parameters = inspect.signature(getattr(layers, name)).parameters.values()
    *by_place, rest = parameters
    assert [(each.name, each.default) for each in by_place] == larqs_arguments(name)
    assert {each.kind for each in by_place} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert rest.kind is inspect.Parameter.VAR_KEYWORD


@KINDS
def test_all_arguments_of_the_parent_are_taken_by_name(name):
    expected = make_parent(name, activation="relu", use_bias=False, name="mine").get_config()
    config = make(name, activation="relu", use_bias=False, name="mine").get_config()
    assert {key: config[key] for key in expected} == expected
    extra = {"input_quantizer", *(f"{role}_quantizer" for role in roles(name))}
    extra |= {"pad_values"} if name in PADDED else set()
    assert set(config) - set(expected) == extra


def test_positional_arguments_have_larqs_order():
    dense = layers.QuantDense(5, "relu", False, "ste_sign", "ste_tern")
    assert dense.activation is keras.activations.relu
    assert isinstance(dense.input_quantizer, quantizers.SteSign)
    assert isinstance(dense.kernel_quantizer, quantizers.SteTern)
    conv = layers.QuantConv2D(
        4, 3, 2, "same", 1.0, "channels_last", 1, 2, None, False, "ste_sign", "ste_tern", "ones"
    )
    assert (conv.pad_values, conv.groups, conv.use_bias) == (1.0, 2, False)
    assert isinstance(conv.kernel_initializer, keras.initializers.Ones)
    transpose = layers.QuantConv3DTranspose(4, 3, 2, "same", 1, "channels_last")
    assert transpose.output_padding == (1, 1, 1)


@KINDS
def test_a_wrong_call_is_told(name):
    with pytest.raises(TypeError, match=r"missing .* required positional argument"):
        getattr(layers, name)()
    with pytest.raises((TypeError, ValueError), match="kernel_quantiser"):
        make(name, kernel_quantiser="ste_sign")


def test_activations_of_this_library_go_by_name():
    layer = layers.QuantDense(2, activation="leaky_tanh")
    assert layer.activation is activations.leaky_tanh
    copy = layers.QuantDense.from_config(json.loads(json.dumps(layer.get_config())))
    assert copy.activation is activations.leaky_tanh
    layer = layers.QuantDense(2, activation="ste_sign")
    assert set(np.unique(backends.to_numpy(layer(normal((9, 3)))))) == {-1.0, 1.0}
    copy = layers.QuantDense.from_config(json.loads(json.dumps(layer.get_config())))
    assert isinstance(copy.activation, quantizers.SteSign)


@KINDS
def test_latent_kernels_without_a_constraint_are_warned_of(name):
    for role in roles(name):
        kernel = "its kernel" if role == "kernel" or "Depthwise" in name else f"its {role} kernel"
        with pytest.warns(UserWarning, match=rf"'mine' binarizes {kernel}.*`{role}_constraint`"):
            make(name, name="mine", **{**binary(name), f"{role}_constraint": None})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(name, **binary(name))
        make(name, **marked(name))
        make(name)


@pytest.mark.filterwarnings("ignore:.*binarizes its")
def test_subclasses_may_have_arguments_of_their_own():
    class Wide(layers.QuantDense):
        def __init__(self, factor, **kwargs):
            super().__init__(4 * factor, kernel_quantizer="ste_sign", **kwargs)

    assert Wide(2).units == 8
    assert list(inspect.signature(Wide).parameters) == ["factor", "kwargs"]


# Integers.


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "float16"])
@pytest.mark.parametrize("quantizer", ["ste_sign", "ste_heaviside", None])
@KINDS
def test_integers_count_as_floats(name, quantizer, policy):
    """Images as they are read, for one."""
    arguments = {"padding": "same", "pad_values": -1.0} if name in PADDED else {}
    layer = make(name, **{**binary(name), "input_quantizer": quantizer}, **arguments, dtype=policy)
    shape = LAYERS[name][1]
    for dtype in ("uint8", "int32"):
        x = np.random.default_rng(0).integers(0, 3, shape).astype(dtype)
        y = layer(ops.convert_to_tensor(x))
        expected = layer(ops.convert_to_tensor(x.astype("float32")))
        assert backends.dtype_of(y) == layer.compute_dtype
        np.testing.assert_array_equal(backends.to_numpy(y), backends.to_numpy(expected))


@KINDS
def test_a_model_trains_on_integers(name):
    _, *shape = LAYERS[name][1]
    model = keras.Sequential([keras.Input(shape, dtype="uint8"), make(name, **binary(name))])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype("uint8")
    y = np.zeros(model.compute_output_shape(x.shape))
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()


# Kernels.


@KINDS
def test_kernels_are_quantized_inside_a_scope_only(name):
    layer = make(name, **binary(name))
    attributes = [f"{role}_kernel" if role != "kernel" else role for role in roles(name)]
    for attribute in attributes:
        assert not hasattr(layer, attribute)
    layer.build(LAYERS[name][1])
    for attribute, variable in zip(attributes, layer.trainable_variables, strict=False):
        assert getattr(layer, attribute) is variable
        with quantized_scope(True):
            quantized = backends.to_numpy(getattr(layer, attribute))
        np.testing.assert_array_equal(quantized, oracle.sign(backends.to_numpy(variable)))


@KINDS
@pytest.mark.parametrize("trainable", [True, False])
def test_marked_kernels_are_the_signs_of_what_their_initializer_draws(name, trainable):
    """Also where nothing ever trains them. Latent ones are what it draws."""

    def kernels(quantizers):
        initializers = {
            f"{role}_initializer": keras.initializers.RandomNormal(seed=1) for role in roles(name)
        }
        layer = make(name, trainable=trainable, **quantizers(name), **initializers)
        layer.build(LAYERS[name][1])
        return [backends.to_numpy(kernel) for kernel in layer.weights[: len(roles(name))]]

    for found, latent in zip(kernels(marked), kernels(binary), strict=True):
        assert (np.abs(latent) != 1).all()
        np.testing.assert_array_equal(found, oracle.sign(latent))


@pytest.mark.filterwarnings("ignore:The layer .* binarizes its kernel without")
@pytest.mark.parametrize("name", ["QuantDense", "QuantConv1D", "QuantConv2D", "QuantConv3D"])
def test_lora_and_kernels(name):
    """It adds real numbers: to a latent kernel before it is quantized, to a binary one never."""
    layer = make(name, **marked(name), name="mine")
    layer.build(LAYERS[name][1])
    with pytest.raises(ValueError, match="'mine' cannot enable LoRA"):
        layer.enable_lora(2)
    layer = make(name, **binary(name, constraint=None))
    layer.build(LAYERS[name][1])
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(normal(layer.lora_kernel_b.shape))
    with quantized_scope(True):
        used = backends.to_numpy(layer.kernel)
    np.testing.assert_array_equal(used, oracle.sign(backends.to_numpy(layer.kernel)))


@KINDS
@pytest.mark.parametrize("quantizers", [marked, binary])
def test_bop_finds_the_kernels_and_nothing_else(name, quantizers):
    layer = make(name, **quantizers(name))
    layer.build(LAYERS[name][1])
    count = len(roles(name))
    assert [Bop.is_binary_variable(v) for v in layer.weights] == [True] * count + [False]
