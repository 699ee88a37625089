"""The picture of a run: accuracy and flips by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from experiments.files import atomic_write


def draw(rows: list[dict[str, Any]], title: str, path: Path) -> None:
    """Draws a run's history.

    Args:
        rows: A row an epoch, as in `history.csv`.
        title: What was run.
        path: The PNG file to write.

    Raises:
        ExperimentError: if the file cannot be written.
    """
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle(title)
    accuracy, flips = figure.subplots(1, 2)

    accuracy.plot(epochs, [row["accuracy"] for row in rows], marker=".", label="training")
    if "val_accuracy" in rows[0]:
        accuracy.plot(epochs, [row["val_accuracy"] for row in rows], marker=".", label="validation")
    accuracy.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    accuracy.set(xlabel="epoch", ylabel="accuracy")
    accuracy.legend(frameon=False)

    flips.plot(epochs, [row["flips"] for row in rows], marker=".", color="tab:green")
    # A log axis would have no place for an epoch without a flip.
    flips.set_yscale("symlog", linthresh=1)
    flips.set_ylim(bottom=0)
    flips.set(xlabel="epoch", ylabel="flips in an epoch")
    for axes in (accuracy, flips):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    with atomic_write(path) as file:
        figure.savefig(file, dpi=150, format="png")
