"""Bop as a Keras optimizer: configs, files, gradient accumulation, scaled losses."""

import json
import warnings

import keras
import numpy as np
import pytest

from larq_bop import Bop, CaseOptimizer, export
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import QuantDense
from larq_bop.quantizers import NoOp
from tests import backends, oracle

SCHEDULE = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.5, 0.25])


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"threshold": 0.25, "gamma": 0.125, "name": "mine"},
        {"threshold": SCHEDULE, "gamma": 0.5},
        {"threshold": 0.5, "gamma": SCHEDULE},
        {"clipnorm": 1.5},
        {"clipvalue": 1.5},
        {"global_clipnorm": 1.5},
        {"loss_scale_factor": 8.0, "gradient_accumulation_steps": 4},
    ],
    ids=str,
)
def test_config_goes_through_json_and_back(arguments):
    optimizer = Bop(**arguments)
    config = json.loads(json.dumps(optimizer.get_config()))
    copy = Bop.from_config(config)
    assert copy.get_config() == optimizer.get_config()
    for name in ("clipnorm", "clipvalue", "global_clipnorm", "loss_scale_factor", "name"):
        assert getattr(copy, name) == getattr(optimizer, name)
    assert copy.gradient_accumulation_steps == arguments.get("gradient_accumulation_steps")
    for name in ("gamma", "threshold"):
        for step in (0, 5):
            for each in (copy, optimizer):
                each._iterations.assign(step)
            np.testing.assert_array_equal(
                backends.to_numpy(getattr(copy, name)), backends.to_numpy(getattr(optimizer, name))
            )


def test_keras_serializes_it_without_custom_objects():
    config = json.loads(json.dumps(keras.optimizers.serialize(Bop(0.5, 0.25))))
    copy = keras.optimizers.deserialize(config)
    assert type(copy) is Bop
    assert copy.get_config() == Bop(0.5, 0.25).get_config()


@pytest.mark.parametrize("mode", backends.MODES)
@pytest.mark.parametrize("accumulate", [2, 3])
def test_gradient_accumulation_takes_the_mean_gradient(accumulate, mode):
    rng = np.random.default_rng(2)
    variable = backends.binary_variable(rng.standard_normal((5, 4)))
    reference = oracle.Bop(backends.to_numpy(variable))
    optimizer = Bop(threshold=0.05, gamma=0.5, gradient_accumulation_steps=accumulate)
    step = backends.stepper(optimizer, [variable], mode)
    for t in range(3):
        gradients = [rng.standard_normal((5, 4)).astype("float32") for _ in range(accumulate)]
        for g in gradients[:-1]:
            step([g])
            np.testing.assert_array_equal(backends.to_numpy(variable), reference.weights)
        step([gradients[-1]])
        reference.step(np.mean(gradients, axis=0), threshold=0.05, gamma=0.5)
        np.testing.assert_array_equal(backends.to_numpy(variable), reference.weights)
        np.testing.assert_allclose(
            backends.to_numpy(optimizer._moments[0][0]), reference.momentum, rtol=1e-5, atol=1e-7
        )
        assert optimizer.flips(t + 1).tolist() == reference.flips
    assert sum(reference.flips) > 0


@pytest.mark.parametrize("scaled", ["loss_scale_factor", "LossScaleOptimizer"])
def test_a_scaled_loss_gives_the_same_flips(scaled):
    rng = np.random.default_rng(3)
    start = rng.standard_normal((6, 5))
    variables = [backends.binary_variable(start) for _ in range(2)]
    plain = Bop(threshold=0.05, gamma=0.25)
    if scaled == "loss_scale_factor":
        scale, optimizer = 1024.0, Bop(threshold=0.05, gamma=0.25, loss_scale_factor=1024.0)
        inner = optimizer
    else:
        inner = Bop(threshold=0.05, gamma=0.25)
        scale, optimizer = 2.0**15, keras.optimizers.LossScaleOptimizer(inner)
    steps = [
        backends.stepper(plain, variables[:1]),
        backends.stepper(optimizer, variables[1:], backends.MODES[-1]),
    ]
    assert float(backends.to_numpy(optimizer.scale_loss(1.0))) == scale
    for _ in range(5):
        gradient = rng.standard_normal((6, 5)).astype("float32")
        steps[0]([gradient])
        steps[1]([gradient * np.float32(scale)])
        backends.assert_identical(*[[backends.to_numpy(v)] for v in variables])
    np.testing.assert_array_equal(plain.flips(5), inner.flips(5))
    assert plain.flips(5).sum() > 0


def binary_network():
    def kernel():
        return {
            "kernel_quantizer": NoOp(precision=1),
            "kernel_initializer": BinaryGlorotNormal(),
            "use_bias": False,
        }

    model = keras.Sequential(
        [
            keras.Input((6,)),
            QuantDense(16, **kernel()),
            QuantDense(3, input_quantizer="ste_sign", **kernel()),
            keras.layers.Softmax(),
        ]
    )
    return model


@pytest.mark.parametrize(
    "arguments",
    [
        {"threshold": 1e-3, "gamma": 0.1},
        {
            "threshold": keras.optimizers.schedules.ExponentialDecay(1e-3, 4, 0.9),
            "gamma": keras.optimizers.schedules.ExponentialDecay(0.2, 4, 0.9),
            "clipnorm": 1.0,
        },
        {"threshold": 1e-3, "gamma": 0.1, "gradient_accumulation_steps": 3},
    ],
    ids=["floats", "schedules", "accumulation"],
)
def test_training_continues_from_a_keras_file_to_the_same_bits(arguments, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 6)).astype("float32"), rng.integers(0, 3, 40)
    model = binary_network()
    model.compile(Bop(**arguments), "sparse_categorical_crossentropy")
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(x, y, epochs=2, **fit)
    model.save(tmp_path / "half.keras")
    model.fit(x, y, epochs=2, **fit)

    loaded = keras.models.load_model(tmp_path / "half.keras")
    assert int(backends.to_numpy(loaded.optimizer._iterations)) == 10
    loaded.fit(x, y, epochs=2, **fit)
    backends.assert_identical(
        backends.snapshot(loaded.variables), backends.snapshot(model.variables)
    )
    backends.assert_identical(
        backends.snapshot(loaded.optimizer.variables), backends.snapshot(model.optimizer.variables)
    )
    steps = 20 // arguments.get("gradient_accumulation_steps", 1)
    assert model.optimizer.flips(steps).sum() > 0


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_the_first_gradient_is_that_of_binary_weights(run_eagerly):
    """Weights that start as real numbers are signs before anything is computed with them."""
    x = np.float32([[1.0, 2.0, 3.0]])
    model = keras.Sequential(
        [
            keras.Input((3,)),
            QuantDense(
                1,
                kernel_quantizer=NoOp(precision=1),
                use_bias=False,
                kernel_initializer=keras.initializers.Constant(0.25),
            ),
        ]
    )
    optimizer = Bop(threshold=1e9, gamma=1.0)
    model.compile(optimizer, "mean_squared_error", run_eagerly=run_eagerly)
    model.fit(x, np.float32([[0.0]]), verbose=0)
    # The kernel is (1, 1, 1), not (0.25, 0.25, 0.25): y = 6 and the gradient is 2 * y * x.
    np.testing.assert_array_equal(
        backends.to_numpy(optimizer._moments[0][0]), [[12.0], [24.0], [36.0]]
    )


def test_eager_training_flips_what_compiled_training_flips():
    flips, losses = [], []
    for run_eagerly in (False, True):
        keras.utils.set_random_seed(0)
        # Its initializer draws real numbers.
        kernel = {"kernel_quantizer": NoOp(precision=1), "use_bias": False}
        model = keras.Sequential(
            [
                keras.Input((6,)),
                QuantDense(16, **kernel),
                keras.layers.BatchNormalization(scale=False),
                QuantDense(3, input_quantizer="ste_sign", **kernel),
            ]
        )
        bop = Bop(threshold=1e-2, gamma=0.1)
        optimizer = CaseOptimizer(
            (Bop.is_binary_variable, bop), default_optimizer=keras.optimizers.Adam(0.01)
        )
        model.compile(optimizer, "mse", run_eagerly=run_eagerly)
        rng = np.random.default_rng(0)
        x, y = rng.standard_normal((40, 6)), rng.standard_normal((40, 3))
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            history = model.fit(x, y, batch_size=8, shuffle=False, epochs=2, verbose=0)
        flips.append(bop.flips(10).tolist())
        losses.append(history.history["loss"])
    assert flips[0] == flips[1]
    assert sum(flips[0]) > 0
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.parametrize("in_case", [False, True])
def test_an_eager_step_that_builds_the_optimizer_too_late_warns(in_case):
    """Of kernels that someone wrote real numbers into: their gradient is another network's."""
    weight = backends.binary_variable([0.25, -1.0], name="real")
    optimizer = Bop(threshold=1e9)
    if in_case:
        optimizer = CaseOptimizer((Bop.is_binary_variable, optimizer))
    with pytest.warns(UserWarning, match=r"not -1 and \+1 yet: real\..*optimizer\.build"):
        optimizer.apply([keras.ops.ones(2)], [weight])
    np.testing.assert_array_equal(backends.to_numpy(weight), [1.0, -1.0])


def test_building_before_the_first_step_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values, build in (([0.25, -1.0], True), ([1.0, -1.0], False)):
            weight = backends.binary_variable(values)
            optimizer = Bop(threshold=1e9)
            if build:
                optimizer.build([weight])
            optimizer.apply([keras.ops.ones(2)], [weight])


# What is written into kernels while Bop trains them.


def one_layer(quantizer):
    return keras.Sequential(
        [
            keras.Input((6,)),
            QuantDense(
                3, kernel_quantizer=quantizer, kernel_constraint="weight_clip", use_bias=False
            ),
        ]
    )


def write(source, model, latent, folder):
    if source == "set_weights":
        model.set_weights([latent])
        return
    other = one_layer(None)
    other.set_weights([latent])
    other.save_weights(folder / "model.weights.h5")
    model.load_weights(folder / "model.weights.h5")


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@pytest.mark.parametrize("source", ["set_weights", "load_weights"])
@pytest.mark.parametrize("quantizer", [NoOp(precision=1), "ste_sign"])
def test_latent_weights_that_are_loaded_are_signs_at_once(quantizer, source, tmp_path):
    model = one_layer(quantizer)
    model.compile(Bop(), "mse")
    model.optimizer.build(model.trainable_variables)
    latent = np.random.default_rng(0).standard_normal((6, 3)).astype("float32")
    write(source, model, latent, tmp_path)
    np.testing.assert_array_equal(backends.to_numpy(model.weights[0]), oracle.sign(latent))
    x = np.random.default_rng(1).standard_normal((2, 6)).astype("float32")
    np.testing.assert_allclose(
        model.predict(x, verbose=0), x @ oracle.sign(latent), rtol=1e-5, atol=1e-6
    )
    (packed,) = export.load_packed(export.save_packed(model, tmp_path / "model.npz")).values()
    np.testing.assert_array_equal(packed, oracle.sign(latent))


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
@pytest.mark.parametrize("source", ["set_weights", "load_weights"])
def test_weights_of_another_optimizer_stay_as_they_are_loaded(source, tmp_path):
    model = one_layer(NoOp(precision=1))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    latent = np.random.default_rng(0).standard_normal((6, 3)).astype("float32")
    write(source, model, latent, tmp_path)
    np.testing.assert_array_equal(backends.to_numpy(model.weights[0]), latent)


# Embeddings, whose gradients are sparse on TensorFlow.


@pytest.mark.filterwarnings("ignore:Bop makes signs of all the variables it is given")
@pytest.mark.parametrize(
    "arguments",
    [{}, {"clipnorm": 1.0}, {"gradient_accumulation_steps": 2}, "LossScaleOptimizer"],
    ids=str,
)
def test_an_embedding_trains(arguments):
    """Rows that no sample has seen get gradients of 0, and never flip."""
    is_scaled = arguments == "LossScaleOptimizer"
    bop = Bop(1e-4, 0.5, **({} if is_scaled else arguments))
    model = keras.Sequential(
        [keras.Input((4,), dtype="int32"), keras.layers.Embedding(8, 3), keras.layers.Flatten()]
    )
    bop.build(model.trainable_variables)
    if is_scaled:
        bop = Bop(1e-4, 0.5)
    before = backends.to_numpy(model.weights[0])
    model.compile(keras.optimizers.LossScaleOptimizer(bop) if is_scaled else bop, "mse")
    x = np.tile(np.arange(4), (8, 1))
    model.fit(x, np.zeros((8, 12)), batch_size=4, verbose=0)
    after = backends.to_numpy(model.weights[0])
    # The gradient of the square of a sign is that sign: each is against it.
    expected = np.where(np.arange(8)[:, None] < 4, -before, before)
    steps = 1 if "gradient_accumulation_steps" in arguments else 2
    np.testing.assert_array_equal(after, before if steps == 2 else expected)
    assert bop.flips(steps).tolist() == [12] * steps
