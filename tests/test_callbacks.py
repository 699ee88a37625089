"""FlipRatioLogger against weights that are compared by hand."""

import csv

import keras
import numpy as np
import pytest

from larq_bop import Bop, Bop2ndOrder, CaseOptimizer
from larq_bop.callbacks import FlipRatioLogger, flip_ratio
from larq_bop.initializers import BinaryGlorotNormal
from larq_bop.layers import QuantDense
from larq_bop.quantizers import NoOp
from tests import backends, oracle

UNITS = [6, 16, 3]
WEIGHTS = 6 * 16 + 16 * 3


class FlipCounter(keras.callbacks.Callback):
    """Compares the binary weights before and after each batch."""

    def __init__(self):
        super().__init__()
        self.flips, self.logged = [], []

    def weights(self):
        return np.concatenate(
            [
                backends.to_numpy(v).ravel()
                for v in self.model.trainable_variables
                if Bop.is_binary_variable(v)
            ]
        )

    def on_train_begin(self, logs=None):
        self.before = self.weights()

    def on_train_batch_end(self, batch, logs=None):
        after = self.weights()
        self.flips.append(int((self.before != after).sum()))
        self.before = after
        self.logged.append((logs or {}).get("flip_ratio"))


def network():
    def kernel():
        return {
            "kernel_quantizer": NoOp(precision=1),
            "kernel_initializer": BinaryGlorotNormal(),
            "use_bias": False,
        }

    return keras.Sequential(
        [
            keras.Input((UNITS[0],)),
            QuantDense(UNITS[1], **kernel()),
            keras.layers.BatchNormalization(scale=False),
            QuantDense(UNITS[2], input_quantizer="ste_sign", **kernel()),
            keras.layers.BatchNormalization(scale=False),
            keras.layers.Softmax(),
        ]
    )


def case(kind=Bop, threshold=3e-3, gamma=0.1, **arguments):
    """A CaseOptimizer whose two optimizers share further arguments."""
    return CaseOptimizer(
        (Bop.is_binary_variable, kind(threshold, gamma, **arguments)),
        default_optimizer=keras.optimizers.Adam(0.01, **arguments),
    )


def fit(model, callbacks, epochs=3, **arguments):
    """5 batches an epoch."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, UNITS[0])).astype("float32"), rng.integers(0, 3, 40)
    return model.fit(
        x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=callbacks
    )


@pytest.mark.parametrize(
    "optimizer",
    [
        case,
        lambda: keras.optimizers.LossScaleOptimizer(case()),
        lambda: case(kind=Bop2ndOrder, threshold=0.3),
    ],
    ids=["case", "loss scale", "second order"],
)
def test_every_step_is_counted(optimizer):
    model = network()
    model.compile(optimizer(), "sparse_categorical_crossentropy")
    logger, counter = FlipRatioLogger(), FlipCounter()
    history = fit(model, [logger, counter]).history
    expected = oracle.flip_ratio(counter.flips, WEIGHTS)

    assert logger.flips == counter.flips
    assert len(counter.flips) == 15
    assert 0 < sum(counter.flips) < 15 * WEIGHTS
    np.testing.assert_allclose(logger.flip_ratios, expected, rtol=1e-12)
    np.testing.assert_allclose(counter.logged, expected, rtol=1e-12)
    epochs = np.reshape(counter.flips, (3, 5))
    assert history["flips"] == epochs.sum(axis=1).tolist()
    np.testing.assert_allclose(
        history["flip_ratio"], np.median(oracle.flip_ratio(epochs, WEIGHTS), axis=1), rtol=1e-12
    )


def test_plain_bop_is_counted():
    model = keras.Sequential([keras.Input((UNITS[0],)), *network().layers[:1]])
    model.compile(Bop(1e-3, 0.1), "sparse_categorical_crossentropy")
    logger, counter = FlipRatioLogger(), FlipCounter()
    model.add(keras.layers.Softmax())
    fit(model, [logger, counter])
    assert logger.flips == counter.flips
    assert sum(counter.flips) > 0
    np.testing.assert_allclose(
        logger.flip_ratios, oracle.flip_ratio(counter.flips, 6 * 16), rtol=1e-12
    )


@pytest.mark.skipif(backends.BACKEND == "torch", reason="Keras runs torch's steps one by one")
def test_several_steps_in_one_execution_are_all_counted():
    flips = {}
    for steps in (1, 3):
        keras.utils.set_random_seed(0)
        model = network()
        model.compile(case(), "sparse_categorical_crossentropy", steps_per_execution=steps)
        logger = FlipRatioLogger()
        history = fit(model, [logger]).history
        flips[steps] = logger.flips
        assert history["flips"] == np.reshape(logger.flips, (3, 5)).sum(axis=1).tolist()
    assert flips[3] == flips[1]
    assert len(flips[1]) == 15
    assert sum(flips[1]) > 0


def test_gradient_accumulation_counts_updates():
    model = network()
    model.compile(case(gradient_accumulation_steps=2), "sparse_categorical_crossentropy")
    logger, counter = FlipRatioLogger(), FlipCounter()
    fit(model, [logger, counter], epochs=2)
    # 10 batches, an update in every second one.
    assert counter.flips[::2] == [0] * 5
    assert logger.flips == counter.flips[1::2]
    assert sum(counter.flips) > 0
    # A batch without an update repeats the last update's ratio.
    expected = oracle.flip_ratio(np.repeat(counter.flips[1::2], 2), WEIGHTS)
    assert counter.logged[0] is None
    np.testing.assert_allclose(counter.logged[1:], expected[:-1], rtol=1e-12)


def test_a_second_fit_starts_anew_and_goes_on_counting():
    model = network()
    model.compile(case(), "sparse_categorical_crossentropy")
    logger, counter = FlipRatioLogger(), FlipCounter()
    fit(model, [logger, counter], epochs=1)
    fit(model, [logger, counter], epochs=1)
    assert logger.flips == counter.flips[5:]
    assert len(counter.flips) == 10


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
@pytest.mark.parametrize("first", ["busy", "idle"])
def test_an_optimizer_that_gets_no_gradients_flipped_nothing(first):
    """Two outputs, and a loss for one of them."""
    inputs = keras.Input((UNITS[0],))
    kernel = {"kernel_quantizer": NoOp(precision=1), "use_bias": False}
    outputs = {name: QuantDense(1, **kernel, name=name)(inputs) for name in ("busy", "idle")}
    model = keras.Model(inputs, outputs)
    names = sorted(outputs, reverse=first == "idle")
    pairs = {name: Bop(1e-3, 0.1, name=f"bop_{name}") for name in names}
    model.compile(
        CaseOptimizer(
            *((lambda v, name=name: v.path == f"{name}/kernel", bop) for name, bop in pairs.items())
        ),
        loss={"busy": "mse"},
    )
    logger, counter = FlipRatioLogger(), FlipCounter()
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, UNITS[0])), rng.standard_normal((40, 1))
    model.fit(
        x,
        {"busy": y},
        batch_size=8,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[logger, counter],
    )
    assert logger.flips == counter.flips
    assert sum(logger.flips) > 0
    assert pairs["idle"].flips(10).tolist() == [0] * 10


def test_csv_logger_after_it_writes_the_columns(tmp_path):
    model = network()
    model.compile(case(), "sparse_categorical_crossentropy")
    logger = FlipRatioLogger()
    fit(model, [logger, keras.callbacks.CSVLogger(tmp_path / "history.csv")])
    with open(tmp_path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    flips = np.reshape(logger.flips, (3, 5))
    assert [int(row["flips"]) for row in rows] == flips.sum(axis=1).tolist()
    np.testing.assert_allclose(
        [float(row["flip_ratio"]) for row in rows],
        np.median(oracle.flip_ratio(flips, WEIGHTS), axis=1),
        rtol=1e-9,
    )


def test_flip_ratio_by_hand():
    # ln(1e-9), ln(1 + 1e-9) and ln(1/4 + 1e-9).
    np.testing.assert_allclose(
        flip_ratio([0, 8, 2], 8), [-20.72326583694641, 1e-9, -1.38629435711989], rtol=1e-7
    )


@pytest.mark.parametrize(
    "optimizer",
    [
        "adam",
        lambda: CaseOptimizer(default_optimizer=keras.optimizers.Adam()),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()),
    ],
    ids=["adam", "case", "loss scale"],
)
def test_a_model_without_bop_is_an_error(optimizer):
    model = network()
    model.compile(
        optimizer() if callable(optimizer) else optimizer, "sparse_categorical_crossentropy"
    )
    with pytest.raises(ValueError, match=r"FlipRatioLogger needs .* Bop"):
        fit(model, [FlipRatioLogger()])
