"""Quantizers: values, pseudo-gradients, names."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from larq_bop import quantizers
from tests import backends, oracle

EDGES = np.float32([-2.0, np.nextafter(np.float32(-1), np.float32(-2)), -1, -0.5, -0.0, 0, 0.5, 1])
EDGES = np.append(EDGES, np.float32([np.nextafter(np.float32(1), np.float32(2)), 2.0]))


def random_values(shape=(5, 7)):
    return np.random.default_rng(0).standard_normal(shape).astype("float32") * 2


@pytest.mark.parametrize("x", [EDGES, random_values()], ids=["edges", "random"])
@pytest.mark.parametrize("clip_value", [1.0, 0.5, None])
@pytest.mark.parametrize("as_layer", [False, True])
def test_ste_sign_and_its_pseudo_gradient(x, clip_value, as_layer):
    incoming = np.random.default_rng(1).standard_normal(x.shape).astype("float32")
    if as_layer:
        quantize = quantizers.SteSign(clip_value=clip_value)
    else:

        def quantize(x):
            return quantizers.ste_sign(x, clip_value)

    values, _ = backends.gradient(quantize, x)
    _, (gradient,) = backends.gradient(lambda x: ops.multiply(quantize(x), incoming), x)
    np.testing.assert_array_equal(values, oracle.sign(x))
    bound = np.inf if clip_value is None else clip_value
    np.testing.assert_array_equal(gradient, oracle.ste_sign_gradient(x, incoming, bound))


def test_ste_sign_passes_the_gradient_on_the_bound_and_not_beyond():
    _, (gradient,) = backends.gradient(quantizers.ste_sign, EDGES)
    assert gradient.tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]


def test_the_chain_rule_goes_through_ste_sign():
    # d/dx (3 q(2x))^2 = 2 * 3 q * 3 * 2 where |2x| <= 1.
    x = np.float32([-1.0, -0.25, 0.25, 1.0])
    _, (gradient,) = backends.gradient(lambda x: (3.0 * quantizers.ste_sign(2.0 * x)) ** 2, x)
    assert gradient.tolist() == [0.0, -36.0, 36.0, 0.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_ste_sign_keeps_the_dtype(dtype):
    y = quantizers.ste_sign(ops.convert_to_tensor(EDGES, dtype=dtype))
    assert backends.dtype_of(y) == dtype


def test_no_op_is_the_identity():
    x = random_values()
    no_op = quantizers.NoOp(precision=1)
    values, (gradient,) = backends.gradient(no_op, x)
    np.testing.assert_array_equal(values, x)
    np.testing.assert_array_equal(gradient, np.ones_like(x))


@pytest.mark.parametrize(
    ("quantizer", "precision"),
    [(quantizers.NoOp(1), 1), (quantizers.NoOp(precision=8), 8), (quantizers.SteSign(), 1)],
)
def test_precision(quantizer, precision):
    assert quantizer.precision == precision


def test_no_op_needs_a_precision():
    with pytest.raises(TypeError, match="precision"):
        quantizers.NoOp()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_quantizers_see_full_precision_under_a_mixed_policy(policy):
    keras.config.set_dtype_policy(policy)
    # Half precision would round it to zero, and the sign to +1.
    x = ops.convert_to_tensor(np.float32([-1e-9, 1e-9]))
    assert backends.to_numpy(quantizers.SteSign()(x)).tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("ste_sign", quantizers.SteSign),
        ("SteSign", quantizers.SteSign),
        (quantizers.SteSign, quantizers.SteSign),
        (quantizers.SteSign(0.5), quantizers.SteSign),
        (quantizers.NoOp(precision=1), quantizers.NoOp),
    ],
)
def test_get(identifier, kind):
    quantizer = quantizers.get(identifier)
    assert type(quantizer) is kind
    if isinstance(identifier, keras.layers.Layer):
        assert quantizer is identifier


def test_get_passes_functions_and_none():
    def twice(x):
        return 2 * x

    assert quantizers.get(twice) is twice
    assert quantizers.get(None) is None


@pytest.mark.parametrize("identifier", ["ste_sing", "", "relu", 3, ["ste_sign"]])
def test_get_refuses_what_is_no_quantizer_and_names_those_there_are(identifier):
    with pytest.raises(ValueError, match="ste_sign") as error:
        quantizers.get(identifier)
    assert f"Received: {identifier!r}" in str(error.value)


@pytest.mark.parametrize(
    "quantizer",
    [
        quantizers.SteSign(),
        quantizers.SteSign(clip_value=0.5, name="mine"),
        quantizers.SteSign(clip_value=None),
        quantizers.NoOp(precision=1),
        quantizers.NoOp(precision=4),
    ],
)
def test_config_goes_through_json_and_back(quantizer):
    copy = quantizers.get(json.loads(json.dumps(quantizers.serialize(quantizer))))
    assert type(copy) is type(quantizer)
    assert copy.get_config() == quantizer.get_config()
    assert copy.precision == quantizer.precision
    np.testing.assert_array_equal(
        backends.to_numpy(copy(EDGES)), backends.to_numpy(quantizer(EDGES))
    )


def test_a_quantizer_is_a_layer_of_a_model(tmp_path):
    model = keras.Sequential([keras.Input((10,)), quantizers.SteSign()])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    y = backends.to_numpy(loaded(EDGES[None]))
    np.testing.assert_array_equal(y, oracle.sign(EDGES)[None])
    assert loaded.output_shape == (None, 10)
