"""Runs and series of runs, from their settings to their finished folders."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from experiments import data
from experiments.data import Dataset
from experiments.engine import hosts, opening
from experiments.engine.folder import RunFolder
from experiments.engine.progress import console
from experiments.engine.settings import Settings
from experiments.errors import ExperimentError


@dataclass(frozen=True)
class Run:
    """A run that can be started or resumed.

    Attributes:
        settings: The run's settings.
        protocol: The settings at full length.
        measure: A function that takes the settings, the data set and the run's folder. It trains,
            resuming from the checkpoints in the folder, and returns the result. It writes all files
            of the folder except `config.json` and `result.json`.
    """

    settings: Settings
    protocol: Settings
    measure: Callable[[Any, Dataset, RunFolder], dict[str, Any]]

    @property
    def shortened(self) -> str | None:
        """How the settings are shorter than the protocol, in words; None if they are not."""
        return ", ".join(self.settings.shortened(self.protocol)) or None


def run_one(run: Run, images: Dataset, path: Path, overwrite: bool = False) -> dict[str, Any]:
    """Begins or resumes a run and writes its folder.

    Args:
        run: The run.
        images: Its data set.
        path: Its folder.
        overwrite: Whether a run that is in the folder is deleted first.

    Returns:
        The result.

    Raises:
        ExperimentError: if the folder cannot be opened or written, all checkpoints are damaged, or
            other hosts have another run.
    """
    hosts.require_same(run.settings, images.source)
    with opening.opened(path, run.settings, overwrite) as here:
        here.write_config(run.settings, images.source, run.shortened)
        result = run.measure(run.settings, images, here)
        here.write_config(run.settings, images.source, run.shortened, here.seconds)
        here.finish(result)
    return result


def run_series(
    runs: dict[str, Run],
    only: Sequence[str] | None = None,
    data_dir: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Runs those runs of a series that are not finished, one after the other.

    Args:
        runs: The runs by the names of their folders.
        only: Patterns such as `mnist-*`. Runs whose name matches none are left out; None for all.
        data_dir: The folder of TensorFlow Datasets; None for the default of `data.load`.
        out: The folder of the series; None for one under `runs`.
        overwrite: Whether existing folders of these runs are deleted first.

    Raises:
        ExperimentError: if no name matches, the data cannot be loaded, a folder cannot be used, or
            a finished run has other settings.
    """
    chosen = _chosen(runs, only)
    settings = next(iter(chosen.values())).settings
    root = out or Path("runs") / f"{settings.experiment}-{settings.preset}"
    load = functools.cache(lambda dataset: data.load(dataset, data_dir))
    for number, (name, run) in enumerate(chosen.items(), start=1):
        heading = f"run {number} of {len(chosen)}, {name}"
        path = root / name
        if opening.is_finished(path) and not overwrite:
            opening.require_equal_settings(path, run.settings)
            console.print(f"{heading}: finished before")
            continue
        images = load(run.settings.dataset)
        console.print(heading)
        # Otherwise the networks of earlier runs would stay in memory.
        keras.utils.clear_session()
        if told := _told(run_one(run, images, path, overwrite)):
            console.print(told, soft_wrap=True)
    console.print(f"\nresults  {root}", soft_wrap=True)


def _chosen(runs: dict[str, Run], only: Sequence[str] | None) -> dict[str, Run]:
    if not only:
        return runs
    chosen = {
        name: run
        for name, run in runs.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in only)
    }
    if not chosen:
        raise ExperimentError(
            f"No run fits {' or '.join(only)}: choose among {', '.join(runs)} with `--only`."
        )
    return chosen


def _told(result: dict[str, Any]) -> str:
    """Returns the floats among a result's values, such as accuracies, in one line."""
    shares = {name: value for name, value in result.items() if isinstance(value, float)}
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in shares.items())
