"""Inside of `keras.RematScope` a network trains to the same weights."""

import contextlib

import keras
import numpy as np
import pytest
from keras import ops

import larq_bop as lb
from tests import backends

QUANTIZERS = {
    "ste_sign": {},
    "approx_sign": {},
    "swish_sign": {},
    "magnitude_aware_sign": {},
    "ste_tern": {},
    "ste_heaviside": {},
    "dorefa_quantizer": {"mode": "weights"},
}


def quantizer(name):
    cls = type(lb.quantizers.get(name))
    return cls(**QUANTIZERS[name], name=name)


def of_all_quantizers():
    """Each before an input and before a kernel, as a layer and as a function."""
    inputs = keras.Input((5,))
    outputs = [
        lb.layers.QuantDense(
            4,
            input_quantizer=name,
            kernel_quantizer=quantizer(name),
            kernel_constraint="weight_clip",
        )(inputs)
        for name in QUANTIZERS
    ]
    outputs.append(keras.layers.Activation(lb.quantizers.ste_sign)(inputs))
    return inputs, keras.layers.Concatenate()(outputs)


def convolutional(channels=8):
    """With 128 channels, TensorFlow's fast ways."""
    kernel = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
    inputs = x = keras.Input((4, 4, 2))
    for arguments in ({}, {"input_quantizer": "ste_sign", "pad_values": 1.0}):
        x = lb.layers.QuantConv2D(channels, 3, padding="same", **kernel, **arguments)(x)
        x = lb.layers.BatchNormalization()(x)
    x = lb.layers.QuantSeparableConv2D(3, 3, depthwise_quantizer=lb.quantizers.NoOp(precision=1))(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    return inputs, lb.layers.QuantDense(3, input_quantizer="ste_sign", activation="tanh", **kernel)(
        x
    )


def trained(network, scope, policy="float32", **compile_arguments):
    """All weights after two steps, and what stands in the log of the training."""
    keras.utils.clear_session(free_memory=False)  # Layers have the same names each time.
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    with scope:
        inputs, outputs = network()
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), "mse", **compile_arguments)
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((4, *t.shape[1:])).astype("float32") for t in (inputs, outputs))
    history = model.fit(x, y, batch_size=2, shuffle=False, verbose=0).history
    return backends.snapshot(model.weights), {name: value[0] for name, value in history.items()}


def assert_the_same(network, scope, **arguments):
    weights, history = trained(network, scope, **arguments)
    expected, expected_history = trained(network, contextlib.nullcontext(), **arguments)
    assert history == pytest.approx(expected_history, rel=1e-5)
    for value, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("network", [of_all_quantizers, convolutional])
def test_it_trains_the_same(network):
    assert_the_same(network, keras.RematScope())


@pytest.mark.parametrize(
    "scope",
    [
        {"mode": "activations"},
        {"mode": "larger_than", "output_size_threshold": 20},
        {"mode": "list_of_layers", "layer_names": ["quant_conv2d_1", "batch_normalization"]},
    ],
    ids=lambda scope: scope["mode"],
)
def test_every_mode_trains_the_same(scope):
    assert_the_same(convolutional, keras.RematScope(**scope))


@pytest.mark.skipif(backends.BACKEND != "tensorflow", reason="the fast ways are TensorFlow's")
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_fast_convolutions_train_the_same(policy):
    assert_the_same(lambda: convolutional(128), keras.RematScope(), policy=policy)


@pytest.mark.skipif(backends.BACKEND != "tensorflow", reason="elsewhere steps are what they are")
def test_eager_steps_train_the_same():
    assert_the_same(convolutional, keras.RematScope(), run_eagerly=True)


def test_flips_are_counted_once():
    def network():
        with lb.context.metrics_scope(["flip_ratio"]):
            return convolutional()

    assert_the_same(network, keras.RematScope())


@pytest.mark.parametrize("make", [lb.models.binarynet, lb.models.latent_cnn])
def test_the_models_train_in_it(make):
    size = 8 if make is lb.models.binarynet else 18
    arguments = {"filters": 4, "dense_units": 8} if make is lb.models.binarynet else {}
    with keras.RematScope():
        model = make((size, size, 1), **arguments)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    x = ops.ones((2, size, size, 1))
    history = model.fit(x, np.array([1, 2]), verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.skipif(backends.BACKEND != "tensorflow", reason="it is TensorFlow's that fails")
def test_keras_own_models_and_layers_fail_in_it_on_tensorflow():
    """Upstream: it recomputes functions of positional arguments, and Keras passes `training`.

    When this test fails, `docs/moving-from-larq.md` need not say so any more.
    """
    with keras.RematScope():
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="custom_gradient decorator currently supports keyword"):
        model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
