"""Checkpoints that a kill at any moment cannot spoil."""

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
    """How far a run has come.

    Attributes:
        epoch: The number of finished epochs.
        history: A row of numbers an epoch.
        best_epoch: The epoch, from 1, of the lowest validation loss; None before there is one.
        best_loss: That loss.
        seconds: Wall time spent so far, over all sessions.
    """

    epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_loss: float | None = None
    seconds: float = 0.0


class AfterEpoch(keras.callbacks.Callback):
    """Calls a function with each epoch's number and logs, when all variables are up to date."""

    def __init__(self, record: Callable[[int, dict[str, Any]], None]):
        super().__init__()
        self._record = record

    def on_epoch_end(self, epoch, logs=None):
        # On JAX, asking for the model brings its variables up to date.
        assert self.model is not None
        self._record(epoch, logs)


class Checkpoints:
    """The checkpoints of a run: the last two, and the best weights.

    Values are written first and the record that names them, with their SHA-256, last and at once;
    so a record that can be read stands for values that can be read. Values of the last but one are
    kept for the day that the last are damaged. Where several hosts train, all of them call its
    methods, and the first one alone reads and writes.

    Args:
        folder: Where they lie; created when first needed.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @hosts.by_first
    def save(self, progress: Progress, variables, best=None) -> None:
        """Saves the state after an epoch.

        Args:
            progress: How far the run has come.
            variables: All variables of the model and its optimizer.
            best: The network's values at the best epoch, if that is younger than the checkpoint
                before.

        Raises:
            ExperimentError: if the files cannot be written; the checkpoint before stays.
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
        """Restores the newest checkpoint that is whole.

        Args:
            variables: The variables that `save` was given, in the same order.

        Returns:
            The progress at that checkpoint, or None if there is no checkpoint at all.

        Raises:
            ExperimentError: if there are checkpoints and all of them are damaged.
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
        """Restores the network's variables at the best epoch, which there must be."""
        assert progress.best_epoch is not None
        read = hosts.by_first(read_values)
        shapes = [tuple(variable.shape) for variable in variables]
        _assign(variables, read(self._best(progress.best_epoch), shapes))

    def _verified(self, record: Path) -> dict[str, Any]:
        """Returns the record's body, if it and all the values that it names are whole."""
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
            # A damaged record names nothing; `load` will say so.
            with contextlib.suppress(ValueError):
                names.update(_body(record)["sha256"])
        for path in self.folder.iterdir():
            # A folder is none of ours.
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
    """Writes the values of Keras variables to an .npz file, in their order."""
    with atomic_write(path) as file:
        np.savez(file, *(ops.convert_to_numpy(variable) for variable in variables))


def read_values(path: Path, shapes: list[tuple]) -> list[np.ndarray]:
    """Returns what `write_variables` wrote.

    Args:
        path: The file.
        shapes: The shapes of the variables that it is read for.

    Raises:
        ValueError: if the file holds variables of other shapes than these.
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
    """Returns what a record says, if it is whole."""
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
