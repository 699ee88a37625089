"""Bop's gamma and threshold: what they may be, and how they change during training."""

import keras
import numpy as np
import pytest

from larq_bop import Bop
from tests import backends


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("gamma", -1e-9),
        ("gamma", 1.001),
        ("gamma", float("nan")),
        ("gamma", float("inf")),
        ("gamma", "0.1"),
        ("gamma", None),
        ("gamma", [0.1]),
        ("threshold", -1e-9),
        ("threshold", float("nan")),
        ("threshold", float("inf")),
        ("threshold", "1e-8"),
        ("threshold", None),
        ("use_ema", True),
        ("weight_decay", 0.01),
        ("learning_rate", 0.01),
    ],
)
def test_errors_at_construction_name_the_argument_and_the_value(argument, value):
    with pytest.raises(ValueError, match=argument) as error:
        Bop(**{argument: value})
    assert f"Received: {argument}=" in str(error.value)
    assert str(value) in str(error.value)


@pytest.mark.parametrize(
    "arguments", [{"gamma": 0}, {"gamma": 1}, {"threshold": 0}, {"gamma": np.float32(0.5)}]
)
def test_numbers_of_other_types_are_numbers(arguments):
    ((name, value),) = arguments.items()
    assert float(backends.to_numpy(getattr(Bop(**arguments), name))) == float(value)


def test_unknown_arguments_are_refused():
    with pytest.raises(ValueError, match="momentum"):
        Bop(momentum=0.9)


@pytest.mark.parametrize("mode", backends.MODES)
@pytest.mark.parametrize("name", ["gamma", "learning_rate"])
def test_assigning_gamma_changes_the_next_step(name, mode):
    variable = backends.binary_variable([-1.0])
    optimizer = Bop(threshold=0.0, gamma=0.5)
    step = backends.stepper(optimizer, [variable], mode)
    step([np.float32([1.0])])
    setattr(optimizer, name, 0.25)
    step([np.float32([2.0])])
    # 0.75 * 0.5 + 0.25 * 2
    assert backends.to_numpy(optimizer._moments[0][0]).tolist() == [0.875]
    assert float(backends.to_numpy(optimizer.gamma)) == 0.25
    assert float(backends.to_numpy(optimizer.learning_rate)) == 0.25


@pytest.mark.parametrize("mode", backends.MODES)
def test_assigning_the_threshold_changes_the_next_step(mode):
    variable = backends.binary_variable([1.0])
    optimizer = Bop(threshold=2.0, gamma=1.0)
    step = backends.stepper(optimizer, [variable], mode)
    step([np.float32([1.0])])
    assert backends.to_numpy(variable).tolist() == [1.0]
    optimizer.threshold = 0.5
    step([np.float32([1.0])])
    assert backends.to_numpy(variable).tolist() == [-1.0]
    assert float(backends.to_numpy(optimizer.threshold)) == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gamma", 1.5),
        ("gamma", float("nan")),
        ("learning_rate", -0.5),
        ("learning_rate", "fast"),
        ("threshold", -1.0),
        ("threshold", float("inf")),
        ("threshold", "high"),
    ],
)
def test_assigning_what_is_invalid_is_an_error_and_changes_nothing(name, value):
    optimizer = Bop(threshold=0.5, gamma=0.25)
    with pytest.raises(ValueError, match=str(value)):
        setattr(optimizer, name, value)
    assert float(backends.to_numpy(optimizer.gamma)) == 0.25
    assert float(backends.to_numpy(optimizer.threshold)) == 0.5


@pytest.mark.parametrize("name", ["gamma", "threshold"])
def test_what_follows_a_schedule_cannot_be_set(name):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    optimizer = Bop(**{name: schedule})
    with pytest.raises(TypeError, match=r"schedule|Schedule"):
        setattr(optimizer, name, 0.1)
    assert float(backends.to_numpy(getattr(optimizer, name))) == 0.5


def test_assigning_a_schedule_to_gamma():
    optimizer = Bop(threshold=0.0, gamma=0.5)
    variable = backends.binary_variable([-1.0])
    step = backends.stepper(optimizer, [variable])
    optimizer.gamma = keras.optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    step([np.float32([4.0])])
    step([np.float32([2.0])])
    # Gamma is 1 and then 0.5: m = 4, then 0.5 * 4 + 0.5 * 2.
    assert backends.to_numpy(optimizer._moments[0][0]).tolist() == [3.0]


def test_threshold_takes_a_callable_without_arguments_as_gamma_does():
    values = iter([2.0, 0.5])
    optimizer = Bop(threshold=lambda: next(values), gamma=lambda: 1.0)
    assert (optimizer.threshold, optimizer.threshold, optimizer.gamma) == (2.0, 0.5, 1.0)
