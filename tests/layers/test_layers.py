"""QuantDense and QuantConv2D against their Keras parents and NumPy."""

import json
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from larq_bop import Bop, constraints, quantizers
from larq_bop.context import quantized_scope
from larq_bop.layers import QuantConv2D, QuantDense
from larq_bop.utils import set_precision
from tests import backends, oracle
from tests.layers.catalogue import binary, normal

BINARY = binary("QuantDense")
KINDS = {
    "dense": (
        lambda **arguments: QuantDense(5, **arguments),
        lambda **arguments: keras.layers.Dense(5, **arguments),
        (4, 6),
    ),
    "dense on sequences": (
        lambda **arguments: QuantDense(5, **arguments),
        lambda **arguments: keras.layers.Dense(5, **arguments),
        (2, 3, 6),
    ),
    "conv": (
        lambda **arguments: QuantConv2D(4, 3, **arguments),
        lambda **arguments: keras.layers.Conv2D(4, 3, **arguments),
        (2, 7, 6, 3),
    ),
    "same conv": (
        lambda **arguments: QuantConv2D(4, 3, strides=2, padding="same", **arguments),
        lambda **arguments: keras.layers.Conv2D(4, 3, strides=2, padding="same", **arguments),
        (2, 7, 6, 3),
    ),
}


def values_and_gradients(layer, x, kernel, bias):
    """The output, and the gradients of a weighted sum of it, with respect to x, kernel, bias."""

    def call(x, kernel, bias):
        return layer.stateless_call([kernel, bias], [], x)[0]

    if not layer.built:
        layer.build(x.shape)
    weights = normal(layer.compute_output_shape(x.shape), seed=9)
    values, _ = backends.gradient(call, x, kernel, bias)
    _, gradients = backends.gradient(lambda *a: ops.multiply(call(*a), weights), x, kernel, bias)
    return values, gradients


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quantized", ["input", "kernel", "both", "neither", "no_op"])
def test_a_quantized_layer_is_its_parent_on_signs(kind, quantized):
    """Values equal; gradients are the parent's, masked where |x| > 1 or |kernel| > 1."""
    quantized_layer, parent, shape = KINDS[kind]
    arguments = {
        "input": {"input_quantizer": "ste_sign"},
        "kernel": {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"},
        "both": BINARY,
        "neither": {},
        "no_op": {"kernel_quantizer": quantizers.NoOp(precision=1)},
    }[quantized]
    layer, parent = quantized_layer(**arguments), parent()
    layer.build(shape)
    x, kernel, bias = normal(shape), normal(layer.kernel.shape, 1), normal(layer.bias.shape, 2)

    signs_of_x = quantized in ("input", "both")
    signs_of_kernel = quantized in ("kernel", "both")
    expected, (d_x, d_kernel, d_bias) = values_and_gradients(
        parent,
        oracle.sign(x) if signs_of_x else x,
        oracle.sign(kernel) if signs_of_kernel else kernel,
        bias,
    )
    values, gradients = values_and_gradients(layer, x, kernel, bias)

    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
    d_x = oracle.ste_sign_gradient(x, d_x) if signs_of_x else d_x
    d_kernel = oracle.ste_sign_gradient(kernel, d_kernel) if signs_of_kernel else d_kernel
    for gradient, other in zip(gradients, (d_x, d_kernel, d_bias), strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-5, atol=1e-5)
    assert (gradients[0] == 0).any() == signs_of_x or kind == "same conv"


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_a_binarized_layer_can_be_called_without_a_model(kind):
    make, parent, shape = KINDS[kind]
    layer, parent, x = make(**BINARY), parent(), normal(shape)
    y = backends.to_numpy(layer(x))
    parent.build(shape)
    parent.set_weights([oracle.sign(backends.to_numpy(layer.kernel)), np.zeros(parent.bias.shape)])
    np.testing.assert_array_equal(y, backends.to_numpy(parent(oracle.sign(x))))


def test_one_training_step_by_hand():
    """Latent weights beyond 1 get no gradient; the loss is that of their signs."""
    layer = QuantDense(
        1, use_bias=False, **{**BINARY, "kernel_constraint": constraints.WeightClip(9)}
    )
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(1.0), "mean_squared_error")
    layer.kernel.assign(np.float32([[0.5], [2.0], [-3.0]]))
    model.fit(np.ones((1, 3), "float32"), np.zeros((1, 1)), verbose=0)
    # y = 1 + 1 - 1 and its gradient is 2 y for each weight.
    assert backends.to_numpy(layer.kernel).ravel().tolist() == [-1.5, 2.0, -3.0]


def test_dense_by_hand():
    layer = QuantDense(2, use_bias=False, **BINARY)
    layer.build((1, 3))
    layer.kernel.assign(np.float32([[0.5, -0.5], [0.0, -2.0], [-1e-3, 1e-3]]))
    # Signs: (1, 1, -1) times ((1, -1), (1, -1), (-1, 1)).
    y = backends.to_numpy(layer(np.float32([[0.25, 0.0, -7.0]])))
    assert y.tolist() == [[3.0, -3.0]]


def test_activation_and_bias_come_after_the_product():
    layer = QuantDense(1, activation="relu", bias_initializer="ones", **BINARY)
    layer.build((2, 2))
    layer.kernel.assign(np.float32([[0.5], [0.5]]))
    y = backends.to_numpy(layer(np.float32([[3.0, 3.0], [-3.0, -3.0]])))
    assert y.tolist() == [[3.0], [0.0]]


# The kernel as it is stored and as it is used.


def test_the_kernel_is_quantized_inside_a_scope_only():
    layer = QuantDense(5, **BINARY)
    layer.build((None, 6))
    stored = normal((6, 5))
    layer.kernel.assign(stored)
    np.testing.assert_array_equal(backends.to_numpy(layer.kernel), stored)
    with quantized_scope(True):
        np.testing.assert_array_equal(backends.to_numpy(layer.kernel), oracle.sign(stored))
        with quantized_scope(False):
            np.testing.assert_array_equal(backends.to_numpy(layer.kernel), stored)
    layer(normal((2, 6)))
    assert layer.kernel is layer.trainable_variables[0]
    np.testing.assert_array_equal(backends.to_numpy(layer.kernel), stored)


@pytest.mark.parametrize(
    ("quantizer", "precision"),
    [
        (quantizers.NoOp(precision=1), 1),
        (quantizers.NoOp(precision=2), 2),
        ("ste_sign", 1),
        ("approx_sign", 1),
        ("swish_sign", 1),
        ("magnitude_aware_sign", 1),
        ("ste_heaviside", 1),
        ("ste_tern", 2),
        (quantizers.DoReFa(4, mode="weights"), 4),
        (set_precision(1)(lambda x: x), 1),
        (lambda x: x, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_the_kernel_has_the_precision_of_its_quantizer_and_nothing_else_has(
    kind, quantizer, precision
):
    """As in Larq, whose users send `ste_sign` kernels to Bop."""
    layer, _, shape = KINDS[kind]
    layer = layer(kernel_quantizer=quantizer, kernel_constraint="weight_clip")
    layer.build(shape)
    assert getattr(layer.kernel, "precision", None) == precision
    assert Bop.is_binary_variable(layer.kernel) == (precision == 1)
    assert not Bop.is_binary_variable(layer.bias)


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_a_binarized_latent_kernel_without_a_constraint_is_warned_of(kind):
    layer, _, _ = KINDS[kind]
    with pytest.warns(UserWarning, match=r"'mine' binarizes its kernel.*weight_clip"):
        layer(kernel_quantizer="ste_sign", name="mine")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(kernel_quantizer="ste_sign", kernel_constraint="weight_clip")
        layer(kernel_quantizer=quantizers.NoOp(precision=1))
        layer(input_quantizer="ste_sign")
        layer()


@pytest.mark.parametrize("kind", ["dense", "conv"])
@pytest.mark.parametrize("argument", ["input_quantizer", "kernel_quantizer"])
@pytest.mark.parametrize("value", ["ste_sing", 3])
def test_an_unknown_quantizer_is_an_error(kind, argument, value):
    layer, _, _ = KINDS[kind]
    with pytest.raises(ValueError, match="quantizer") as error:
        layer(**{argument: value})
    assert f"Received: {value!r}" in str(error.value)


def test_weight_clip_holds_while_training():
    model = keras.Sequential([keras.Input((6,)), QuantDense(5, use_bias=False, **BINARY)])
    model.compile(keras.optimizers.SGD(10.0), "mean_squared_error")
    model.fit(normal((8, 6)), normal((8, 5), 1), epochs=3, verbose=0)
    kernel = backends.to_numpy(model.layers[0].kernel)
    assert np.abs(kernel).max() == 1.0


# Saving and copying.


@pytest.mark.parametrize(
    "layer",
    [
        lambda: QuantDense(5, activation="relu", **BINARY),
        lambda: QuantDense(5, kernel_quantizer=quantizers.NoOp(precision=1), use_bias=False),
        lambda: QuantDense(5, input_quantizer=quantizers.SteSign(clip_value=0.5)),
        lambda: QuantConv2D(4, (3, 2), strides=2, padding="same", pad_values=1.0, **BINARY),
        lambda: QuantConv2D(
            4, 3, dilation_rate=2, kernel_constraint=constraints.WeightClip(0.5), name="mine"
        ),
    ],
)
def test_config_goes_through_json_and_back(layer):
    layer = layer()
    copy = keras.layers.deserialize(json.loads(json.dumps(keras.layers.serialize(layer))))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()
    assert type(copy.kernel_quantizer) is type(layer.kernel_quantizer)
    assert type(copy.kernel_constraint) is type(layer.kernel_constraint)


def mixed_network():
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            QuantConv2D(4, 3, padding="same", pad_values=1.0, **BINARY),
            QuantConv2D(4, 3, kernel_quantizer=quantizers.NoOp(precision=1)),
            keras.layers.Flatten(),
            QuantDense(3, input_quantizer=quantizers.SteSign(0.5)),
        ]
    )


def test_a_model_loads_without_custom_objects(tmp_path):
    model = mixed_network()
    model.save(tmp_path / "model.keras")
    with keras.saving.custom_object_scope({}):
        loaded = keras.models.load_model(tmp_path / "model.keras")
    x = normal((2, 8, 8, 2))
    np.testing.assert_array_equal(backends.to_numpy(loaded(x)), backends.to_numpy(model(x)))
    assert [Bop.is_binary_variable(v) for v in loaded.variables] == [
        Bop.is_binary_variable(v) for v in model.variables
    ]
    assert sum(Bop.is_binary_variable(v) for v in loaded.variables) == 2


def test_clone_model():
    model = mixed_network()
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    x = normal((2, 8, 8, 2))
    np.testing.assert_array_equal(backends.to_numpy(clone(x)), backends.to_numpy(model(x)))
    assert [Bop.is_binary_variable(v) for v in clone.variables] == [
        Bop.is_binary_variable(v) for v in model.variables
    ]


# Mixed precision.


@pytest.mark.parametrize("kind", ["dense", "conv"])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(kind, policy):
    """Signs, and sums of few signs, are exact in half precision."""
    make, _, shape = KINDS[kind]
    layer = make(use_bias=False, dtype=policy, **BINARY)
    layer.build(shape)
    kernel = normal(layer.kernel.shape, 1) * np.float32(1e-9)  # Zero, if rounded to float16.
    layer.kernel.assign(kernel)
    x = normal(shape)
    y = layer(x)
    assert backends.dtype_of(y) == policy.removeprefix("mixed_")
    assert backends.dtype_of(layer.kernel) == "float32"
    if kind == "dense":
        expected = oracle.sign(x) @ oracle.sign(kernel)
    else:
        expected = oracle.conv2d(oracle.sign(x), oracle.sign(kernel))
    np.testing.assert_array_equal(backends.to_numpy(y), expected)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_tiny_negative_latent_weight_stays_negative(policy):
    layer = QuantDense(1, use_bias=False, dtype=policy, **BINARY)
    layer.build((1, 1))
    layer.kernel.assign(np.float32([[-1e-9]]))
    assert backends.to_numpy(layer(np.float32([[1.0]]))).tolist() == [[-1.0]]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_binary_kernel_trains_under_a_mixed_policy(policy):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            QuantDense(
                5, use_bias=False, kernel_quantizer=quantizers.NoOp(precision=1), dtype=policy
            ),
        ]
    )
    optimizer = Bop(threshold=0.02, gamma=1.0)
    model.compile(optimizer, "mean_squared_error")
    kernel = model.layers[0].kernel
    optimizer.build([kernel])
    before = backends.to_numpy(kernel)
    x, y = oracle.sign(normal((8, 6))), oracle.sign(normal((8, 5), 1))
    model.fit(x, y, batch_size=8, verbose=0)
    # The gradient of the mean of (x k - y)^2 over all 40 outputs: whole numbers times 2/40.
    gradient = 2 / 40 * np.round(x.T @ (x @ before - y))
    flips = np.sign(gradient) == before
    assert backends.dtype_of(kernel) == "float32"
    np.testing.assert_array_equal(backends.to_numpy(kernel), np.where(flips, -before, before))
    assert flips.any()
