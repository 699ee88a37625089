"""A run, from its settings to a finished folder."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from experiments import data
from experiments.data import Dataset
from experiments.engine import opening
from experiments.engine.folder import RunFolder
from experiments.engine.progress import ProgressBar, console
from experiments.engine.settings import Settings, shortened
from experiments.engine.training import Training
from experiments.errors import ExperimentError

Outcome = tuple[dict[str, Any], float]
"""What stands in `result.json`, and the wall time in seconds, over all sessions."""


@dataclass(frozen=True)
class Run:
    """What is run.

    Attributes:
        settings: What decides it.
        protocol: What the settings would be at full length.
        work: Runs or resumes it in its folder and returns its outcome; all files but `config.json`
            and `result.json` are its own.
    """

    settings: Settings
    protocol: Settings
    work: Callable[[Settings, Dataset, RunFolder], Outcome]


def carry_out(run: Run, images: Dataset, path: Path, overwrite: bool = False) -> dict[str, Any]:
    """Carries out or resumes a run and writes its folder.

    Args:
        run: The run.
        images: Its data.
        path: Its folder.
        overwrite: Whether a run that is in the folder is deleted first.

    Returns:
        The result.

    Raises:
        ExperimentError: if the folder cannot be used.
    """
    short = shortened(run.settings, run.protocol)
    with opening.opened(path, run.settings, overwrite) as here:
        here.write_config(run.settings, images.source, short)
        result, seconds = run.work(run.settings, images, here)
        here.write_config(run.settings, images.source, short, seconds)
        here.finish(result)
    return result


def train(
    training: Training,
    title: str,
    write_history: Callable[[], None],
    watchers: Iterable[keras.callbacks.Callback] = (),
) -> None:
    """Trains to the end, and shows how it goes.

    Args:
        training: The training, fresh or resumed.
        title: What it is, in the words of a caption.
        write_history: Called after each epoch.
        watchers: More callbacks that see each epoch once its checkpoint is written.
    """
    done = training.progress.epoch
    console.print(title + (f"; going on after epoch {done}" if done else ""), soft_wrap=True)
    history = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: write_history())
    with ProgressBar(training.settings.epochs, training.items) as bar:
        training.fit([history, bar, *watchers])
    # A kill may have come between the last checkpoint and its history.
    write_history()


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
        if opening.is_finished(path) and not overwrite:
            opening.require_equal_settings(path, run.settings)
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
