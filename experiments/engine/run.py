"""Runs, from their settings to finished folders: one, or a series of them."""

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
    """What is run.

    Attributes:
        settings: What decides it.
        protocol: What the settings would be at full length.
        measure: Trains what there is to train, from where it was left in the run's folder, and
            returns the result; all files but `config.json` and `result.json` are its own.
    """

    settings: Settings
    protocol: Settings
    measure: Callable[[Any, Dataset, RunFolder], dict[str, Any]]

    @property
    def shortened(self) -> str | None:
        """Where the settings fall short of the protocol, in words; None if they do not."""
        return ", ".join(self.settings.shortened(self.protocol)) or None


def run_one(run: Run, images: Dataset, path: Path, overwrite: bool = False) -> dict[str, Any]:
    """Begins or resumes a run and writes its folder.

    Args:
        run: The run.
        images: Its data.
        path: Its folder.
        overwrite: Whether a run that is in the folder is deleted first.

    Returns:
        The result.

    Raises:
        ExperimentError: if the folder cannot be used, or other hosts run something else.
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
        runs: The runs by the name of their folder.
        only: Patterns such as `mnist-*`; runs whose name fits none are left out; None for all.
        data_dir: Where TensorFlow Datasets finds or puts the data; None for its own place.
        out: The folder of the series; None for one under `runs`.
        overwrite: Whether these runs are deleted first, where they are there.

    Raises:
        ExperimentError: if no run fits, the data cannot be had, or a folder cannot be used.
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
        # A series of networks in one process: none needs those before it.
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
    """Returns the shares among a result's numbers, in a line."""
    shares = {name: value for name, value in result.items() if isinstance(value, float)}
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in shares.items())
