"""The fast convolutions of binary layers against TensorFlow's own and NumPy."""

import numpy as np
import pytest

from tests import backends, oracle

if backends.BACKEND != "tensorflow":
    pytest.skip("only TensorFlow has convolutions of ours", allow_module_level=True)

import keras
import tensorflow as tf
from keras import ops

import larq_bop as lb
from larq_bop.backend.tensorflow import convolutions as dispatch
from larq_bop.backend.tensorflow import winograd

# Images of all remainders of 4, images smaller than a tile, and batches cut into parts.
SIZES = [(1, 1), (2, 7), (3, 3), (4, 5), (6, 9), (8, 8), (13, 10)]


def signs(*shape, zeros=False):
    values = [-1, 0, 1] if zeros else [-1, 1]
    return np.random.default_rng(0).choice(values, shape).astype("float32")


def with_gradients(function, x, kernel, upstream=None):
    """Returns the function's value and its gradients, all computed in one graph."""

    @tf.function(autograph=False)
    def compute(x, kernel, upstream):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = function(x, kernel)
        return y, *tape.gradient(y, [x, kernel], upstream)

    if upstream is None:
        shape = function(tf.constant(x), tf.constant(kernel)).shape
        upstream = np.random.default_rng(1).standard_normal(shape)
    return [backends.to_numpy(v) for v in compute(x, kernel, tf.cast(upstream, x.dtype))]


def stock(padding):
    return lambda x, kernel: tf.nn.conv2d(x, kernel, 1, padding.upper())


def assert_close(values, expected, tolerance):
    for value, other in zip(values, expected, strict=True):
        assert value.shape == other.shape
        assert np.max(np.abs(value - other), initial=0) <= tolerance * np.max(
            np.abs(other), initial=0
        )


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(
    ("size", "padding"),
    [(size, "same") for size in SIZES] + [(size, "valid") for size in SIZES if min(size) >= 3],
)
def test_winograd_is_exact_on_signs(size, padding, zeros):
    x, kernel = signs(3, *size, 5, zeros=zeros), signs(3, 3, 5, 4)
    margin = 1 if padding == "same" else 0
    padded = np.pad(x, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
    y, *gradients = with_gradients(
        lambda x, kernel: winograd.convolve(x, kernel, padding), x, kernel
    )
    np.testing.assert_array_equal(y, oracle.conv2d(padded, kernel))
    assert_close(gradients, with_gradients(stock(padding), x, kernel)[1:], 1e-5)


def test_winograd_is_exact_on_the_largest_sums():
    # All products agree: nothing is larger, in the result or on the way to it.
    x, kernel = np.ones((1, 8, 8, 512), "float32"), np.ones((3, 3, 512, 2), "float32")
    np.testing.assert_array_equal(
        winograd.convolve(tf.constant(x), tf.constant(kernel), "valid"), np.full((1, 6, 6, 2), 4608)
    )


@pytest.mark.parametrize("batch", [0, 1, 3, 10])
def test_a_batch_in_parts_equals_a_whole_one(batch, monkeypatch):
    x, kernel = signs(batch, 8, 8, 6), signs(3, 3, 6, 4)
    whole = with_gradients(lambda x, k: winograd.convolve(x, k, "same"), x, kernel)
    monkeypatch.setattr(winograd, "_MOST_VALUES_OF_AN_IMAGE", 200)
    parts = with_gradients(lambda x, k: winograd.convolve(x, k, "same"), x, kernel)
    assert parts[0].shape == (batch, 8, 8, 4)
    np.testing.assert_array_equal(parts[0], whole[0])
    # Gradients are real numbers, and a processor may sum them otherwise in matrices of other sizes.
    assert_close(parts[1:], whole[1:], 1e-5)


def test_nan_is_not_lost_by_winograd():
    x = signs(1, 8, 8, 4)
    x[0, 2, 2, 0] = np.nan
    y = winograd.convolve(tf.constant(x), tf.constant(signs(3, 3, 4, 4)), "same")
    assert np.isnan(backends.to_numpy(y)[0, 2, 2]).all()


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_bfloat16_gradient_of_the_kernel(padding):
    """As near to the exact gradient as bfloat16 can be, and as near as the stock one."""
    x, kernel = signs(4, 8, 8, 16), signs(3, 3, 16, 8)
    y, *exact = with_gradients(stock(padding), x, kernel)
    upstream = np.random.default_rng(1).standard_normal(y.shape)
    result = with_gradients(
        lambda x, kernel: dispatch.convolution(x, kernel, (1, 1), padding, "channels_last", (1, 1)),
        tf.cast(x, "bfloat16"),
        tf.cast(kernel, "bfloat16"),
        upstream,
    )
    np.testing.assert_array_equal(result[0], y)
    assert_close(result[1:], exact, 1e-2)


def layer(**arguments):
    return lb.layers.QuantConv2D(
        **{
            "filters": 128,
            "kernel_size": 3,
            "padding": "same",
            "input_quantizer": "ste_sign",
            "kernel_quantizer": lb.quantizers.NoOp(precision=1),
            "kernel_initializer": lb.initializers.BinaryGlorotNormal(),
            "use_bias": False,
            **arguments,
        }
    )


@pytest.fixture
def convolutions(monkeypatch):
    """The names of the fast convolutions that ran."""
    ran = []
    for module, name in ((winograd, "convolve"), (dispatch, "_with_products_for_the_kernel")):
        function = getattr(module, name)

        def spy(*arguments, name=name, function=function):
            ran.append(name)
            return function(*arguments)

        monkeypatch.setattr(module, name, spy)
    return ran


WINOGRAD, PRODUCTS = ["convolve"], ["_with_products_for_the_kernel"]


@pytest.mark.parametrize(
    ("arguments", "policy", "expected"),
    [
        ({}, "float32", WINOGRAD),
        ({"padding": "valid"}, "float32", WINOGRAD),
        ({"pad_values": 1.0}, "float32", WINOGRAD),
        ({"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}, "float32", WINOGRAD),
        ({}, "mixed_bfloat16", PRODUCTS),
        ({"filters": 64}, "float32", []),
        ({"pad_values": 0.5}, "float32", []),
        ({"strides": 2}, "float32", []),
        ({"dilation_rate": 2}, "float32", []),
        ({"groups": 2}, "float32", []),
        ({"kernel_size": 5}, "float32", []),
        ({"kernel_size": (3, 1)}, "float32", []),
        ({"input_quantizer": None}, "float32", []),
        ({"kernel_quantizer": None}, "float32", []),
        ({}, "float64", []),
    ],
)
def test_a_layer_takes_the_fast_way_where_there_is_one(arguments, policy, expected, convolutions):
    quantized = layer(**arguments, dtype=policy)
    x = ops.convert_to_tensor(signs(2, 8, 8, 128))
    in_inference = quantized(x)
    # Compiling Winograd's for each size of a batch costs more than it saves.
    assert convolutions[-1:] == ([] if expected == WINOGRAD else expected)
    y = quantized(x, training=True)
    assert convolutions[-1:] == expected
    np.testing.assert_array_equal(backends.to_numpy(in_inference), backends.to_numpy(y))
    plain = keras.layers.Conv2D(
        quantized.filters,
        quantized.kernel_size,
        strides=quantized.strides,
        padding="valid",
        dilation_rate=quantized.dilation_rate,
        groups=quantized.groups,
        use_bias=False,
        dtype="float32",
    )
    total = [
        (d * (k - 1)) if quantized.padding == "same" else 0
        for d, k in zip(quantized.dilation_rate, quantized.kernel_size, strict=True)
    ]
    if quantized.strides == (2, 2):
        total = [1, 1]
    x = np.pad(
        x,
        [(0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)],
        constant_values=quantized.pad_values,
    )
    plain.build(x.shape)
    plain.kernel.assign(quantized.kernel)
    np.testing.assert_array_equal(
        backends.to_numpy(y).astype("float32"), backends.to_numpy(plain(x))
    )


def test_an_exported_model_predicts_the_same(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 128)), layer()])
    x = signs(2, 8, 8, 128)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_array_equal(loaded.serve(tf.constant(x)), backends.to_numpy(model(x)))


def test_a_model_compiled_whole_trains_the_same():
    x, y = signs(6, 8, 8, 128), np.arange(6) % 3
    histories = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((8, 8, 128)), layer(), keras.layers.Flatten(), keras.layers.Dense(3)]
        )
        model.compile(
            optimizer=keras.optimizers.SGD(1e-4),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=jit_compile,
        )
        histories.append(model.fit(x, y, batch_size=3, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(*histories, rtol=1e-4)
