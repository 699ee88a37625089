"""Experiments that consist of a single run, which trains with Bop and saves model and picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from rich.filesize import decimal
from rich.table import Table

from experiments import data
from experiments.data import Dataset
from experiments.engine import hosts, opening
from experiments.engine.bop_training import BopTraining
from experiments.engine.folder import MODEL, PICTURE, RunFolder
from experiments.engine.progress import console
from experiments.engine.run import Run, run_one
from experiments.engine.settings import BinarynetSettings, Settings
from experiments.files import atomic_write


class SingleTraining(BopTraining):
    """Training with Bop that saves the model and a picture of the training.

    The arguments are those of `BopTraining`.
    """

    @classmethod
    def measure(
        cls, settings: Any, data: Dataset, here: RunFolder, tensorboard: bool = False
    ) -> dict[str, Any]:
        """Trains a network to the end, tests it, saves it and draws its history.

        Args:
            settings: The run's settings.
            data: The data set.
            here: The run's folder.
            tensorboard: Whether event files for TensorBoard are written as well.

        Returns:
            The content of `result.json`.

        Raises:
            ExperimentError: if all checkpoints are damaged, or a file cannot be written.
        """
        training = cls(settings, data, here)
        watched = tensorboard and hosts.is_first()
        training.train([keras.callbacks.TensorBoard(here.tensorboard)] if watched else [])
        result = training.test()
        here.write_model(training.model)
        draw(training.progress.history, training.title(), here.path / PICTURE)
        return result

    def title(self) -> str:
        settings = self.settings
        assert isinstance(settings, BinarynetSettings)
        name = f"{settings.experiment} on {settings.dataset}"
        if settings.experiment == settings.dataset:
            name = settings.experiment
        length = f"{settings.epochs} epochs, {settings.filters} filters, seed {settings.seed}"
        hyperparameters = f"gamma {settings.gamma:g}, threshold {settings.threshold:g}"
        return f"{name}, preset {settings.preset}: {length}, {hyperparameters}"


def run_single(
    run: Run,
    data_dir: Path | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    load: Callable[[str, Path | None], Any] | None = None,
) -> None:
    """Begins or resumes a run of a `SingleTraining` and shows its result.

    Args:
        run: The run.
        data_dir: The folder of TensorFlow Datasets; None for the default of `load`.
        out: The run's folder; None for one under `runs`, named after the run.
        overwrite: Whether a run that is in the folder is deleted first.
        load: A function that takes the data set's name and `data_dir` and returns the data; None
            for `data.load`.

    Raises:
        ExperimentError: if the data cannot be loaded or the folder cannot be used.
    """
    path = out or default_folder(run.settings, overwrite)
    images = hosts.by_all(load or data.load)(run.settings.dataset, data_dir)
    show_result(run_one(run, images, path, overwrite), path)


def default_folder(settings: Settings, overwrite: bool) -> Path:
    """Returns a folder under `runs` for a run, with a number in its name if needed.

    Args:
        settings: The run's settings.
        overwrite: Whether it may be the folder of a finished run.
    """
    name = f"{settings.experiment}-{settings.dataset}-{settings.preset}".replace("/", "-")
    names = (name if number == 1 else f"{name}-{number}" for number in itertools.count(1))
    paths = (Path("runs") / each for each in names)
    return next(path for path in paths if overwrite or not opening.is_finished(path))


def show_result(result: dict[str, Any], folder: Path) -> None:
    """Prints a table of the result of a run, and the paths of its model and picture.

    Args:
        result: The content of `result.json`.
        folder: The run's folder.
    """
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("test accuracy", f"{result['test_accuracy']:.2%}", style="bold")
    table.add_row("weights of epoch", f"{result['tested_epoch']} of {result['epochs']}")
    table.add_row("flips in all", f"{result['flips']:,}")
    table.add_row("binary weights", f"{result['binary_weights']:,}")
    small, large = result["bytes_with_1_bit_weights"], result["bytes_in_float32"]
    table.add_row(
        "size at 1 bit a weight", f"{decimal(small)} ({large / small:.0f} times less than float32)"
    )
    table.add_row("size in float32", decimal(large))
    console.print()
    console.print(table)
    console.print(f"\nmodel    {folder / MODEL}\npicture  {folder / PICTURE}", soft_wrap=True)


@hosts.by_first
def draw(rows: list[dict[str, Any]], title: str, path: Path) -> None:
    """Draws a run's history.

    Args:
        rows: One row for each epoch, as in `history.csv`.
        title: The title of the picture.
        path: The PNG file to write.

    Raises:
        ExperimentError: if the file cannot be written.
    """
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle(title)
    accuracy, flips = figure.subplots(1, 2)

    accuracy.plot(epochs, [row["accuracy"] for row in rows], marker=".", label="training")
    for column, label in (("val_accuracy", "validation"), ("test_accuracy", "test")):
        if column in rows[0]:
            accuracy.plot(epochs, [row[column] for row in rows], marker=".", label=label)
    accuracy.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    accuracy.set(xlabel="epoch", ylabel="accuracy")
    accuracy.legend(frameon=False)

    flips.plot(epochs, [row["flips"] for row in rows], marker=".", color="tab:green")
    # A logarithmic axis cannot show an epoch without flips.
    flips.set_yscale("symlog", linthresh=1)
    flips.set_ylim(bottom=0)
    flips.set(xlabel="epoch", ylabel="flips in an epoch")
    for axes in (accuracy, flips):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    with atomic_write(path) as file:
        figure.savefig(file, dpi=150, format="png")
