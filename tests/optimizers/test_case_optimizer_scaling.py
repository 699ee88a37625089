"""CaseOptimizer with loss scaling and gradient accumulation."""

import keras
import numpy as np
import pytest

from larq_bop import Bop
from tests import backends, oracle
from tests.optimizers.cases import (
    SGD,
    case,
    fit,
    network,
    number,
    tagged_and_plain,
)

# Keras' LossScaleOptimizer leaks a tracer on JAX when it is not inside `stateless_apply`.
LOSS_SCALE_MODES = ["xla"] if backends.BACKEND == "jax" else backends.MODES


@pytest.mark.parametrize("mode", LOSS_SCALE_MODES)
@pytest.mark.parametrize("scaled", ["loss_scale_factor", "LossScaleOptimizer"])
def test_a_scaled_loss_gives_the_same_steps(scaled, mode):
    plain_variables, variables = tagged_and_plain(), tagged_and_plain()
    plain = case(binary=Bop(threshold=0.05, gamma=0.25), default=SGD(0.5))
    if scaled == "loss_scale_factor":
        scale = 1024.0
        optimizer = case(
            binary=Bop(threshold=0.05, gamma=0.25, loss_scale_factor=scale),
            default=SGD(0.5, loss_scale_factor=scale),
        )
        assert optimizer.loss_scale_factor == scale
        inner = optimizer
    else:
        scale = 2.0**15
        inner = case(binary=Bop(threshold=0.05, gamma=0.25), default=SGD(0.5))
        optimizer = keras.optimizers.LossScaleOptimizer(inner)
    assert number(optimizer.scale_loss(1.0)) == scale
    steps = [
        backends.stepper(plain, plain_variables),
        backends.stepper(optimizer, variables, mode),
    ]
    rng = np.random.default_rng(3)
    for _ in range(4):
        gradients = [rng.standard_normal(v.shape).astype("float32") for v in variables]
        steps[0](gradients)
        steps[1]([g * np.float32(scale) for g in gradients])
        backends.assert_identical(backends.snapshot(variables), backends.snapshot(plain_variables))
    flips = [o.pred_opt_pairs[0][1].flips(4) for o in (plain, inner)]
    np.testing.assert_array_equal(*flips)
    assert flips[0].sum() > 0


@pytest.mark.parametrize("mode", LOSS_SCALE_MODES)
def test_loss_scaling_skips_a_step_that_overflows(mode):
    variables = tagged_and_plain()
    inner = case(binary=Bop(threshold=0.0, gamma=0.5))
    optimizer = keras.optimizers.LossScaleOptimizer(inner)
    step = backends.stepper(optimizer, variables, mode)
    ones = [np.ones(v.shape, dtype="float32") for v in variables]
    step(ones)
    before = backends.snapshot([*variables, *inner.variables])
    assert number(optimizer.dynamic_scale) == 2.0**15
    for bad in (np.nan, np.inf):
        step([ones[0] * np.float32(bad), ones[1]])
        step([ones[0], ones[1] * np.float32(bad)])
    backends.assert_identical(backends.snapshot([*variables, *inner.variables]), before)
    assert number(optimizer.dynamic_scale) == 2.0**11
    assert inner.pred_opt_pairs[0][1].non_finite_gradients == 0
    step(ones)
    assert int(number(inner.iterations)) == 2


def test_a_float16_model_trains():
    """Keras puts its LossScaleOptimizer around the optimizer by itself."""
    keras.config.set_dtype_policy("mixed_float16")
    model = network()
    fit(model, case(), epochs=2)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    ((_, binary),) = model.optimizer.inner_optimizer.pred_opt_pairs
    steps = int(number(binary.iterations))
    assert 5 <= steps <= 10  # The first steps may overflow at a scale of 2^15.
    assert binary.flips(steps).sum() > 0
    assert binary.non_finite_gradients == 0
    for variable in model.trainable_variables:
        assert backends.dtype_of(variable) == "float32"
        if Bop.is_binary_variable(variable):
            np.testing.assert_array_equal(np.abs(backends.to_numpy(variable)), 1.0)


@pytest.mark.parametrize("mode", backends.MODES)
def test_gradient_accumulation_inside_takes_the_mean_gradient(mode):
    binary, plain = tagged_and_plain()
    start = backends.to_numpy(plain)
    reference = oracle.Bop(backends.to_numpy(binary))
    optimizer = case(
        binary=Bop(threshold=0.05, gamma=0.5, gradient_accumulation_steps=2),
        default=SGD(0.5, gradient_accumulation_steps=2),
    )
    step = backends.stepper(optimizer, [binary, plain], mode)
    rng = np.random.default_rng(4)
    for _ in range(3):
        gradients = [
            [rng.standard_normal(v.shape).astype("float32") for v in (binary, plain)]
            for _ in range(2)
        ]
        step(gradients[0])
        np.testing.assert_array_equal(backends.to_numpy(binary), reference.weights)
        np.testing.assert_allclose(backends.to_numpy(plain), start, rtol=1e-6)
        step(gradients[1])
        mean = [np.mean(pair, axis=0) for pair in zip(*gradients, strict=True)]
        reference.step(mean[0], threshold=0.05, gamma=0.5)
        start = start - 0.5 * mean[1]
        np.testing.assert_array_equal(backends.to_numpy(binary), reference.weights)
        np.testing.assert_allclose(backends.to_numpy(plain), start, rtol=1e-5, atol=1e-6)
    assert sum(reference.flips) > 0
