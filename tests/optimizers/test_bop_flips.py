"""The flips that Bop remembers."""

import numpy as np
import pytest
from keras import ops

from larq_bop import Bop
from tests import backends


@pytest.mark.parametrize("mode", backends.MODES)
def test_flips_are_remembered_for_1024_steps(mode):
    # Weight i flips in every step that 2^i divides: gamma is 1 and the gradient points its way.
    variable = backends.binary_variable(np.ones(4))
    optimizer = Bop(threshold=0.5, gamma=1.0)
    step = backends.stepper(optimizer, [variable], mode)
    weights, expected = np.ones(4, dtype="float32"), []
    total = 1024 + 7 if mode != "eager" or backends.BACKEND == "torch" else 20
    if total == 20:
        optimizer._iterations.assign(1014)  # Eager steps are slow: start just before the end.
        expected = [0] * 1014
    for t in range(len(expected), len(expected) + total):
        flip = np.array([t % 2**i == 0 for i in range(4)])
        step([np.where(flip, weights, 0).astype("float32")])
        weights = np.where(flip, -weights, weights)
        expected.append(int(flip.sum()))
    assert optimizer.flips().tolist() == expected[-1:]
    assert optimizer.flips(3).tolist() == expected[-3:]
    assert optimizer.flips(1024).tolist() == expected[-1024:]
    assert optimizer.flips(0).tolist() == []
    with pytest.raises(ValueError, match="steps=1025"):
        optimizer.flips(1025)


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
def test_a_variable_without_a_gradient_flipped_nothing():
    """Also where its array still holds the flips of 1,024 steps ago."""
    variables = [backends.binary_variable(np.ones(n)) for n in (2, 3)]
    optimizer = Bop(threshold=0.5, gamma=1.0)
    optimizer.build(variables)
    optimizer.apply([ops.ones(2), ops.ones(3)], variables)
    assert optimizer.flips().tolist() == [5]
    optimizer.apply([-ops.ones(2), None], variables)
    assert optimizer.flips(2).tolist() == [5, 2]
    optimizer._iterations.assign(1024)
    optimizer.apply([ops.ones(2), None], variables)
    assert optimizer.flips(3).tolist() == [0, 0, 2]


def test_an_optimizer_without_variables_flipped_nothing():
    optimizer = Bop()
    optimizer._iterations.assign(3)
    assert optimizer.flips(2).tolist() == [0, 0]
    assert optimizer.num_weights == 0


def test_more_flips_than_steps_is_an_error():
    optimizer = Bop()
    step = backends.stepper(optimizer, [backends.binary_variable([1.0])])
    step([np.float32([1.0])])
    assert optimizer.flips(1).shape == (1,)
    for steps in (2, -1):
        with pytest.raises(ValueError, match=f"steps={steps}"):
            optimizer.flips(steps)
