import types

import keras
import numpy as np
import pytest

from experiments import quickstart
from experiments.cifar10 import runs as cifar10
from experiments.data import load
from experiments.engine import training as training_module
from experiments.engine.checkpoint import Progress
from experiments.engine.folder import RunFolder
from experiments.engine.split import split
from larq_bop import Bop
from tests.backends import BACKEND, minutes_elsewhere, to_numpy
from tests.experiments.images import random_images


def prepare(folder, data=None, **options):
    small = {"filters": 4, "batch_size": 10, "epochs": 2}
    settings = quickstart.settings("digits", "quick").with_options(**{**small, **options})
    data = data or random_images()
    folder.mkdir(exist_ok=True)
    return quickstart.QuickstartTraining(settings, data, RunFolder(folder))


def test_the_report_is_set_as_in_its_section_4_3():
    settings = cifar10.settings("report")
    assert (settings.gamma, settings.threshold, settings.batch_size) == (1e-3, 1e-7, 50)
    assert (settings.gamma_decay, settings.gamma_decay_epochs) == (0.1, 100)
    assert (settings.learning_rate, settings.validation_share) == (0.01, 0.1)
    assert (settings.patience, settings.filters, settings.augment) == (10, 128, True)


def test_the_paper_is_set_as_in_its_section_5_2():
    settings = cifar10.settings("paper")
    assert (settings.gamma, settings.threshold, settings.epochs) == (1e-4, 1e-8, 500)
    assert (settings.gamma_decay, settings.gamma_decay_epochs) == (0.1, 100)
    assert (settings.validation_share, settings.patience, settings.batch_size) == (0.0, None, 50)


def test_the_last_tenth_is_held_out():
    data = random_images()
    settings = quickstart.settings("digits", "quick").with_options(batch_size=10)
    training, validation, test = split(settings, data)
    np.testing.assert_array_equal(training.images, data.train_images[:90])
    np.testing.assert_array_equal(validation.images, data.train_images[90:])
    np.testing.assert_array_equal(test.images, data.test_images)


def test_nothing_is_held_out_for_the_paper():
    training, validation, _ = split(cifar10.settings("paper"), random_images())
    assert len(training.images) == 100
    assert validation is None


def test_gamma_decays_by_steps_of_epochs(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.layers[0].kernel.precision = 1
    both = prepare(tmp_path, gamma=1e-3, gamma_decay_epochs=100).optimizer(steps=900)
    both.build(model.trainable_variables)
    bop = both.pred_opt_pairs[0][1]
    gammas = []
    for step in (0, 89_999, 90_000, 179_999, 180_000):
        bop._iterations.assign(step)
        gammas.append(float(to_numpy(bop.gamma)))
    np.testing.assert_allclose(gammas, [1e-3, 1e-3, 1e-4, 1e-4, 1e-5], rtol=1e-5)
    assert float(to_numpy(both.learning_rate)) == pytest.approx(0.01)


def test_the_history_has_the_gamma_of_each_epoch(tmp_path):
    training = prepare(tmp_path, epochs=5, gamma=0.5, gamma_decay=0.5, gamma_decay_epochs=2)
    training.train()
    gammas = [row["gamma"] for row in training.progress.history]
    assert gammas == [0.5, 0.5, 0.25, 0.25, 0.125]
    used = training._on_bytes.optimizer.pred_opt_pairs[0][1]
    used._iterations.assign_add(-1)
    assert float(to_numpy(used.gamma)) == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("flips", "patience", "done"),
    [
        ([0, 0], 2, True),
        ([5, 0, 0], 2, True),
        ([0, 0, 1], 2, False),
        ([0], 2, False),
        ([], 2, False),
        ([0, 0, 0], None, False),
    ],
)
def test_a_run_is_done_when_nothing_flips_any_more(tmp_path, flips, patience, done):
    training = prepare(tmp_path, patience=patience, epochs=100)
    training.progress = Progress(len(flips), [{"flips": n} for n in flips])
    assert training.is_done() == done


def test_training_stops_when_nothing_flips(tmp_path):
    # Beyond this threshold no weight ever flips.
    training = prepare(tmp_path, threshold=1e9, patience=2, epochs=50)
    training.train()
    assert training.progress.epoch == 2
    assert [row["flips"] for row in training.progress.history] == [0, 0]


def test_the_best_epoch_is_the_one_of_the_lowest_validation_loss(tmp_path):
    training = prepare(tmp_path, epochs=4)
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(
            (logs["val_loss"], [to_numpy(w) for w in training.model.weights])
        )
    )
    training.train([watch])
    best = int(np.argmin([loss for loss, _ in seen]))
    result = training.test()
    assert result["tested_epoch"] == best + 1 == training.progress.best_epoch
    for weight, expected in zip(training.model.weights, seen[best][1], strict=True):
        np.testing.assert_array_equal(to_numpy(weight), expected)


def test_the_last_weights_are_tested_without_validation(tmp_path):
    training = prepare(tmp_path, validation_share=0.0)
    training.train()
    assert training.test()["tested_epoch"] == 2
    assert "val_loss" not in training.progress.history[0]


def test_a_resumed_training_ends_with_the_same_weights(tmp_path):
    whole = prepare(tmp_path / "whole")
    whole.train()

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    first = prepare(tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        first.train([Stop()])
    second = prepare(tmp_path / "parts")
    assert second.progress.epoch == 1
    second.train()
    assert second.progress.history == whole.progress.history
    assert second.test() == whole.test()
    for weight, expected in zip(second.model.weights, whole.model.weights, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), to_numpy(expected))


@pytest.mark.skipif(BACKEND == "torch", reason="it runs each step in Python")
def test_a_step_is_traced_once(tmp_path, monkeypatch):
    traced = []
    step = keras.Model.train_step

    def counting(*args, **kwargs):
        traced.append(1)
        return step(*args, **kwargs)

    monkeypatch.setattr(keras.Model, "train_step", counting)
    prepare(tmp_path).train()
    assert len(traced) == 1


def test_only_batch_normalization_is_trained_by_adam(tmp_path):
    training = prepare(tmp_path)
    model = training._on_bytes
    binary = [v for v in model.trainable_variables if Bop.is_binary_variable(v)]
    others = [v.path for v in model.trainable_variables if not Bop.is_binary_variable(v)]
    assert len(binary) == 5
    assert len(others) == 5
    assert all("batch_normalization" in path and path.endswith("beta") for path in others)


@minutes_elsewhere
@pytest.mark.slow
def test_the_quickstart_learns_digits(tmp_path):
    whole = quickstart.settings("digits", "quick")
    options = {name: getattr(whole, name) for name in ("filters", "batch_size", "epochs")}
    training = prepare(tmp_path, load("digits"), **options)
    training.train()
    assert training.test()["test_accuracy"] >= 0.97


def test_checkpoints_are_seconds_apart_but_for_the_last(tmp_path, monkeypatch):
    seconds = iter(range(100))
    monkeypatch.setattr(training_module, "SECONDS_BETWEEN_CHECKPOINTS", 5)
    # The training's clock alone: backends have uses of their own for the time.
    clock = types.SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr(training_module, "time", clock)
    saved = []
    training = prepare(tmp_path, epochs=9)
    save = training._checkpoints.save
    monkeypatch.setattr(
        training._checkpoints,
        "save",
        lambda progress, *values: (saved.append(progress.epoch), save(progress, *values)),
    )
    training.train()
    # Time goes on by a second an epoch, and by one more when a checkpoint is written.
    assert saved == [5, 9]
    best = training.progress.best_epoch
    assert (tmp_path / "checkpoints" / f"best-{best:05}.npz").exists()


def test_the_best_weights_survive_until_their_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "SECONDS_BETWEEN_CHECKPOINTS", 1e9)
    training = prepare(tmp_path, epochs=6)
    seen = {}
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.update(
            {epoch + 1: [to_numpy(w) for w in training.model.weights]}
        )
    )
    training.train([watch])
    training.test()
    for weight, expected in zip(
        training.model.weights, seen[training.progress.best_epoch], strict=True
    ):
        np.testing.assert_array_equal(to_numpy(weight), expected)
