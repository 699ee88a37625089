"""CaseOptimizer: who trains what, what it refuses, what callbacks see."""

import math
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from larq_bop import Bop, CaseOptimizer
from larq_bop.layers import QuantDense
from tests import backends, oracle
from tests.optimizers.cases import (
    GAMMAS,
    SGD,
    binary_kernel,
    bop,
    case,
    fit,
    functional,
    network,
    number,
    tagged_and_plain,
)

# Who trains what.


@pytest.mark.parametrize("mode", backends.MODES)
def test_each_variable_gets_the_steps_of_its_own_optimizer(mode):
    binary, plain = tagged_and_plain()
    alone = keras.Variable(backends.to_numpy(plain))
    reference = oracle.Bop(backends.to_numpy(binary))
    optimizer = CaseOptimizer(
        (Bop.is_binary_variable, Bop(threshold=0.05, gamma=0.25)),
        default_optimizer=keras.optimizers.Adam(0.01),
    )
    # The order of the variables is not that of the optimizers.
    step = backends.stepper(optimizer, [plain, binary], mode)
    adam = backends.stepper(keras.optimizers.Adam(0.01), [alone], mode)
    rng = np.random.default_rng(2)
    for t in range(4):
        g_plain = rng.standard_normal(5).astype("float32")
        g_binary = rng.standard_normal((4, 3)).astype("float32")
        step([g_plain, g_binary])
        adam([g_plain])
        reference.step(g_binary, threshold=0.05, gamma=0.25)
        np.testing.assert_array_equal(backends.to_numpy(binary), reference.weights)
        np.testing.assert_allclose(
            backends.to_numpy(plain), backends.to_numpy(alone), rtol=1e-6, atol=1e-7
        )
        for each in (optimizer, *(o for _, o in optimizer.pred_opt_pairs), optimizer.default):
            assert int(number(each.iterations)) == t + 1
    assert sum(reference.flips) > 0


def test_three_optimizers():
    variables = [keras.Variable(np.float32([1.0]), name=name) for name in "abc"]
    optimizer = CaseOptimizer(
        (lambda v: v.name == "a", keras.optimizers.SGD(0.5)),
        (lambda v: v.name == "b", keras.optimizers.SGD(0.25)),
        default_optimizer=keras.optimizers.SGD(0.125),
    )
    backends.stepper(optimizer, variables)([np.float32([1.0])] * 3)
    assert [number(v[0]) for v in variables] == [0.5, 0.75, 0.875]


def test_a_variable_without_a_gradient_stays():
    """As with any Keras optimizer, also where it is the only one of its inner optimizer."""
    binary, plain = tagged_and_plain()
    other = keras.Variable(np.float32([1.0]), name="other")
    variables = [binary, plain, other]
    optimizer = case(binary=Bop(threshold=0.0, gamma=1.0), default=SGD(0.5))
    optimizer.build(variables)
    before = backends.snapshot(variables)
    optimizer.apply([ops.ones((4, 3)), None, ops.ones((1,))], variables)
    optimizer.apply([ops.zeros((4, 3)), None, None], variables)
    optimizer.apply([None, None, ops.ones((1,))], variables)
    np.testing.assert_array_equal(backends.to_numpy(plain), before[1])
    np.testing.assert_array_equal(backends.to_numpy(binary), -np.ones((4, 3)))
    assert number(other[0]) == 0.0


@pytest.mark.parametrize("kind", ["schedule", "adam"])
def test_time_goes_on_for_an_optimizer_without_gradients(kind):
    """Its counter and so its schedules, and a Bop flips nothing."""
    gamma = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.0, 1.0])
    busy = Bop(0.5, 1.0)
    idle = Bop(0.5, gamma) if kind == "schedule" else keras.optimizers.Adam(gamma)
    variables = [backends.binary_variable(np.ones(2)) for _ in range(2)]
    optimizer = CaseOptimizer((lambda v: v is variables[0], busy), default_optimizer=idle)
    optimizer.build(variables)
    for step in range(3):
        optimizer.apply([(-1.0) ** step * ops.ones(2), None], variables)
    assert [int(number(o.iterations)) for o in (optimizer, busy, idle)] == [3, 3, 3]
    assert number(idle.learning_rate) == 1.0
    np.testing.assert_array_equal(backends.to_numpy(variables[1]), [1.0, 1.0])
    assert busy.flips(3).tolist() == [2, 2, 2]
    if kind == "schedule":
        assert idle.flips(3).tolist() == [0, 0, 0]
        optimizer.apply([None, ops.ones(2)], variables)
        assert idle.flips(4).tolist() == [0, 0, 0, 2]
        assert busy.flips(4).tolist() == [2, 2, 2, 0]


@pytest.mark.parametrize("mode", backends.MODES)
def test_without_a_default_unclaimed_variables_stay_and_are_warned_of_once(mode):
    binary, plain = tagged_and_plain()
    before = backends.to_numpy(plain)
    optimizer = CaseOptimizer((Bop.is_binary_variable, Bop(threshold=0.0, gamma=1.0)))
    with pytest.warns(UserWarning, match="no `default_optimizer`.*: plain") as caught:
        step = backends.stepper(optimizer, [binary, plain], mode)
    assert len([w for w in caught if "default_optimizer" in str(w.message)]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for _ in range(3):
            step([np.ones((4, 3), "float32"), np.ones(5, "float32")])
    np.testing.assert_array_equal(backends.to_numpy(plain), before)
    np.testing.assert_array_equal(backends.to_numpy(binary), -np.ones((4, 3)))


# What it refuses.


@pytest.mark.parametrize(
    ("pairs", "default", "argument"),
    [
        ([("not callable", SGD)], None, "predicate_optimizer_pairs[0][0]"),
        ([(lambda v: True, "sgd")], None, "predicate_optimizer_pairs[0][1]"),
        ([(lambda v: False, SGD), (lambda v: True, SGD)], "adam", "default_optimizer"),
        ([(lambda v: False, SGD), (lambda v: True, 3)], None, "predicate_optimizer_pairs[1][1]"),
        (
            [(lambda v: True, lambda: keras.optimizers.LossScaleOptimizer(SGD()))],
            None,
            "predicate_optimizer_pairs[0][1]",
        ),
        (
            [(lambda v: True, lambda: keras.optimizers.MultiOptimizer(lambda v: SGD()))],
            None,
            "predicate_optimizer_pairs[0][1]",
        ),
        (
            [(lambda v: True, lambda: CaseOptimizer(default_optimizer=SGD()))],
            None,
            "predicate_optimizer_pairs[0][1]",
        ),
        ([], lambda: keras.optimizers.LossScaleOptimizer(SGD()), "default_optimizer"),
    ],
)
def test_wrong_types_are_type_errors_that_name_the_argument(pairs, default, argument):
    def made(optimizer):
        return optimizer() if callable(optimizer) else optimizer

    pairs = [(predicate, made(optimizer)) for predicate, optimizer in pairs]
    with pytest.raises(TypeError) as error:
        CaseOptimizer(*pairs, default_optimizer=made(default))
    assert f"`{argument}`" in str(error.value)


def test_a_variable_claimed_twice_is_an_error():
    optimizer = CaseOptimizer((lambda v: True, Bop(name="mine")), (lambda v: True, SGD(name="his")))
    with pytest.raises(ValueError, match=r"'kernel' is claimed by more than one.*mine, his"):
        optimizer.build([backends.binary_variable([1.0])])


def test_an_optimizer_that_claims_nothing_is_an_error():
    optimizer = CaseOptimizer(
        (Bop.is_binary_variable, Bop()),
        (lambda v: False, SGD(name="idle")),
        default_optimizer=SGD(),
    )
    with pytest.raises(ValueError, match="'idle' did not claim any variables"):
        optimizer.build(tagged_and_plain())


def test_a_variable_that_it_was_not_built_with_is_an_error():
    binary, plain = tagged_and_plain()
    optimizer = CaseOptimizer((Bop.is_binary_variable, bop()), default_optimizer=SGD())
    optimizer.build([binary])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply([ops.ones((4, 3)), ops.ones(5)], [binary, plain])


@pytest.mark.parametrize("use_ema", [False, True])
def test_what_is_unfrozen_during_a_training_is_left_alone_at_its_end(use_ema):
    """As with every Keras optimizer, until the model is compiled anew."""
    model = network()
    model.get_layer("last").trainable = False
    fit(model, case(default=keras.optimizers.SGD(0.1, use_ema=use_ema)))
    model.get_layer("last").trainable = True
    before = backends.to_numpy(model.get_layer("last").kernel)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    np.testing.assert_array_equal(backends.to_numpy(model.get_layer("last").kernel), before)
    if use_ema and backends.BACKEND == "jax":
        return  # Keras' averages read variables that its refused step has taken away.
    if backends.BACKEND == "tensorflow":
        fit(model)  # Its step is traced already, for those that were trainable.
        np.testing.assert_array_equal(backends.to_numpy(model.get_layer("last").kernel), before)
    else:
        with pytest.raises(ValueError, match="variable"):
            fit(model)


def test_optimizers_that_disagree_about_the_loss_scale_are_refused():
    with pytest.raises(ValueError, match=r"loss_scale_factor.*8.0"):
        CaseOptimizer((Bop.is_binary_variable, Bop(loss_scale_factor=8.0)), default_optimizer=SGD())


# What callbacks see.


def test_the_learning_rate_is_the_defaults():
    optimizer = case()
    assert number(optimizer.learning_rate) == np.float32(0.01)
    optimizer.learning_rate = 0.5
    assert number(optimizer.default.learning_rate) == 0.5
    ((_, binary),) = optimizer.pred_opt_pairs
    assert number(binary.gamma) == np.float32(0.1)


def test_without_a_default_there_is_no_learning_rate():
    optimizer = CaseOptimizer((Bop.is_binary_variable, bop()))
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match="default_optimizer"):
        optimizer.learning_rate = 0.5
    # LearningRateScheduler comes this way.
    for each in optimizer.optimizers:
        with pytest.raises(AttributeError, match="default_optimizer"):
            each.learning_rate = 0.5


def test_iterations_can_be_read_and_set():
    optimizer = case()
    optimizer.build(tagged_and_plain())
    assert int(number(optimizer.iterations)) == 0
    optimizer.iterations = 7
    ((_, binary),) = optimizer.pred_opt_pairs
    for each in (optimizer, binary, optimizer.default):
        assert int(number(each.iterations)) == 7


class Recorder(keras.callbacks.Callback):
    """Writes down both rates at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.rates, self.gammas = [], []

    def on_epoch_end(self, epoch, logs=None):
        optimizer = self.model.optimizer
        self.rates.append(number(optimizer.learning_rate))
        self.gammas.append(number(optimizer.pred_opt_pairs[0][1].gamma))


@pytest.mark.parametrize("gamma", GAMMAS)
def test_learning_rate_scheduler_moves_the_default_and_not_gamma(gamma):
    gamma, gammas = GAMMAS[gamma]
    recorder = Recorder()
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.5**epoch)
    history = fit(
        network(), case(binary=bop(gamma=gamma)), epochs=4, callbacks=[scheduler, recorder]
    )
    assert recorder.rates == [1.0, 0.5, 0.25, 0.125]
    np.testing.assert_allclose(recorder.gammas, gammas, rtol=1e-6)
    assert history.history["learning_rate_adam"] == [1.0, 0.5, 0.25, 0.125]


@pytest.mark.parametrize("gamma", GAMMAS)
def test_reduce_lr_on_plateau_moves_the_default_and_not_gamma(gamma):
    gamma, gammas = GAMMAS[gamma]
    recorder = Recorder()
    # Nothing improves by 1e9: the rate halves after every epoch but the first.
    plateau = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.5, patience=1, min_delta=1e9
    )
    optimizer = case(binary=bop(gamma=gamma), default=keras.optimizers.Adam(0.5))
    fit(network(), optimizer, epochs=4, callbacks=[plateau, recorder])
    assert recorder.rates == [0.5, 0.25, 0.125, 0.0625]
    np.testing.assert_allclose(recorder.gammas, gammas, rtol=1e-6)


def test_tensorboard_follows_a_training_without_a_default(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    model = functional([QuantDense(3, **binary_kernel()), keras.layers.Softmax()])
    board = keras.callbacks.TensorBoard(tmp_path)
    history = fit(
        model, CaseOptimizer((Bop.is_binary_variable, bop())), epochs=2, callbacks=[board]
    )
    assert len(history.history["loss"]) == 2
    assert list(tmp_path.rglob("events*"))


def test_averages_of_an_optimizer_in_a_pair_are_swapped_in_at_the_end_of_an_epoch():
    average = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)
    optimizer = CaseOptimizer(
        (Bop.is_binary_variable, bop()),
        (lambda v: not Bop.is_binary_variable(v), average),
    )
    model = network()
    fit(model, optimizer, callbacks=[keras.callbacks.SwapEMAWeights(swap_on_epoch=True)])
    averages = average._model_variables_moving_average
    backends.assert_identical(
        backends.snapshot(average._trainable_variables), backends.snapshot(averages)
    )
    assert all(backends.to_numpy(each).any() for each in averages)


# Its state.


def test_state_is_that_of_the_inner_optimizers():
    optimizer = case()
    variables = tagged_and_plain()
    optimizer.build(variables)
    sizes = sum(math.prod(v.shape) for v in optimizer.variables)
    inner = [optimizer.pred_opt_pairs[0][1], optimizer.default]
    assert sizes - sum(math.prod(v.shape) for o in inner for v in o.variables) == 2
