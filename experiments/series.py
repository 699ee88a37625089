"""Series of runs: one command carries out all of them, each in a folder of its own."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from experiments import data, folder
from experiments.errors import ExperimentError
from experiments.presentation import console
from experiments.run import Run, carry_out


def run_series(
    runs: dict[str, Run],
    only: Sequence[str] = (),
    data_dir: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Carries out the runs of a series that are not finished.

    Args:
        runs: The runs by the name of their folder.
        only: Patterns such as `mnist-*`; runs whose name fits none are left out. None for all.
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
        if folder.is_finished(path) and not overwrite:
            folder.require_equal_settings(path, run.settings)
            console.print(f"{heading}: finished before")
            continue
        images = load(run.settings.dataset)
        console.print(heading)
        # A series of networks in one process: none needs those before it.
        keras.utils.clear_session()
        if told := _told(carry_out(run, images, path, overwrite)):
            console.print(told, soft_wrap=True)
    console.print(f"\nresults  {root}", soft_wrap=True)


def _chosen(runs: dict[str, Run], only: Sequence[str]) -> dict[str, Run]:
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
