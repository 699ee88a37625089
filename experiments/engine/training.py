"""Training, resumable from its last checkpoint."""

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
from experiments.data.preprocessing import on_bytes
from experiments.engine import accelerator, hosts
from experiments.engine.checkpoint import AfterEpoch, Progress
from experiments.engine.folder import HISTORY, RunFolder
from experiments.engine.progress import ProgressBar, console
from experiments.engine.settings import Settings
from experiments.engine.split import split

SECONDS_BETWEEN_CHECKPOINTS = 30
"""On a GPU an epoch takes about a second, and a checkpoint as long: not every epoch has one."""


class Training(abc.ABC):
    """A network in training, in the folder of its run.

    It begins where its checkpoints left off, and goes on as if it had never stopped. A subclass
    says what is trained, by `network`, `optimizer` and `title`, and overrides what it does in its
    own way: `batches`, `on_bytes`, `metrics`, `callbacks`, `row`, `rows`, `is_done`, `tested`,
    `before_checkpoint`, `test`.

    Args:
        settings: What decides the run.
        data: The images.
        here: The run's folder.

    Attributes:
        settings: As given.
        data: As given.
        here: As given.
        part: The part of the run that it is, whose checkpoints lie in a folder of their own; empty
            where the run is one training.
        held_out: What the images of its second set are called.
        steps_per_execution: Steps between two returns to Python, see `keras.Model.compile`: the
            weights are the same, small steps are faster together. Torch takes one at a time, an
            accelerator on JAX as many as it can.
        model: The network, without its preprocessing.
        progress: How far the training has come.
        steps: Steps an epoch.
        items: What Keras counts as the batches of an epoch: steps, or blocks of them.
        batch_size: Images a step.

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
            one_at_a_time = True  # One block, that is.
            self._on_bytes, sets = accelerator.in_blocks(self.model, settings.augment, sets)
        else:
            self._on_bytes = self.on_bytes()
        self._training_set, self._validation_set, self._test_set = sets
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
            settings: What decides the run.
            data: The images.
            here: The run's folder.

        Returns:
            The result, as it stands in `result.json`.
        """
        training = cls(settings, data, here)
        training.train()
        return training.test()

    @abc.abstractmethod
    def network(self) -> keras.Model:
        """Returns the untrained network; called once the seed is set."""

    @abc.abstractmethod
    def optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        """Returns the optimizer.

        Args:
            steps: Steps an epoch.
        """

    @abc.abstractmethod
    def title(self) -> str:
        """Returns what is trained, in the words of a caption."""

    def batches(self) -> tuple[Any, Any, Any]:
        """Returns the batches for training, for validation, or None, and for the test."""
        return split(self.settings, self.data)

    def on_bytes(self) -> keras.Model:
        """Returns the network with its preprocessing in front, sharing its weights."""
        return on_bytes(self.model, self.settings.augment)

    def metrics(self) -> dict[str, list]:
        """Returns the metrics, as `keras.Model.compile` takes them."""
        return {"metrics": ["accuracy"]}

    def train(self, watchers: Iterable[keras.callbacks.Callback] = ()) -> None:
        """Trains to the end, shows how it goes and writes the history.

        Args:
            watchers: Callbacks that see each epoch once it is recorded, and written if a checkpoint
                is due.

        Raises:
            ExperimentError: if a checkpoint or the history cannot be written.
        """
        done = self.progress.epoch
        going_on = f"; going on after epoch {done}" if done else ""
        console.print(self.title() + going_on, soft_wrap=True)
        history = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: self._write())
        with ProgressBar(self.settings.epochs, self.items, self.held_out) as bar:
            if not self.is_done():
                self._fit([history, bar, *watchers])
        # A kill may have come between the last checkpoint and its history.
        self._write()
        self.here.seconds += self.progress.seconds

    def _fit(self, callbacks: list[keras.callbacks.Callback]) -> None:
        self._clock = self._saved = time.monotonic()
        self._on_bytes.fit(
            self._training_set,
            shuffle=False,  # The batches are shuffled already, by seed and epoch.
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
        """Returns the history as it is written, a row an epoch."""
        return self.progress.history

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """Returns callbacks that see each epoch before it is recorded."""
        return []

    def before_checkpoint(self) -> None:  # noqa: B027 (most rely on nothing)
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
        """Tests the weights of the lowest validation loss, or the last where nothing is held out.

        They are the network's weights from then on.

        Returns:
            The result, as it stands in `result.json`.
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
        """Tests the network's weights, and returns what the result keeps of it.

        Args:
            row: The history's of the epoch that they come from.
        """
        logs = self._on_bytes.evaluate(self._test_set, verbose=0, return_dict=True)
        return {"test_accuracy": logs["accuracy"], "test_loss": logs["loss"]}
