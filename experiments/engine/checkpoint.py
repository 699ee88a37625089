"""Checkpoints that stay usable if the process is killed at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from experiments.engine import hosts
from experiments.errors import ExperimentError
from experiments.files import atomic_write, make_folder, read_file, sha256

_KEPT = 2


@dataclass
class Progress:
    """The progress of a training.

    Attributes:
        epoch: The number of finished epochs.
        history: One row of numbers for each epoch.
        best_epoch: The epoch, from 1, of the lowest validation loss; None before there is one.
        best_loss: That loss.
        seconds: The wall time so far, in seconds, including that before interruptions.
    """

    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_loss: float | None = None
    seconds: float = 0.0


class AfterEpoch(keras.callbacks.Callback):
    """Calls a function after each epoch, when all variables are up to date.

    Args:
        record: The function, which takes the epoch, from 0, and its logs.
    """

    def __init__(self, record: Callable[[int, dict[str, Any]], None]):
        super().__init__()
        self._record = record

    def on_epoch_end(self, epoch, logs=None):
        # On JAX, reading `self.model` brings its variables up to date.
        assert self.model is not None
        self._record(epoch, logs)


class Checkpoints:
    """The last two checkpoints of a training, and the weights of its best epoch.

    The values are written first. The record, which names their files with their SHA-256, is written
    last and atomically. So if a record can be read, its values are complete. The checkpoint before
    the last is kept in case the last is damaged.

    If several hosts train, all of them call the methods, but only the first one reads and writes.

    Args:
        folder: Their folder, which is created when it is first needed.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @hosts.by_first
    def save(self, progress: Progress, variables, best=None) -> None:
        """Saves the state after an epoch.

        Args:
            progress: How far the run has come.
            variables: All variables of the model and its optimizer.
            best: The network's values at the best epoch, if that is after the last checkpoint.

        Raises:
            ExperimentError: if the files cannot be written; the last checkpoint is then kept.
        """
        make_folder(self.folder)
        values = [self._values(progress.epoch)]
        write_variables(values[0], variables)
        if best is not None and progress.best_epoch is not None:
            write_variables(self._best(progress.best_epoch), best)
        if progress.best_epoch is not None:
            values.append(self._best(progress.best_epoch))
        body = {
            "progress": dataclasses.asdict(progress),
            "sha256": {path.name: sha256(path) for path in values},
        }
        record = json.dumps({"body": body, "sha256": _digest(body)})
        with atomic_write(self._record(progress.epoch)) as file:
            file.write(record.encode())
        self._prune()

    def load(self, variables) -> Progress | None:
        """Restores the last checkpoint that is not damaged.

        Args:
            variables: The variables that `save` was given, in the same order.

        Returns:
            The progress at that checkpoint, or None if there is no checkpoint at all.

        Raises:
            ExperimentError: if there are checkpoints and all of them are damaged.

        Warns:
            UserWarning: for each damaged checkpoint.
        """
        newest = self._newest([tuple(variable.shape) for variable in variables])
        if newest is None:
            return None
        progress, values = newest
        _assign(variables, values)
        return progress

    @hosts.by_first
    def _newest(self, shapes: list[tuple]) -> tuple[Progress, list[np.ndarray]] | None:
        records = self._records()
        for record in records:
            try:
                body = self._verified(record)
                progress = Progress(**body["progress"])
                return progress, read_values(self._values(progress.epoch), shapes)
            except ValueError as error:
                warnings.warn(
                    f"The checkpoint {record} is damaged: {error}. The one before is used.",
                    stacklevel=2,
                )
        if records:
            raise ExperimentError(
                f"All checkpoints in {self.folder} are damaged, so that the run cannot go on; "
                "`--overwrite` begins it anew."
            )
        return None

    def load_best(self, progress: Progress, variables) -> None:
        """Restores the network's variables at the best epoch.

        Args:
            progress: The progress, which must have a best epoch.
            variables: The network's variables.
        """
        assert progress.best_epoch is not None
        read = hosts.by_first(read_values)
        shapes = [tuple(variable.shape) for variable in variables]
        _assign(variables, read(self._best(progress.best_epoch), shapes))

    def _verified(self, record: Path) -> dict[str, Any]:
        """Returns a record's body.

        Raises:
            ValueError: if the record, or a file of values that it names, is damaged or missing.
        """
        body = _body(record)
        for name, digest in body["sha256"].items():
            path = self.folder / name
            if not path.is_file():
                raise ValueError(f"{name} is missing")
            if sha256(path) != digest:
                raise ValueError(f"the checksum of {name} is wrong")
        return body

    def _prune(self) -> None:
        kept = self._records()[:_KEPT]
        names = {record.name for record in kept}
        for record in kept:
            # A damaged record names no files; `load` will warn about it.
            with contextlib.suppress(ValueError):
                names.update(_body(record)["sha256"])
        for path in self.folder.iterdir():
            # Checkpoints have no folders inside.
            if path.name not in names and (path.is_symlink() or not path.is_dir()):
                path.unlink()

    def _records(self) -> list[Path]:
        return sorted(self.folder.glob("epoch-*.json"), reverse=True)

    def _record(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:05}.json"

    def _values(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:05}.npz"

    def _best(self, epoch: int) -> Path:
        return self.folder / f"best-{epoch:05}.npz"


def write_variables(path: Path, variables) -> None:
    """Writes the values of Keras variables to an .npz file, in their order.

    Raises:
        ExperimentError: if the file cannot be written.
    """
    with atomic_write(path) as file:
        np.savez(file, *(ops.convert_to_numpy(variable) for variable in variables))


def read_values(path: Path, shapes: list[tuple]) -> list[np.ndarray]:
    """Returns the values in a file that `write_variables` wrote.

    Args:
        path: The file.
        shapes: The shapes of the variables that will get the values.

    Raises:
        ValueError: if the number or the shapes of the variables differ from those in the file.
    """
    with np.load(path, allow_pickle=False) as archive:
        values = list(archive.values())
    if [v.shape for v in values] != shapes:
        raise ValueError(f"{path.name} holds the variables of another network")
    return values


def _assign(variables, values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _body(record: Path) -> dict[str, Any]:
    """Returns a record's body, without checking the files that it names.

    Raises:
        ValueError: if the record is damaged.
    """
    try:
        content = json.loads(read_file(record))
        body, digest = content["body"], content["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"it cannot be read ({error})") from error
    if digest != _digest(body):
        raise ValueError("its checksum is wrong")
    return body


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
