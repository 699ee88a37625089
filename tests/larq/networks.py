"""Small networks of Larq's layers, and what to train them with."""

import larq as lq
import numpy as np
import tensorflow as tf

from larq_bop.larq import Bop, CaseOptimizer
from tests import oracle

BATCH = 16


def binary_kernel(seed=None):
    return {
        "kernel_quantizer": lq.quantizers.NoOp(precision=1),
        "kernel_initializer": tf.keras.initializers.GlorotNormal(seed),
        "use_bias": False,
    }


def network(normalized=True):
    """A convolution and a dense layer with binary kernels, and a dense layer without."""

    def normalization():
        return [tf.keras.layers.BatchNormalization(scale=False)] if normalized else []

    return tf.keras.Sequential(
        [
            tf.keras.Input((6, 6, 1)),
            lq.layers.QuantConv2D(4, 3, **binary_kernel(seed=1)),
            *normalization(),
            tf.keras.layers.Flatten(),
            lq.layers.QuantDense(8, input_quantizer="ste_sign", **binary_kernel(seed=2)),
            *normalization(),
            tf.keras.layers.Dense(3, kernel_initializer=tf.keras.initializers.GlorotNormal(3)),
            tf.keras.layers.Activation("softmax", dtype="float32"),
        ]
    )


def bop_and_adam(predicate=Bop.is_binary_variable, **bop):
    return CaseOptimizer(
        (predicate, Bop(**{"threshold": 1e-4, "gamma": 0.1, **bop})),
        default_optimizer=tf.keras.optimizers.Adam(0.01),
    )


def data(samples=64):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, 6, 6, 1)).astype("float32")
    return x, rng.integers(0, 3, samples)


def fit(model, epochs=2):
    """Trains in the same order each time and returns the losses of the epochs."""
    history = model.fit(*data(), batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0)
    return history.history["loss"]


def binary_weights(model):
    return [v.numpy() for v in model.trainable_variables if Bop.is_binary_variable(v)]


def make_binary(model):
    """Larq's own Bop does not do this for itself."""
    for variable in model.trainable_variables:
        if Bop.is_binary_variable(variable):
            variable.assign(oracle.sign(variable.numpy()))
