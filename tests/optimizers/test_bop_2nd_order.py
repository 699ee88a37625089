"""Bop2ndOrder against NumPy and hand arithmetic."""

import json

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from larq_bop import Bop2ndOrder
from tests import backends, oracle

RANDOM_CASE = {
    "shape": st.sampled_from(backends.SHAPES),
    "seed": st.integers(0, 2**32 - 1),
    "threshold": st.just(0.0) | st.floats(1e-6, 1.0),
    "gamma": st.just(1.0) | st.floats(2**-10, 1.0),
    "sigma": st.just(1.0) | st.floats(2**-10, 1.0),
    "bias_correction": st.booleans(),
}


def check_against_oracle(shape, seed, threshold, gamma, sigma, bias_correction, mode):
    rng = np.random.default_rng(seed)
    variable = backends.binary_variable(rng.standard_normal(shape))
    reference = oracle.Bop2ndOrder(backends.to_numpy(variable))
    optimizer = Bop2ndOrder(threshold, gamma, sigma, bias_correction)
    step = backends.stepper(optimizer, [variable], mode)
    for _ in range(5):
        gradient = rng.standard_normal(shape).astype("float32")
        step([gradient])
        reference.step(gradient, threshold, gamma, sigma, bias_correction)
        np.testing.assert_array_equal(backends.to_numpy(variable), reference.weights)
        momentum, velocity = optimizer._moments[0]
        for state, expected in ((momentum, reference.momentum), (velocity, reference.velocity)):
            np.testing.assert_allclose(backends.to_numpy(state), expected, rtol=1e-6, atol=1e-7)


@hypothesis.settings(max_examples=15)
@hypothesis.given(**RANDOM_CASE)
def test_every_weight_and_moment_equals_the_oracle(**case):
    check_against_oracle(**case, mode="eager")


@pytest.mark.skipif(backends.BACKEND == "torch", reason="Keras does not compile torch's steps")
@pytest.mark.parametrize("mode", backends.MODES[1:] or ["eager"])
def test_compiled_steps_equal_the_oracle(mode):
    @hypothesis.settings(max_examples=4)
    @hypothesis.given(**RANDOM_CASE)
    def check(**case):
        check_against_oracle(**case, mode=mode)

    check()


@pytest.mark.parametrize("mode", backends.MODES)
def test_weights_by_the_thousand_equal_the_oracle(mode):
    """On TensorFlow they are updated block by block."""
    check_against_oracle((16384 + 7,), 0, 0.5, 0.25, 0.5, bias_correction=True, mode=mode)


def weights_after(weights, gradients, **arguments):
    variable = backends.binary_variable(weights)
    step = backends.stepper(Bop2ndOrder(**arguments), [variable])
    for g in gradients:
        step([np.float32(g)])
    return backends.to_numpy(variable).tolist()


def test_the_signal_does_not_depend_on_the_size_of_the_gradient():
    # m = g / 2 and sqrt(v) = |g| / 2: the signal is sign(g) for all sizes.
    gradient = [1e-3, 1e3, -1e-3, -1e3]
    arguments = {"gamma": 0.5, "sigma": 0.25}
    assert weights_after([1, 1, -1, -1], [gradient], threshold=0.999, **arguments) == [
        -1.0,
        -1.0,
        1.0,
        1.0,
    ]
    assert weights_after([1, 1, -1, -1], [gradient], threshold=1.001, **arguments) == [
        1.0,
        1.0,
        -1.0,
        -1.0,
    ]


def test_a_gradient_that_was_always_zero_flips_nothing():
    for bias_correction in (False, True):
        assert weights_after(
            [1, -1], [[0, 0]] * 3, threshold=0.0, gamma=0.5, bias_correction=bias_correction
        ) == [1.0, -1.0]


@pytest.mark.parametrize("gamma", [1e-7, 1e-5, 0.1])
@pytest.mark.parametrize("steps", [1, 3])
def test_bias_correction_makes_averages_of_a_constant_gradient_that_gradient(gamma, steps):
    """Both corrected averages are those of the gradient itself: the signal is its sign."""
    arguments = {"gamma": gamma, "sigma": 1e-3, "bias_correction": True}
    gradients = [[0.5, 0.5]] * steps  # A weight at -1 does not flip back on a positive gradient.
    assert weights_after([1, -1], gradients, threshold=0.99, **arguments) == [-1.0, -1.0]
    assert weights_after([1, -1], gradients, threshold=1.01, **arguments) == [1.0, -1.0]


def test_a_non_finite_gradient_entry_leaves_both_moments():
    variable = backends.binary_variable([1.0, 1.0])
    optimizer = Bop2ndOrder(threshold=0.5, gamma=0.5, sigma=0.5)
    step = backends.stepper(optimizer, [variable])
    step([np.float32([-1.0, -1.0])])
    step([np.float32([np.nan, -1.0])])
    momentum, velocity = map(backends.to_numpy, optimizer._moments[0])
    assert momentum.tolist() == [-0.5, -0.75]
    assert velocity.tolist() == [0.5, 0.75]
    assert optimizer.non_finite_gradients == 1


SCHEDULE = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.5, 0.25])


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"threshold": 0.25, "gamma": 0.125, "sigma": 0.5, "bias_correction": True, "name": "mine"},
        {"threshold": SCHEDULE, "gamma": SCHEDULE},
    ],
    ids=str,
)
def test_config_goes_through_json_and_back(arguments):
    optimizer = Bop2ndOrder(**arguments)
    config = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    copy = keras.optimizers.deserialize(config)
    assert type(copy) is Bop2ndOrder
    assert copy.get_config() == optimizer.get_config()
    assert copy.sigma == arguments.get("sigma", 1e-3)
    assert copy.bias_correction == arguments.get("bias_correction", False)


def test_defaults_are_larqs():
    optimizer = Bop2ndOrder()
    np.testing.assert_allclose(backends.to_numpy(optimizer.threshold), 1e-6)
    np.testing.assert_allclose(backends.to_numpy(optimizer.gamma), 1e-7)
    assert optimizer.sigma == 1e-3
    assert optimizer.bias_correction is False


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("gamma", 1.5),
        ("threshold", -1.0),
        ("sigma", -0.1),
        ("sigma", 1.1),
        ("sigma", float("nan")),
        ("sigma", "0.1"),
        ("use_ema", True),
        ("weight_decay", 0.1),
    ],
)
def test_errors_at_construction_name_the_argument_and_the_value(argument, value):
    with pytest.raises(ValueError, match=argument) as error:
        Bop2ndOrder(**{argument: value})
    assert f"Received: {argument}=" in str(error.value)
    assert str(value) in str(error.value)


def test_state_is_two_float32_a_weight():
    optimizer = Bop2ndOrder()
    optimizer.build([backends.binary_variable(np.ones((40, 50)))])
    floats = [v for v in optimizer.variables if backends.dtype_of(v) == "float32"]
    assert [v.shape for v in floats if len(v.shape) == 2] == [(40, 50), (40, 50)]
