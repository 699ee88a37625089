"""A small network and its CaseOptimizer, for tests."""

import keras
import numpy as np

from larq_bop import Bop, CaseOptimizer
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import QuantDense
from larq_bop.quantizers import NoOp
from tests import backends

SGD = keras.optimizers.SGD

GAMMAS = {
    "constant": (0.125, [0.125] * 4),
    # 5 steps an epoch.
    "schedule": (
        keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=5, decay_rate=0.5),
        [0.25, 0.125, 0.0625, 0.03125],
    ),
}
"""Gammas, and what each is after the first, second, third and fourth epoch of `fit`."""


def binary_kernel():
    return {
        "kernel_quantizer": NoOp(precision=1),
        "kernel_initializer": BinaryGlorotNormal(),
        "use_bias": False,
    }


def network(units=16, inputs=6):
    """Two binary kernels for Bop, two biases and no scales for another optimizer."""
    return functional(layers(units), inputs)


def layers(units=16):
    return [
        QuantDense(units, **binary_kernel(), name="first"),
        keras.layers.BatchNormalization(scale=False, name="first_norm"),
        QuantDense(3, input_quantizer="ste_sign", **binary_kernel(), name="last"),
        keras.layers.BatchNormalization(scale=False, name="last_norm"),
        keras.layers.Softmax(),
    ]


def functional(layers, inputs=6):
    x = first = keras.Input((inputs,))
    for layer in layers:
        x = layer(x)
    return keras.Model(first, x)


def data(samples=40, inputs=6):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((samples, inputs)).astype("float32")
    return x, rng.integers(0, 3, samples)


def bop(**arguments):
    return Bop(**{"threshold": 1e-3, "gamma": 0.1, **arguments})


def case(predicate=Bop.is_binary_variable, binary=None, default=None):
    return CaseOptimizer(
        (predicate, binary or bop()),
        default_optimizer=default or keras.optimizers.Adam(0.01),
    )


def fit(model, optimizer=None, epochs=1, **arguments):
    """Trains in batches of 8 in a fixed order: 5 steps an epoch."""
    if optimizer is not None:
        model.compile(optimizer, "sparse_categorical_crossentropy")
    x, y = data()
    return model.fit(
        x, y, epochs=epochs, **{"batch_size": 8, "shuffle": False, "verbose": 0, **arguments}
    )


def tagged_and_plain(dtype="float32"):
    """One binary and one other variable."""
    rng = np.random.default_rng(1)
    plain = keras.Variable(rng.standard_normal(5).astype("float32"), dtype=dtype, name="plain")
    return [backends.binary_variable(rng.standard_normal((4, 3)), dtype=dtype), plain]


def number(x):
    return float(backends.to_numpy(x))


def assert_same_training(model, other):
    """All weights and all state of the optimizers are the same bits."""
    for values in (lambda m: m.variables, lambda m: m.optimizer.variables):
        backends.assert_identical(
            backends.snapshot(values(model)), backends.snapshot(values(other))
        )


def trained(optimizer, layers=None):
    """A model of the layers, or the network, after one step."""
    model = functional(layers) if layers else network()
    model.compile(optimizer, "sparse_categorical_crossentropy")
    x, y = data()
    model.train_on_batch(x, y)
    return model
