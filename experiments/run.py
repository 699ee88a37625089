"""A run, from its settings to a finished folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from experiments import folder
from experiments.data import Dataset
from experiments.folder import RunFolder
from experiments.presentation import ProgressBar, console
from experiments.settings import Settings, shortened
from experiments.training import Training

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
    with folder.opened(path, run.settings, overwrite) as here:
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
