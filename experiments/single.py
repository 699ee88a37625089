"""Experiments of a single run: a network that Bop trains, saved with its picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import keras

from experiments import data, folder, picture
from experiments.bop_training import BopTraining
from experiments.folder import RunFolder
from experiments.presentation import show_result
from experiments.run import Outcome, Run, carry_out, train
from experiments.settings import BopSettings


def run_single(
    settings: BopSettings,
    protocol: BopSettings,
    build_network: Callable[[BopSettings, data.Dataset], keras.Model],
    data_dir: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    tensorboard: bool = False,
) -> None:
    """Runs or resumes a training run, shows how it goes and writes its folder.

    Args:
        settings: What decides the run.
        protocol: What the settings would be at full length.
        build_network: Makes the untrained network from the settings and the data.
        data_dir: Where TensorFlow Datasets finds or puts the data; None for its own place.
        out: The run's folder; None for one under `runs`, named after the run.
        overwrite: Whether a run that is in the folder is deleted first.
        tensorboard: Whether event files are written as well.

    Raises:
        ExperimentError: if the data cannot be had or the folder cannot be used.
    """

    def work(settings: BopSettings, images: data.Dataset, here: RunFolder) -> Outcome:
        training = BopTraining(
            settings, lambda: build_network(settings, images), images, here.checkpoints
        )
        progress = training.progress
        watchers = [keras.callbacks.TensorBoard(here.tensorboard)] if tensorboard else []
        train(
            training,
            title(settings),
            lambda: here.write_rows(folder.HISTORY, progress.history),
            watchers,
        )
        result = training.test()
        here.write_model(training.network)
        picture.draw(progress.history, title(settings), here.path / folder.PICTURE)
        return result, progress.seconds

    path = out or default_folder(settings, overwrite)
    images = data.load(settings.dataset, data_dir)
    result = carry_out(Run(settings, protocol, work), images, path, overwrite)
    show_result(result, path)


def title(settings: BopSettings) -> str:
    """Returns what a run is, in the words of a caption."""
    name = f"{settings.experiment} on {settings.dataset}"
    if settings.experiment == settings.dataset:
        name = settings.experiment
    training = f"{settings.epochs} epochs, {settings.filters} filters, seed {settings.seed}"
    hyperparameters = f"gamma {settings.gamma:g}, threshold {settings.threshold:g}"
    return f"{name}, preset {settings.preset}: {training}, {hyperparameters}"


def default_folder(settings: BopSettings, overwrite: bool) -> Path:
    """Returns the run's folder under `runs`: the first of its name that is not finished."""
    name = f"{settings.experiment}-{settings.dataset}-{settings.preset}"
    for number in itertools.count(1):
        path = Path("runs") / (name if number == 1 else f"{name}-{number}")
        if overwrite or not folder.is_finished(path):
            return path
