"""From a command to a finished folder."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import keras

from experiments import data, folder, picture
from experiments.presentation import ProgressBar, console, show_result
from experiments.settings import Settings
from experiments.training import Training


def run(
    settings: Settings,
    build_network: Callable[[Settings, data.Dataset], keras.Model],
    data_dir: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    tensorboard: bool = False,
) -> None:
    """Runs or resumes a training run, shows how it goes and writes its folder.

    Args:
        settings: What decides the run.
        build_network: Makes the untrained network from the settings and the data.
        data_dir: Where TensorFlow Datasets finds or puts the data; None for its own place.
        out: The run's folder; None for one under `runs`, named after the run.
        overwrite: Whether a run that is in the folder is deleted first.
        tensorboard: Whether event files are written as well.

    Raises:
        ExperimentError: if the data cannot be had or the folder cannot be used.
    """
    path = out or default_folder(settings, overwrite)
    images = data.load(settings.dataset, data_dir)
    with folder.opened(path, settings, overwrite) as here:
        here.write_config(settings, images.source)
        training = Training(
            settings, lambda: build_network(settings, images), images, here.checkpoints
        )
        done = training.progress.epoch
        start = f"; going on after epoch {done}" if done else ""
        console.print(title(settings) + start, soft_wrap=True)
        with ProgressBar(settings.epochs, training.steps) as bar:
            history = keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: here.write_history(training.progress.history)
            )
            watchers: list[keras.callbacks.Callback] = [history, bar]
            if tensorboard:
                watchers.append(keras.callbacks.TensorBoard(here.tensorboard))
            training.fit(watchers)
        result = training.test()
        progress = training.progress
        here.write_history(progress.history)
        here.write_model(training.network)
        picture.draw(progress.history, title(settings), here.path / folder.PICTURE)
        here.write_config(settings, images.source, progress.seconds)
        here.finish(result)
    show_result(result, path)


def title(settings: Settings) -> str:
    """Returns what a run is, in the words of a caption."""
    name = f"{settings.experiment} on {settings.dataset}"
    if settings.experiment == settings.dataset:
        name = settings.experiment
    training = f"{settings.epochs} epochs, {settings.filters} filters, seed {settings.seed}"
    hyperparameters = f"gamma {settings.gamma:g}, threshold {settings.threshold:g}"
    return f"{name}, preset {settings.preset}: {training}, {hyperparameters}"


def default_folder(settings: Settings, overwrite: bool) -> Path:
    """Returns the run's folder under `runs`: the first of its name that is not finished."""
    name = f"{settings.experiment}-{settings.dataset}-{settings.preset}"
    for number in itertools.count(1):
        path = Path("runs") / (name if number == 1 else f"{name}-{number}")
        if overwrite or not folder.is_finished(path):
            return path
