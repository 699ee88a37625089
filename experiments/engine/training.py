"""Training, resumable from its last checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from experiments.data import Dataset
from experiments.data.batches import Batches, EpochStarter
from experiments.data.preprocessing import on_bytes
from experiments.engine import accelerator
from experiments.engine.checkpoint import Checkpoints, Progress
from experiments.engine.settings import Settings

_EVALUATION_BATCH = 250

SECONDS_BETWEEN_CHECKPOINTS = 30
"""On a GPU an epoch takes about a second, and a checkpoint as long: not every epoch has one."""


class Training:
    """A network in training.

    It begins where its checkpoints left off, and goes on as if it had never stopped. A subclass
    overrides what it does in its own way: `callbacks`, `row`, `is_done`, `before_checkpoint`.

    Args:
        settings: What decides the run.
        build_network: Makes the untrained network; called once the seed is set.
        optimizer: Makes the optimizer, given the steps of an epoch.
        data: The images.
        checkpoints: Where the state is kept.
        steps_per_execution: Steps between two returns to Python, see `keras.Model.compile`: the
            weights are the same, small steps are faster together. Torch takes one at a time, an
            accelerator on JAX as many as it can.

    Attributes:
        network: The network, without its preprocessing.
        progress: How far the training has come.
        steps: Steps an epoch.
        items: What Keras counts as the batches of an epoch: steps, or blocks of them.
        batch_size: Images a step.

    Raises:
        ExperimentError: if there are checkpoints and all are damaged.
    """

    def __init__(
        self,
        settings: Settings,
        build_network: Callable[[], keras.Model],
        optimizer: Callable[[int], keras.optimizers.Optimizer],
        data: Dataset,
        checkpoints: Checkpoints,
        steps_per_execution: int = 1,
    ):
        keras.config.set_dtype_policy(settings.dtype_policy)
        keras.utils.set_random_seed(settings.seed)
        self.settings = settings
        self._checkpoints = checkpoints
        self._batches, self._validation, self._test = split(settings, data)
        self.steps = len(self._batches)
        self.batch_size = min(settings.batch_size, len(self._batches.images))
        self.network = build_network()
        one_at_a_time = keras.backend.backend() == "torch"
        sets = (self._batches, self._validation, self._test)
        if accelerator.is_at_hand():
            one_at_a_time = True  # One block, that is.
            self._model, sets = accelerator.in_blocks(self.network, settings.augment, sets)
        else:
            self._model = on_bytes(self.network, settings.augment)
        self._training_set, self._validation_set, self._test_set = sets
        self.items = len(self._training_set)
        self._model.compile(
            optimizer=optimizer(self.steps),
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy"],
            steps_per_execution=1 if one_at_a_time else min(steps_per_execution, self.steps),
        )
        self._model.optimizer.build(self._model.trainable_variables)
        self._state = [*self.network.variables, *self._model.optimizer.variables]
        self.progress = checkpoints.load(self._state) or Progress()
        self._best = None

    def fit(self, callbacks: list[keras.callbacks.Callback]) -> None:
        """Trains until it is done.

        Args:
            callbacks: Callbacks that see each epoch once it is recorded, and written if a
                checkpoint is due.

        Raises:
            ExperimentError: if a checkpoint cannot be written.
        """
        if self.is_done():
            return
        self._clock = self._saved = time.monotonic()
        self._model.fit(
            self._training_set,
            shuffle=False,  # The batches are shuffled already, by seed and epoch.
            validation_data=self._validation_set,
            initial_epoch=self.progress.epoch,
            epochs=self.settings.epochs,
            callbacks=[
                EpochStarter(self._batches),
                *self.callbacks(),
                _AfterEpoch(self._record),
                *callbacks,
            ],
            verbose=0,
        )

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns callbacks that see each epoch before it is recorded."""
        return []

    def before_checkpoint(self) -> None:
        """Writes what a checkpoint relies on."""

    def row(self, epoch: int, logs: dict[str, Any]) -> dict[str, Any]:
        """Returns what the history keeps of an epoch.

        Args:
            epoch: The epoch, from 0.
            logs: Keras' logs at its end.
        """
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        return {name: logs[name] for name in names if name in logs}

    def is_done(self) -> bool:
        """Whether there is nothing left to train."""
        return self.progress.epoch >= self.settings.epochs

    def _record(self, epoch: int, logs: dict[str, Any]) -> None:
        progress = self.progress
        row = self.row(epoch, logs)
        progress.epoch = epoch + 1
        progress.history.append({"epoch": progress.epoch, **row})
        best = np.inf if progress.best_loss is None else progress.best_loss
        improved = row.get("val_loss", np.inf) < best
        if improved:
            progress.best_epoch, progress.best_loss = progress.epoch, row["val_loss"]
            self._best = [ops.copy(variable) for variable in self.network.variables]
        now = time.monotonic()
        progress.seconds += now - self._clock
        self._clock = now
        done = self.is_done()
        if done or now - self._saved >= SECONDS_BETWEEN_CHECKPOINTS:
            self.before_checkpoint()
            self._checkpoints.save(progress, self._state, self._best)
            self._saved, self._best = time.monotonic(), None
        self._model.stop_training = done

    def test(self) -> dict[str, Any]:
        """Tests the weights of the lowest validation loss, or the last where nothing is held out.

        They are the network's weights from then on.

        Returns:
            The result, as it stands in `result.json`.
        """
        progress = self.progress
        if progress.best_epoch is not None:
            self._checkpoints.load_best(progress, self.network.variables)
        loss, accuracy = self._model.evaluate(self._test_set, verbose=0)
        tested = progress.history[(progress.best_epoch or progress.epoch) - 1]
        return {
            "test_accuracy": accuracy,
            "test_loss": loss,
            "tested_epoch": tested["epoch"],
            "validation_accuracy": tested.get("val_accuracy"),
            "epochs": progress.epoch,
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
    return training, validation if held_out else None, evaluation_batches(data, settings.augment)


def evaluation_batches(data: Dataset, augment: bool = False) -> Batches:
    """Returns the test images, for a model that was made with or without augmentation."""
    return Batches(data.test_images, data.test_labels, _EVALUATION_BATCH, augment)


def accuracy_on_test_images(network: keras.Model, data: Dataset) -> float:
    """Returns a network's accuracy on the test images."""
    model = on_bytes(network, augment=False)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.evaluate(evaluation_batches(data), verbose=0)[1]
