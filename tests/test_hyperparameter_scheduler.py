"""HyperparameterScheduler against schedules that are computed by hand."""

import keras
import numpy as np
import pytest

from larq_bop import Bop, Bop2ndOrder, CaseOptimizer
from larq_bop.callbacks import FlipRatioLogger, HyperparameterScheduler
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import QuantDense
from larq_bop.quantizers import NoOp
from tests import backends

BATCHES = 2


def network():
    binary = {
        "kernel_quantizer": NoOp(precision=1),
        "kernel_initializer": BinaryGlorotNormal(),
        "use_bias": False,
    }
    return keras.Sequential([keras.Input((4,)), QuantDense(3, **binary), keras.layers.Dense(1)])


def case(bop=None):
    return CaseOptimizer(
        (Bop.is_binary_variable, bop or Bop(0.5, 0.25)),
        default_optimizer=keras.optimizers.Adam(0.01),
    )


def fit(optimizer, *callbacks, epochs=3, model=None):
    """2 batches an epoch; returns the history."""
    model = model or network()
    model.compile(optimizer, "mean_squared_error")
    x = np.random.default_rng(0).standard_normal((8, 4)).astype("float32")
    return model.fit(
        x, x[:, :1], batch_size=4, epochs=epochs, verbose=0, callbacks=list(callbacks)
    ).history


def inverse(t):
    return 1 / (1 + t)


class Values(keras.callbacks.Callback):
    """The value of an attribute in each step."""

    def __init__(self, optimizer, attribute):
        super().__init__()
        self.read = lambda: float(backends.to_numpy(getattr(optimizer, attribute)))
        self.values = []

    def on_train_batch_end(self, batch, logs=None):
        assert self.model is not None  # On JAX, reading it brings the variables up to date.
        self.values.append(self.read())


@pytest.mark.parametrize("attribute", ["gamma", "threshold"])
def test_a_hyperparameter_of_an_inner_optimizer_by_epoch(attribute):
    optimizer = case()
    bop = optimizer.pred_opt_pairs[0][1]
    values = Values(bop, attribute)
    scheduler = HyperparameterScheduler(inverse, attribute, bop)
    history = fit(optimizer, scheduler, values)
    np.testing.assert_allclose(history[attribute], [1, 1 / 2, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(values.values, [1, 1, 1 / 2, 1 / 2, 1 / 3, 1 / 3], rtol=1e-6)
    # The others stay as they were.
    other = {"gamma": "threshold", "threshold": "gamma"}[attribute]
    assert float(backends.to_numpy(getattr(bop, other))) == {"gamma": 0.25, "threshold": 0.5}[other]
    assert float(backends.to_numpy(optimizer.learning_rate)) == pytest.approx(0.01)


def test_by_step_over_epochs():
    optimizer = case()
    bop = optimizer.pred_opt_pairs[0][1]
    values = Values(bop, "gamma")
    scheduler = HyperparameterScheduler(inverse, "gamma", bop, update_freq="step")
    history = fit(optimizer, scheduler, values)
    expected = [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6]
    np.testing.assert_allclose(values.values, expected, rtol=1e-6)
    np.testing.assert_allclose(history["gamma"], expected[1::2], rtol=1e-6)


@pytest.mark.parametrize("name", ["learning_rate", "lr"])
def test_the_models_own_optimizer_and_its_learning_rate(name):
    history = fit(keras.optimizers.SGD(0.1), HyperparameterScheduler(inverse, name))
    np.testing.assert_allclose(history[name], [1, 1 / 2, 1 / 3], rtol=1e-6)
    optimizer = case()
    history = fit(optimizer, HyperparameterScheduler(inverse, name, log_name="rate"), epochs=2)
    np.testing.assert_allclose(history["rate"], [1, 1 / 2], rtol=1e-6)
    assert float(backends.to_numpy(optimizer.default.learning_rate)) == pytest.approx(1 / 2)
    assert float(backends.to_numpy(optimizer.pred_opt_pairs[0][1].gamma)) == 0.25


def test_a_schedule_may_look_at_the_present_value():
    bop = Bop(0.5, 0.25)
    callback = HyperparameterScheduler(lambda epoch, gamma: gamma / (1 + epoch), "gamma", bop)
    history = fit(case(bop), callback)
    np.testing.assert_allclose(history["gamma"], [1 / 4, 1 / 8, 1 / 24], rtol=1e-6)


def test_a_keras_schedule_is_a_schedule():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1, decay_rate=0.5)
    history = fit(keras.optimizers.SGD(0.1), HyperparameterScheduler(schedule, "learning_rate"))
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.05, 0.025], rtol=1e-6)


def test_several_on_one_model_log_by_their_names():
    optimizer = case(Bop2ndOrder(0.5, 0.25))
    bop = optimizer.pred_opt_pairs[0][1]
    history = fit(
        optimizer,
        HyperparameterScheduler(inverse, "gamma", bop),
        HyperparameterScheduler(lambda epoch: epoch / 10, "threshold", bop, log_name="tau"),
        HyperparameterScheduler(lambda epoch: 0.5, "learning_rate"),
        epochs=2,
    )
    assert {"loss", "gamma", "tau", "learning_rate"} == history.keys()
    np.testing.assert_allclose(history["tau"], [0, 0.1], rtol=1e-6)


def test_it_changes_the_training():
    """With gamma 0 nothing flips, with gamma 1 and threshold 0 whatever has a gradient may."""
    optimizer = case(Bop(0.0, 1.0))
    bop = optimizer.pred_opt_pairs[0][1]
    flips = FlipRatioLogger()
    history = fit(
        optimizer, flips, HyperparameterScheduler(lambda epoch: float(epoch == 1), "gamma", bop)
    )
    assert history["flips"][0] == history["flips"][2] == 0
    assert history["flips"][1] > 0


def test_a_loss_scale_around_the_optimizer_does_not_hide_it():
    bop = Bop(0.5, 0.25)
    model = keras.Sequential(network().layers[:1])
    optimizer = keras.optimizers.LossScaleOptimizer(bop)
    history = fit(optimizer, HyperparameterScheduler(inverse, "gamma"), epochs=2, model=model)
    np.testing.assert_allclose(history["gamma"], [1, 1 / 2], rtol=1e-6)


def test_an_optimizers_own_variable():
    class WithVariable(keras.optimizers.SGD):
        def __init__(self):
            super().__init__(0.1)
            self.strength = self.add_variable((), name="strength")

    optimizer = WithVariable()
    history = fit(optimizer, HyperparameterScheduler(inverse, "strength"), epochs=2)
    np.testing.assert_allclose(history["strength"], [1, 1 / 2], rtol=1e-6)


def test_verbose_prints_every_new_value(capsys):
    halves = HyperparameterScheduler(lambda t: 0.5**t, "lr", verbose=1, log_name="rate")
    fit(keras.optimizers.SGD(0.1), halves, epochs=2)
    printed = capsys.readouterr().out
    assert printed == "Epoch 0: rate is now 1.0.\nEpoch 1: rate is now 0.5.\n"
    halves = HyperparameterScheduler(lambda t: 0.5**t, "lr", update_freq="step", verbose=1)
    fit(keras.optimizers.SGD(0.1), halves, epochs=1)
    assert capsys.readouterr().out == "Batch 0: lr is now 1.0.\nBatch 1: lr is now 0.5.\n"


@pytest.mark.parametrize("update_freq", ["batch", None])
def test_another_frequency_is_an_error(update_freq):
    with pytest.raises(ValueError, match=rf"'epoch' or 'step'. Received: .*{update_freq!r}"):
        HyperparameterScheduler(inverse, "gamma", update_freq=update_freq)


@pytest.mark.parametrize(
    ("optimizer", "hyperparameter", "match"),
    [
        (case, "gamma", "'optimizer_case' has no 'gamma'.*pass the one that has"),
        (lambda: keras.optimizers.SGD(), "lrr", "has no 'lrr'"),
        (lambda: keras.optimizers.SGD(), "momentum", "`momentum` of .* cannot change"),
    ],
)
def test_what_cannot_be_scheduled_is_an_error(optimizer, hyperparameter, match):
    with pytest.raises(ValueError, match=match):
        fit(optimizer(), HyperparameterScheduler(inverse, hyperparameter))


def test_a_value_that_is_none_for_bop_is_an_error():
    optimizer = case()
    scheduler = HyperparameterScheduler(lambda t: 2.0, "gamma", optimizer.pred_opt_pairs[0][1])
    with pytest.raises(ValueError, match=r"`gamma` must be in \[0, 1\]. Received: gamma=2.0"):
        fit(optimizer, scheduler)


def test_a_schedule_already_there_is_an_error():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    bop = Bop(threshold=schedule)
    with pytest.raises(TypeError, match="created with a schedule as its `threshold`"):
        fit(case(bop), HyperparameterScheduler(inverse, "threshold", bop))
