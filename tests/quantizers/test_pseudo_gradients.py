"""Every quantizer's values and pseudo-gradient, against its formula in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from larq_bop import activations, layers, math, quantizers
from tests import backends, oracle

BEYOND_ONE = np.nextafter(np.float32(1), np.float32(2))
EDGES = np.float32([-2, -1, -0.5, -0.05, -0.0, 0.0, 0.05, 0.5, 1, 2, 30])
EDGES = np.append(EDGES, np.float32([BEYOND_ONE, -BEYOND_ONE]))
RANDOM = np.random.default_rng(0).standard_normal((5, 7)).astype("float32")


def clipped(x, incoming, bound=1.0):
    return oracle.ste_sign_gradient(x, incoming, bound)


def approx_sign_gradient(x, incoming):
    return np.where(np.abs(x) <= 1, (2 - 2 * np.abs(x)) * incoming, 0)


def swish_sign_gradient(x, incoming, beta=5.0):
    z = beta * x.astype("float64")
    return incoming * beta * (2 - z * np.tanh(z / 2)) / (1 + np.cosh(z))


def ternary(x, threshold):
    return np.where(np.abs(x) >= np.float32(threshold), np.sign(x), 0)


def channel_scale(x):
    return np.abs(x).reshape(-1, x.shape[-1]).mean(0) if x.ndim > 1 else np.abs(x)


def dorefa(x, k_bit):
    steps = 2**k_bit - 1
    return np.round(np.clip(x, 0, 1) * np.float32(steps)) / steps


def dorefa_weights(x, k_bit):
    limited = np.tanh(x)
    return 2 * dorefa(limited / (2 * np.abs(limited).max()) + 0.5, k_bit) - 1


def dorefa_weights_gradient(x, incoming):
    return incoming * (1 - np.tanh(x) ** 2) / np.abs(np.tanh(x)).max()


def heaviside(x):
    return np.where(x > 0, 1.0, 0.0)


def within_zero_and_one(x, incoming):
    return np.where((x >= 0) & (x <= 1), incoming, 0)


# Name: quantizer, values of x, gradient of x and the incoming gradient.
CASES = {
    "ste_sign": (quantizers.SteSign(), oracle.sign, clipped),
    "approx_sign": (quantizers.ApproxSign(), oracle.sign, approx_sign_gradient),
    "swish_sign": (quantizers.SwishSign(), oracle.sign, swish_sign_gradient),
    "swish_sign, beta 2": (
        quantizers.SwishSign(beta=2.0),
        oracle.sign,
        lambda x, incoming: swish_sign_gradient(x, incoming, 2.0),
    ),
    "magnitude_aware_sign": (
        quantizers.MagnitudeAwareSign(clip_value=0.5),
        lambda x: channel_scale(x) * oracle.sign(x),
        lambda x, incoming: channel_scale(x) * clipped(x, incoming, 0.5),
    ),
    "ste_tern": (quantizers.SteTern(), lambda x: ternary(x, 0.05), clipped),
    "ste_tern, not clipped": (
        quantizers.SteTern(0.5, clip_value=None),
        lambda x: ternary(x, 0.5),
        lambda x, incoming: incoming,
    ),
    "ternary weight network": (
        quantizers.SteTern(ternary_weight_networks=True, clip_value=0.7),
        lambda x: ternary(x, 0.7 * np.abs(x).mean()),
        lambda x, incoming: clipped(x, incoming, np.float32(0.7)),
    ),
    "ste_heaviside": (quantizers.SteHeaviside(), heaviside, clipped),
    "ste_heaviside, not clipped": (
        quantizers.SteHeaviside(None),
        heaviside,
        lambda x, incoming: incoming,
    ),
    "dorefa": (quantizers.DoReFa(), lambda x: dorefa(x, 2), within_zero_and_one),
    "dorefa, 1 bit": (quantizers.DoReFa(1), lambda x: dorefa(x, 1), within_zero_and_one),
    "dorefa weights": (
        quantizers.DoReFa(3, mode="weights"),
        lambda x: dorefa_weights(x, 3),
        dorefa_weights_gradient,
    ),
    "no_op": (quantizers.NoOp(4), lambda x: x, lambda x, incoming: incoming),
}


@pytest.mark.parametrize("x", [EDGES, RANDOM], ids=["edges", "random"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, x):
    quantizer, values_of, gradient_of = CASES[name]
    if name == "magnitude_aware_sign":
        x = x.reshape(-1, 1) if x.ndim == 1 else x
    incoming = np.random.default_rng(1).standard_normal(x.shape).astype("float32")
    values, _ = backends.gradient(quantizer, x)
    _, (gradient,) = backends.gradient(lambda x: ops.multiply(quantizer(x), incoming), x)
    np.testing.assert_allclose(values, values_of(x), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(gradient, gradient_of(x, incoming), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 3, 2, 4), (6, 5)])
def test_each_output_channel_has_a_magnitude_of_its_own(shape):
    kernel = np.random.default_rng(2).standard_normal(shape).astype("float32")
    values = backends.to_numpy(quantizers.MagnitudeAwareSign()(kernel))
    axes = tuple(range(len(shape) - 1))
    magnitudes = np.abs(values).max(axes)
    np.testing.assert_allclose(magnitudes, np.abs(values).min(axes), rtol=1e-6)
    np.testing.assert_allclose(magnitudes, np.abs(kernel).mean(axes), rtol=1e-6)


def test_dorefa_weights_use_the_whole_range_and_zeros_get_no_gradient():
    quantizer = quantizers.DoReFa(2, mode="weights")
    values = backends.to_numpy(quantizer(np.float32([0.5, -0.01, 0.25])))
    np.testing.assert_allclose(values, [1.0, -1 / 3, 1 / 3], rtol=1e-6)
    values, (gradient,) = backends.gradient(quantizer, np.zeros((3,)))
    np.testing.assert_allclose(values, 1 / 3, rtol=1e-6)  # Half rounds to even: 1.5 of 3 steps.
    assert gradient.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("ste_sign", 1),
        ("approx_sign", 1),
        ("swish_sign", 1),
        ("magnitude_aware_sign", 1),
        ("ste_heaviside", 1),
        ("ste_tern", 2),
        ("dorefa_quantizer", 2),
    ],
)
def test_names_and_precisions(name, precision):
    quantizer = quantizers.get(name)
    assert quantizer.precision == precision
    assert quantizers.get(type(quantizer).__name__).get_config() == {
        **quantizer.get_config(),
        "name": f"{quantizer.name}_1",
    }
    assert quantizers.get({"class_name": name, "config": {}}).precision == precision


def test_dorefas_precision_is_its_bits():
    assert quantizers.DoReFaQuantizer(5).precision == 5


@pytest.mark.parametrize("mode", ["weight", "", None])
def test_another_mode_is_an_error(mode):
    with pytest.raises(ValueError, match=f"Invalid DoReFa quantizer mode {mode}"):
        quantizers.DoReFa(mode=mode)


def test_a_mode_that_is_set_later_is_checked_when_it_is_used():
    quantizer = quantizers.DoReFa()
    quantizer.mode = "test"
    with pytest.raises(ValueError, match="Invalid DoReFa quantizer mode test"):
        quantizer(RANDOM)


INTEGERS = np.array([[0, 1, 2, 255], [3, 0, 7, 100]])


@pytest.mark.parametrize("dtype", ["uint8", "int32", "bool"])
@pytest.mark.parametrize("name", CASES)
def test_integers_count_as_floats(name, dtype):
    quantizer, values_of, _ = CASES[name]
    x = INTEGERS.astype(dtype)
    y = quantizer(ops.convert_to_tensor(x))
    assert backends.dtype_of(y) == "float32"
    np.testing.assert_allclose(
        backends.to_numpy(y), values_of(x.astype("float32")), rtol=1e-6, atol=1e-7
    )


FUNCTIONS = [
    (quantizers.ste_sign, (0.5,), {}),
    (quantizers.approx_sign, (), {}),
    (quantizers.swish_sign, (), {"beta": 2.0}),
    (quantizers.ste_tern, (0.2,), {"ternary_weight_networks": True}),
    (quantizers.ste_heaviside, (), {}),
    (math.sign, (), {}),
    (math.heaviside, (), {}),
    (activations.hard_tanh, (), {}),
    (activations.leaky_tanh, (0.5,), {}),
]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
@pytest.mark.parametrize(
    ("function", "arguments", "named"), FUNCTIONS, ids=lambda f: getattr(f, "__name__", "")
)
def test_functions_take_symbolic_tensors(function, arguments, named, dtype, tmp_path):
    """As those of `keras.ops` do, and the model that they make can be saved."""
    inputs = keras.Input((4,), dtype=dtype)
    outputs = function(inputs, *arguments, **named)
    assert outputs.shape == (None, 4)
    assert backends.dtype_of(outputs) == ("float32" if dtype == "int32" else dtype)
    model = keras.Model(inputs, outputs)
    x = ops.convert_to_tensor(INTEGERS - 3, dtype=dtype)
    expected = backends.to_numpy(function(x, *arguments, **named))
    np.testing.assert_array_equal(backends.to_numpy(model(x)), expected)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(backends.to_numpy(loaded(x)), expected)


@pytest.mark.parametrize("k_bit", [0, -1, 1.5, "2"])
def test_bits_are_a_whole_number(k_bit):
    with pytest.raises(ValueError, match="k_bit") as error:
        quantizers.DoReFa(k_bit)
    assert repr(k_bit) in str(error.value)


@pytest.mark.parametrize("name", CASES)
def test_configs_go_through_keras_and_back(name):
    quantizer = CASES[name][0]
    copy = quantizers.deserialize(quantizers.serialize(quantizer))
    assert type(copy) is type(quantizer)
    assert copy.get_config() == quantizer.get_config()


def test_a_model_of_all_quantizers_loads_without_custom_objects(tmp_path):
    inputs = keras.Input((6,))
    kinds = (quantizers.SteTern(0.3), quantizers.DoReFa(3), quantizers.SwishSign(2.0))
    outputs = [quantizer(inputs) for quantizer in kinds]
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = RANDOM[:, :6]
    for value, expected in zip(loaded(x), model(x), strict=True):
        np.testing.assert_array_equal(backends.to_numpy(value), backends.to_numpy(expected))


FUNCTIONS = ["ste_sign", "approx_sign", "swish_sign", "ste_tern", "ste_heaviside"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_layer_that_quantizes_by_a_function_loads_without_custom_objects(tmp_path, name):
    function = getattr(quantizers, name)
    arguments = {"kernel_quantizer": function, "input_quantizer": function, "activation": function}
    model = keras.Sequential([keras.Input((6,)), layers.QuantDense(3, **arguments)])
    model.save(tmp_path / "model.keras")
    layer = keras.models.load_model(tmp_path / "model.keras").layers[0]
    assert [getattr(layer, argument) for argument in arguments] == [function] * 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", CASES)
def test_half_precision_stays_half_precision(name, dtype):
    y = CASES[name][0](ops.convert_to_tensor(RANDOM, dtype=dtype))
    assert backends.dtype_of(y) == dtype


@pytest.mark.parametrize("name", [name for name in CASES if name != "dorefa"])
def test_a_diverged_network_is_seen_to_have_diverged(name):
    y = backends.to_numpy(CASES[name][0](np.float32([[np.nan], [1.0]])))
    assert np.isnan(y).any()
