"""Training that resumes from its last checkpoint."""

from __future__ import annotations

import abc
import time
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from experiments.data import Dataset
from experiments.data.batches import Batches, EpochStarter
from experiments.data.feed import feed
from experiments.data.preprocessing import on_bytes
from experiments.engine import accelerator, hosts
from experiments.engine.checkpoint import AfterEpoch, Progress
from experiments.engine.folder import HISTORY, RunFolder
from experiments.engine.progress import ProgressBar, console
from experiments.engine.settings import Settings
from experiments.engine.split import split

SECONDS_BETWEEN_CHECKPOINTS = 30
"""The time between checkpoints. On a GPU an epoch, and also a checkpoint, take about a second."""


class Training(abc.ABC):
    """The training of a network, with checkpoints in the folder of its run.

    It resumes from its last checkpoint, with the same weights as without the interruption. A
    subclass defines `network`, `optimizer` and `title`, and can override `batches`, `on_bytes`,
    `metrics`, `callbacks`, `row`, `rows`, `is_done`, `tested`, `before_checkpoint` and `test`.

    Args:
        settings: The run's settings.
        data: The data set.
        here: The run's folder.

    Attributes:
        settings: As given.
        data: As given.
        here: As given.
        part: The name of this part of the run, which has its own checkpoints; empty for all.
        held_out: The name of the images on which each epoch is evaluated.
        steps_per_execution: As in `keras.Model.compile`: small steps are faster together. Torch
            computes one step at a time, an accelerator on JAX blocks of them.
        model: The network, without its preprocessing.
        progress: The progress of the training.
        steps: The number of steps in an epoch.
        items: The number of batches in an epoch as Keras counts them: steps, or blocks of steps.
        batch_size: The number of images in a step.

    Raises:
        ExperimentError: if there are checkpoints and all are damaged.
    """

    part = ""
    held_out = "validation"
    steps_per_execution = 1

    def __init__(self, settings: Settings, data: Dataset, here: RunFolder):
        keras.config.set_dtype_policy(settings.dtype_policy)
        keras.utils.set_random_seed(settings.seed)
        self.settings, self.data, self.here = settings, data, here
        self._checkpoints = here.checkpoints_of(self.part)
        sets: Sequence[Any] = self.batches()
        self._batches = sets[0]
        self.steps = len(self._batches)
        self.batch_size = self._batches.images_a_step
        self.model = self.network()
        one_at_a_time = keras.backend.backend() == "torch"
        if accelerator.is_at_hand() and isinstance(self._batches, Batches):
            one_at_a_time = True  # One block of steps at a time.
            self._on_bytes, sets = accelerator.in_blocks(self.model, settings.augment, sets)
        else:
            self._on_bytes = self.on_bytes()
        self._training_set, self._validation_set, self._test_set = map(feed, sets)
        self.items = len(self._training_set)
        self._on_bytes.compile(
            optimizer=self.optimizer(self.steps),
            loss="sparse_categorical_crossentropy",
            **self.metrics(),
            steps_per_execution=1 if one_at_a_time else min(self.steps_per_execution, self.steps),
        )
        self._on_bytes.optimizer.build(self._on_bytes.trainable_variables)
        self._state = [*self.model.variables, *self._on_bytes.optimizer.variables]
        self.progress = self._checkpoints.load(self._state) or Progress()
        self._best: list[Any] | None = None

    @classmethod
    def measure(cls, settings: Any, data: Dataset, here: RunFolder) -> dict[str, Any]:
        """Trains a network to the end and tests it.

        Args:
            settings: The run's settings.
            data: The data set.
            here: The run's folder.

        Returns:
            The content of `result.json`.

        Raises:
            ExperimentError: if all checkpoints are damaged, or a file cannot be written.
        """
        training = cls(settings, data, here)
        training.train()
        return training.test()

    @abc.abstractmethod
    def network(self) -> keras.Model:
        """Returns the untrained network. It is called after the seed is set."""

    @abc.abstractmethod
    def optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        """Returns the optimizer.

        Args:
            steps: The number of steps in an epoch.
        """

    @abc.abstractmethod
    def title(self) -> str:
        """Returns a description of the training, to be printed and drawn."""

    def batches(self) -> tuple[Any, Any, Any]:
        """Returns the batches for training, for validation (None without) and for the test."""
        return split(self.settings, self.data)

    def on_bytes(self) -> keras.Model:
        """Returns a model that preprocesses images and calls the network, sharing its weights."""
        return on_bytes(self.model, self.settings.augment)

    def metrics(self) -> dict[str, list]:
        """Returns the metrics, as `keras.Model.compile` takes them."""
        # By name it would be made in the first step, which TensorFlow then traces a second time.
        return {"metrics": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]}

    def train(self, watchers: Iterable[keras.callbacks.Callback] = ()) -> None:
        """Trains to the end, shows the progress and writes the history.

        Args:
            watchers: Callbacks that are called after each epoch is recorded, and after its
                checkpoint if there is one.

        Raises:
            ExperimentError: if a checkpoint or the history cannot be written.
        """
        done = self.progress.epoch
        resuming = f"; resuming after epoch {done}" if done else ""
        console.print(self.title() + resuming, soft_wrap=True)
        history = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self._write())
        with ProgressBar(self.settings.epochs, self.items, self.held_out) as bar:
            if not self.is_done():
                self._fit([history, bar, *watchers])
        # The process may have been killed between the last checkpoint and its history.
        self._write()
        self.here.seconds += self.progress.seconds

    def _fit(self, callbacks: list[keras.callbacks.Callback]) -> None:
        self._clock = self._saved = time.monotonic()
        self._on_bytes.fit(
            self._training_set,
            shuffle=False,  # The batches are already shuffled, by seed and epoch.
            validation_data=self._validation_set,
            initial_epoch=self.progress.epoch,
            epochs=self.settings.epochs,
            callbacks=[
                EpochStarter(self._batches),
                *self.callbacks(),
                AfterEpoch(self._record),
                *callbacks,
            ],
            verbose=0,
        )

    def _write(self) -> None:
        self.here.write_rows(HISTORY, self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """Returns the rows of `history.csv`, one for each epoch."""
        return self.progress.history

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns callbacks that are called before each epoch is recorded."""
        return []

    def before_checkpoint(self) -> None:  # noqa: B027 (most write nothing)
        """Writes files that must not be older than the next checkpoint."""

    def row(self, epoch: int, logs: dict[str, Any]) -> dict[str, Any]:
        """Returns the numbers of an epoch for the history.

        Args:
            epoch: The epoch, from 0.
            logs: Keras' logs at its end.
        """
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        return {name: logs[name] for name in names if name in logs}

    def is_done(self) -> bool:
        """Returns whether the training is finished."""
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
            self._best = [ops.copy(variable) for variable in self.model.variables]
        now = time.monotonic()
        progress.seconds += now - self._clock
        self._clock = now
        done = self.is_done()
        # The hosts' clocks may not agree.
        due = hosts.by_first(lambda: done or now - self._saved >= SECONDS_BETWEEN_CHECKPOINTS)
        if due():
            self.before_checkpoint()
            self._checkpoints.save(progress, self._state, self._best)
            self._saved, self._best = time.monotonic(), None
        self._on_bytes.stop_training = done

    def test(self) -> dict[str, Any]:
        """Tests the weights of the lowest validation loss (without validation, the last ones).

        Returns:
            The content of `result.json`.
        """
        progress = self.progress
        if progress.best_epoch is not None:
            self._checkpoints.load_best(progress, self.model.variables)
        row = progress.history[(progress.best_epoch or progress.epoch) - 1]
        return {
            **self.tested(row),
            "tested_epoch": row["epoch"],
            "validation_accuracy": row.get("val_accuracy"),
            "epochs": progress.epoch,
        }

    def tested(self, row: dict[str, Any]) -> dict[str, Any]:
        """Tests the network, whose weights are those of a row of the history, for the result."""
        logs = self._on_bytes.evaluate(self._test_set, verbose=0, return_dict=True)
        return {"test_accuracy": logs["accuracy"], "test_loss": logs["loss"]}
