"""Bop against NumPy and hand arithmetic."""

import math
import warnings

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from larq_bop import Bop, Bop2ndOrder
from tests import backends, oracle

STEPS = 5


def constant(value):
    """A hyperparameter that stays, and its value at a step."""
    return value, lambda step: value


def exponential_decay(value):
    schedule = keras.optimizers.schedules.ExponentialDecay(value, decay_steps=2, decay_rate=0.5)
    return schedule, lambda step: value * 0.5 ** (step / 2)


def piecewise_constant(value):
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
        boundaries=[0, 2], values=[value, value / 4, value / 2]
    )
    return schedule, lambda step: value if step <= 0 else value / 4 if step <= 2 else value / 2


SCHEDULES = st.sampled_from([constant, exponential_decay, piecewise_constant])


def normal_gradients(rng, shapes):
    return [rng.standard_normal(shape).astype("float32") for shape in shapes]


def check_against_oracle(shape, seed, threshold, gamma, mode):
    """Trains two variables for a few steps and compares all of their state with the oracle."""
    rng = np.random.default_rng(seed)
    shapes = [shape, (3, 2)]
    threshold, threshold_at = threshold
    gamma, gamma_at = gamma
    variables = [backends.binary_variable(rng.standard_normal(s)) for s in shapes]
    expected = [oracle.Bop(backends.to_numpy(v)) for v in variables]
    optimizer = Bop(threshold=threshold, gamma=gamma)
    step = backends.stepper(optimizer, variables, mode)

    for t in range(STEPS):
        gradients = normal_gradients(rng, shapes)
        step(gradients)
        for variable, reference, g in zip(variables, expected, gradients, strict=True):
            reference.step(g, threshold_at(t), gamma_at(t))
            np.testing.assert_array_equal(backends.to_numpy(variable), reference.weights)
        for (momentum,), reference in zip(optimizer._moments, expected, strict=True):
            np.testing.assert_allclose(
                backends.to_numpy(momentum), reference.momentum, rtol=1e-6, atol=1e-7
            )

    flips = np.sum([reference.flips for reference in expected], axis=0)
    np.testing.assert_array_equal(optimizer.flips(STEPS), flips)
    assert int(backends.to_numpy(optimizer.iterations)) == STEPS


RANDOM_CASE = {
    "shape": st.sampled_from(backends.SHAPES),
    "seed": st.integers(0, 2**32 - 1),
    "threshold": st.builds(
        lambda schedule, value: schedule(value),
        SCHEDULES,
        st.just(0.0) | st.floats(1e-8, 0.5),
    ),
    "gamma": st.builds(
        lambda schedule, value: schedule(value),
        SCHEDULES,
        st.just(0.0) | st.just(1.0) | st.floats(2**-14, 1.0),
    ),
}


@hypothesis.settings(max_examples=15)
@hypothesis.given(**RANDOM_CASE)
def test_every_weight_and_momentum_equals_the_oracle(shape, seed, threshold, gamma):
    check_against_oracle(shape, seed, threshold, gamma, "eager")


@pytest.mark.skipif(backends.BACKEND == "torch", reason="Keras does not compile torch's steps")
@pytest.mark.parametrize("mode", backends.MODES[1:] or ["eager"])
def test_compiled_steps_equal_the_oracle(mode):
    @hypothesis.settings(max_examples=4)
    @hypothesis.given(**RANDOM_CASE)
    def check(shape, seed, threshold, gamma):
        check_against_oracle(shape, seed, threshold, gamma, mode)

    check()


@pytest.mark.parametrize("mode", backends.MODES)
@pytest.mark.parametrize("size", [16384, 2 * 16384, 2 * 16384 + 7])
def test_weights_by_the_thousand_equal_the_oracle(size, mode):
    """On TensorFlow they are updated block by block."""
    rng = np.random.default_rng(0)
    variable = backends.binary_variable(rng.standard_normal((size,)))
    reference = oracle.Bop(backends.to_numpy(variable))
    optimizer = Bop(threshold=0.25, gamma=0.5)
    step = backends.stepper(optimizer, [variable], mode)
    for _ in range(STEPS):
        gradient = rng.integers(-4, 5, size).astype("float32") / 4
        gradient[rng.integers(0, size, 5)] = np.nan
        step([gradient])
        reference.step(gradient, threshold=0.25, gamma=0.5)
        np.testing.assert_array_equal(backends.to_numpy(variable), reference.weights)
        np.testing.assert_array_equal(
            backends.to_numpy(optimizer._moments[0][0]), reference.momentum
        )
    np.testing.assert_array_equal(optimizer.flips(STEPS), reference.flips)
    assert optimizer.non_finite_gradients == reference.skipped > 0


def weights_after(weights, gradients, threshold, gamma, mode="eager"):
    """Steps one variable through a list of gradients."""
    variable = backends.binary_variable(weights)
    step = backends.stepper(Bop(threshold=threshold, gamma=gamma), [variable], mode)
    for g in gradients:
        step([np.asarray(g, dtype="float32")])
    return backends.to_numpy(variable).tolist()


@pytest.mark.parametrize("mode", backends.MODES)
@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_a_momentum_of_zero_flips_nothing(threshold, mode):
    # The gradients 1 and then -0.5 with gamma 0.5 leave a momentum of exactly 0.25, then 0.
    weights = [1.0, -1.0, 1.0, -1.0]
    assert weights_after(weights, 3 * [[0.0, 0.0, -0.0, -0.0]], threshold, 0.5, mode) == weights
    assert weights_after([-1.0, 1.0], [[1.0, -1.0], [-0.5, 0.5]], threshold, 0.5) == [-1.0, 1.0]


@pytest.mark.parametrize("mode", backends.MODES)
def test_a_momentum_equal_to_the_threshold_flips(mode):
    # All numbers are dyadic: m = g / 4 without rounding.
    weights = [1.0, 1.0, 1.0, -1.0, -1.0, -1.0]
    gradient = [2.0, 2.0 - 2**-20, -2.0, -2.0, -2.0 + 2**-20, 2.0]
    assert weights_after(weights, [gradient], threshold=0.5, gamma=0.25, mode=mode) == [
        -1.0,
        1.0,
        1.0,
        1.0,
        -1.0,
        -1.0,
    ]


def test_gamma_0_ignores_every_gradient():
    weights = [1.0, -1.0]
    assert weights_after(weights, [[1e30, -1e30]] * 3, threshold=0.0, gamma=0.0) == weights


def test_gamma_1_remembers_nothing():
    # m is the last gradient: the first flips both weights, the second is below the threshold.
    variable = backends.binary_variable([1.0, -1.0])
    optimizer = Bop(threshold=0.5, gamma=1.0)
    step = backends.stepper(optimizer, [variable])
    step([np.float32([3.0, -3.0])])
    assert backends.to_numpy(variable).tolist() == [-1.0, 1.0]
    step([np.float32([-0.25, 0.25])])
    assert backends.to_numpy(variable).tolist() == [-1.0, 1.0]
    assert backends.to_numpy(optimizer._moments[0][0]).tolist() == [-0.25, 0.25]


def test_threshold_0_flips_on_any_agreeing_momentum():
    weights = [1.0, 1.0, -1.0, -1.0]
    assert weights_after(weights, [[1e-20, -1e-20, 1e-20, -1e-20]], 0.0, 1.0) == [
        -1.0,
        1.0,
        -1.0,
        1.0,
    ]


def larq_step(weights, momentum, threshold):
    """What Larq 0.14 and the paper's code compute: `sign(-sign(w*m - threshold)*w)`."""
    return oracle.sign(-np.sign(weights * momentum - threshold) * weights)


@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_the_difference_from_larq_is_where_weight_times_momentum_is_the_threshold(threshold):
    weights, momentum = np.float32(
        np.meshgrid([-1.0, 1.0], [-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0])
    )
    ours = np.float32(weights_after(weights, [momentum], threshold, gamma=1.0))

    eq4 = (np.abs(momentum) >= threshold) & (np.sign(momentum) == weights)
    np.testing.assert_array_equal(ours, np.where(eq4, -weights, weights))

    # Larq makes +1 of the weight wherever w * m == threshold, flip or not.
    larq = larq_step(weights, momentum, threshold)
    on_the_edge = weights * momentum == threshold
    np.testing.assert_array_equal(larq[on_the_edge], np.ones(on_the_edge.sum()))
    np.testing.assert_array_equal(larq[~on_the_edge], ours[~on_the_edge])
    differs = {
        0.0: (weights == -1) & (momentum == 0),  # Larq flips it without any signal.
        0.5: (weights == 1) & (momentum == 0.5),  # Larq does not flip it at the threshold.
    }[threshold]
    np.testing.assert_array_equal(larq != ours, differs)
    assert differs.any()


BAD_ENTRIES = [float("nan"), float("inf"), float("-inf")]


@pytest.mark.parametrize("mode", backends.MODES)
@pytest.mark.parametrize("bad", BAD_ENTRIES)
def test_a_non_finite_gradient_entry_is_skipped_and_counted(bad, mode):
    variable = backends.binary_variable([1.0, 1.0, -1.0])
    reference = oracle.Bop(backends.to_numpy(variable))
    optimizer = Bop(threshold=0.25, gamma=0.5)
    step = backends.stepper(optimizer, [variable], mode)
    for gradient in ([0.25, 1.0, -1.0], [bad, bad, 1.0], [1.0, 1.0, bad], [1.0, -1.0, 1.0]):
        step([np.float32(gradient)])
        reference.step(gradient, threshold=0.25, gamma=0.5)
        np.testing.assert_array_equal(backends.to_numpy(variable), reference.weights)
        np.testing.assert_array_equal(
            backends.to_numpy(optimizer._moments[0][0]), reference.momentum
        )
        assert optimizer.non_finite_gradients == reference.skipped
    assert optimizer.non_finite_gradients == 3


def clip(gradients, clipnorm=None, clipvalue=None, global_clipnorm=None):
    """Keras' three ways to clip, in NumPy."""
    if clipvalue:
        return [np.clip(g, -clipvalue, clipvalue) for g in gradients]
    if clipnorm:
        norms = [np.linalg.norm(g.ravel()) for g in gradients]
        return [g * min(1.0, clipnorm / n) for g, n in zip(gradients, norms, strict=True)]
    norm = math.sqrt(sum(float(np.sum(g**2)) for g in gradients))
    return [g * min(1.0, global_clipnorm / norm) for g in gradients]


CLIPS = [{"clipnorm": 1.0}, {"clipvalue": 0.75}, {"global_clipnorm": 1.0}]


@pytest.mark.parametrize("kwargs", CLIPS, ids=lambda kwargs: next(iter(kwargs)))
@pytest.mark.parametrize("bad", [None, *BAD_ENTRIES[:2]])
def test_clipped_gradients(kwargs, bad):
    """A non-finite entry counts as 0 in the norms and its own m and w stay."""
    rng = np.random.default_rng(1)
    shapes = [(4, 5), (7,)]
    variables = [backends.binary_variable(rng.standard_normal(s)) for s in shapes]
    expected = [oracle.Bop(backends.to_numpy(v)) for v in variables]
    optimizer = Bop(threshold=0.02, gamma=0.5, **kwargs)
    step = backends.stepper(optimizer, variables)
    for _ in range(3):
        gradients = normal_gradients(rng, shapes)
        if bad is None:
            clipped = clip(gradients, **kwargs)
        else:
            gradients[0][1, 2] = 0.0
            clipped = clip(gradients, **kwargs)
            gradients[0][1, 2] = clipped[0][1, 2] = bad
        step(gradients)
        for variable, (momentum,), reference, g in zip(
            variables, optimizer._moments, expected, clipped, strict=True
        ):
            reference.step(g, threshold=0.02, gamma=0.5)
            np.testing.assert_array_equal(backends.to_numpy(variable), reference.weights)
            np.testing.assert_allclose(
                backends.to_numpy(momentum), reference.momentum, rtol=1e-5, atol=1e-7
            )
    assert optimizer.non_finite_gradients == (0 if bad is None else 3)
    assert optimizer.flips(3).sum() > 0


def test_building_replaces_weights_by_their_signs():
    variable = backends.binary_variable([0.3, -2.0, 0.0, -0.0, 1e-20, -1e-20, 1.0, -1.0])
    Bop().build([variable])
    assert backends.to_numpy(variable).tolist() == [1.0, -1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0]


def test_a_step_writes_signs_even_where_someone_wrote_other_values():
    variable = backends.binary_variable([1.0, -1.0, 1.0])
    step = backends.stepper(Bop(threshold=0.5, gamma=1.0), [variable])
    variable.assign(np.float32([0.3, -0.2, 0.0]))
    step([np.float32([1.0, 1.0, 0.0])])
    assert backends.to_numpy(variable).tolist() == [-1.0, -1.0, 1.0]


@pytest.mark.parametrize("mode", backends.MODES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_low_precision_weights_keep_a_float32_momentum(dtype, mode):
    # 256 steps of 2^-10 sum to 0.25 in float32; bfloat16 would stop long before.
    variable = backends.binary_variable([1.0, -1.0], dtype=dtype)
    reference = oracle.Bop([1.0, -1.0])
    optimizer = Bop(threshold=0.015, gamma=2**-14)
    step = backends.stepper(optimizer, [variable], mode)
    gradient = np.float32([1.0, -1.0])
    for _ in range(260):
        step([gradient])
        reference.step(gradient, threshold=0.015, gamma=2**-14)
    momentum = optimizer._moments[0][0]
    assert backends.dtype_of(momentum) == "float32"
    assert backends.dtype_of(variable) == dtype
    np.testing.assert_allclose(backends.to_numpy(momentum), reference.momentum, rtol=1e-5)
    np.testing.assert_array_equal(optimizer.flips(260), reference.flips)
    np.testing.assert_array_equal(backends.to_numpy(variable), reference.weights)
    assert sum(reference.flips) > 0


def test_state_is_one_float32_a_weight():
    variables = [backends.binary_variable(np.ones((40, 50))), backends.binary_variable(np.ones(7))]
    optimizer = Bop()
    optimizer.build(variables)
    assert optimizer.num_weights == 2007
    sizes = [math.prod(v.shape) for v in optimizer.variables]
    float32 = [
        size
        for size, v in zip(sizes, optimizer.variables, strict=True)
        if size > 1 and backends.dtype_of(v) == "float32"
    ]
    assert float32 == [2000, 7]
    # The rest: iteration, gamma, threshold, and for each variable 1,024 counts with the step of
    # each, and one total.
    assert sum(sizes) - sum(float32) == 3 + 2 * 2049


def test_untagged_variables_are_warned_of_by_path():
    tagged = backends.binary_variable([1.0], name="tagged")
    plain = [keras.Variable(np.float32([0.5]), name=name) for name in ("plain", "bias")]
    with pytest.warns(UserWarning, match="not marked as binary: plain, bias"):
        Bop().build([tagged, *plain])
    assert backends.to_numpy(plain[0]).tolist() == [1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Bop().build([tagged])


def test_is_binary_variable_asks_for_a_precision_of_1():
    variable = keras.Variable(np.float32([1.0]))
    assert not Bop.is_binary_variable(variable)
    variable.precision = 2
    assert not Bop.is_binary_variable(variable)
    variable.precision = 1
    assert Bop.is_binary_variable(variable)
    assert Bop2ndOrder.is_binary_variable(variable)
