"""Training with Bop, resumable after every epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import larq_bop
from experiments.batches import Batches, EpochStarter
from experiments.checkpoint import Checkpoints, Progress
from experiments.data import Dataset
from experiments.preprocessing import on_bytes
from experiments.settings import Settings
from larq_bop.callbacks import FlipRatioLogger

_EVALUATION_BATCH = 250


class Training:
    """A binary network in training: Bop for its binary weights, Adam for the rest.

    It begins where its checkpoints left off, and goes on as if it had never stopped.

    Args:
        settings: What decides the run.
        build_network: Makes the untrained network; called once the seed is set.
        data: The images.
        checkpoints: Where the state is kept.

    Attributes:
        network: The network, without its preprocessing.
        progress: How far the training has come.
        steps: Steps an epoch.

    Raises:
        ExperimentError: if there are checkpoints and all are damaged.
    """

    def __init__(
        self,
        settings: Settings,
        build_network: Callable[[], keras.Model],
        data: Dataset,
        checkpoints: Checkpoints,
    ):
        keras.config.set_dtype_policy(settings.dtype_policy)
        keras.utils.set_random_seed(settings.seed)
        self.settings = settings
        self._checkpoints = checkpoints
        self._batches, self._validation, self._test = split(settings, data)
        self.steps = len(self._batches)
        self.network = build_network()
        self._model = on_bytes(self.network, settings.augment)
        compile_with_bop(self._model, settings, self.steps)
        self._state = [*self._model.variables, *self._model.optimizer.variables]
        self.progress = checkpoints.load(self._state) or Progress()

    def fit(self, callbacks: list[keras.callbacks.Callback]) -> None:
        """Trains until all epochs are over, or until no weight has flipped for long enough.

        Args:
            callbacks: Callbacks that see each epoch once its checkpoint is written.

        Raises:
            ExperimentError: if a checkpoint cannot be written.
        """
        if self.is_done():
            return
        self._clock = time.monotonic()
        self._model.fit(
            self._batches,
            shuffle=False,  # The batches are shuffled already, by seed and epoch.
            validation_data=self._validation,
            initial_epoch=self.progress.epoch,
            epochs=self.settings.epochs,
            callbacks=[
                EpochStarter(self._batches),
                FlipRatioLogger(),
                _AfterEpoch(self._record),
                *callbacks,
            ],
            verbose=0,
        )

    def is_done(self) -> bool:
        """Whether all epochs are over, or no weight has flipped for `patience` epochs."""
        patience = self.settings.patience
        last = self.progress.history[-patience:] if patience else []
        still = patience is not None and len(last) == patience
        still = still and not any(row["flips"] for row in last)
        return still or self.progress.epoch >= self.settings.epochs

    def _record(self, epoch: int, logs: dict[str, Any]) -> None:
        progress = self.progress
        names = ("loss", "accuracy", "val_loss", "val_accuracy", "flips", "flip_ratio")
        row = {name: logs[name] for name in names if name in logs}
        decays = epoch // self.settings.gamma_decay_epochs
        row["gamma"] = self.settings.gamma * self.settings.gamma_decay**decays
        progress.epoch = epoch + 1
        progress.history.append({"epoch": progress.epoch, **row})
        best = np.inf if progress.best_loss is None else progress.best_loss
        improved = row.get("val_loss", np.inf) < best
        if improved:
            progress.best_epoch, progress.best_loss = progress.epoch, row["val_loss"]
        now = time.monotonic()
        progress.seconds += now - self._clock
        self._clock = now
        self._checkpoints.save(progress, self._state, self.network.variables if improved else None)
        self._model.stop_training = self.is_done()

    def test(self) -> dict[str, Any]:
        """Tests the weights of the lowest validation loss, or the last where nothing is held out.

        They are the network's weights from then on.

        Returns:
            The result, as it stands in `result.json`.
        """
        progress = self.progress
        if progress.best_epoch is not None:
            self._checkpoints.load_best(progress, self.network.variables)
        loss, accuracy = self._model.evaluate(self._test, verbose=0)
        tested = progress.history[(progress.best_epoch or progress.epoch) - 1]
        return {
            "test_accuracy": accuracy,
            "test_loss": loss,
            "tested_epoch": tested["epoch"],
            "validation_accuracy": tested.get("val_accuracy"),
            "epochs": progress.epoch,
            "flips": sum(row["flips"] for row in progress.history),
            **sizes(self.network),
        }


class _AfterEpoch(keras.callbacks.Callback):
    def __init__(self, record: Callable[[int, dict[str, Any]], None]):
        super().__init__()
        self._record = record

    def on_epoch_end(self, epoch, logs=None):
        # On JAX, asking for the model brings its variables up to date.
        assert self.model is not None
        self._record(epoch, logs)


def split(settings: Settings, data: Dataset) -> tuple[Batches, Batches | None, Batches]:
    """Returns the batches for training, for validation, if any, and for the test."""
    n = settings.limit or len(data.train_images)
    images, labels = data.train_images[:n], data.train_labels[:n]
    held_out = round(len(images) * settings.validation_share)
    kept = len(images) - held_out
    training = Batches(
        images[:kept], labels[:kept], settings.batch_size, settings.augment, settings.seed
    )
    validation = Batches(images[kept:], labels[kept:], _EVALUATION_BATCH, settings.augment)
    test = Batches(data.test_images, data.test_labels, _EVALUATION_BATCH, settings.augment)
    return training, validation if held_out else None, test


def compile_with_bop(model: keras.Model, settings: Settings, steps: int) -> None:
    """Compiles a model with Bop for its binary weights and Adam for the rest.

    Args:
        model: The model.
        settings: Gamma, threshold, learning rate and gamma's decay.
        steps: Steps an epoch.
    """
    gamma = keras.optimizers.schedules.ExponentialDecay(
        settings.gamma, steps * settings.gamma_decay_epochs, settings.gamma_decay, staircase=True
    )
    bop = larq_bop.Bop(threshold=settings.threshold, gamma=gamma)
    optimizer = larq_bop.CaseOptimizer(
        (larq_bop.Bop.is_binary_variable, bop),
        default_optimizer=keras.optimizers.Adam(settings.learning_rate),
    )
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    optimizer.build(model.trainable_variables)


def sizes(network: keras.Model) -> dict[str, int]:
    """Returns the number of weights and their size in bytes, packed and in float32."""
    weights = sum(int(np.prod(v.shape)) for v in network.weights)
    binary = sum(
        int(np.prod(v.shape)) for v in network.weights if larq_bop.Bop.is_binary_variable(v)
    )
    return {
        "binary_weights": binary,
        "other_weights": weights - binary,
        "bytes_with_1_bit_weights": -(-binary // 8) + 4 * (weights - binary),
        "bytes_in_float32": 4 * weights,
    }
