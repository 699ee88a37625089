"""The report's Figure 3: binarynet on CIFAR-10, trained with Bop."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments import reference
from experiments.analysis import style
from experiments.analysis.results import RESULTS, Run, caption, load, percent

NAME = "cifar10"
PROTOCOLS = {
    "report": ("the report, 4.3", reference.REPORT_CIFAR10[1].test_accuracy, np.nan),
    "paper": (
        "the paper, 5.2",
        reference.REPORT_CIFAR10[0].test_accuracy,
        reference.PAPER_CIFAR10.test_accuracy,
    ),
}
"""For each protocol its name, and what the report and the paper reached with it."""


def runs(root: Path = RESULTS, required: bool = True) -> list[Run]:
    """Returns the runs of the report's and the paper's protocols, or the quick ones if none is.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error that there is none.

    Raises:
        ExperimentError: if there is none, or a file of one is damaged.
    """
    every = load(NAME, root=root, required=required)
    whole = [run for run in every if run.settings["preset"] in PROTOCOLS]
    return whole or every


def is_the_reports(run: Run) -> bool:
    """Whether a run has the hyperparameters of the report's Figure 3."""
    settings = run.settings
    return bool(
        np.isclose(settings["gamma"], reference.FIGURE3_GAMMA, rtol=1e-9)
        and np.isclose(settings["threshold"], reference.FIGURE3_THRESHOLD, rtol=1e-9)
    )


def table(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns a row a run: its settings and test accuracy, and the report's and the paper's."""
    rows = []
    for run in runs:
        settings = run.settings
        _, report, paper = PROTOCOLS.get(settings["preset"], ("", np.nan, np.nan))
        rows.append(
            {
                "run": run.path.name,
                "gamma": settings["gamma"],
                "threshold": settings["threshold"],
                "filters": settings["filters"],
                "epochs": run.result["epochs"],
                "flips": run.result["flips"],
                "tested epoch": run.result["tested_epoch"],
                "test accuracy": run.result["test_accuracy"],
                "the report": report,
                "the paper": paper,
            }
        )
    return pd.DataFrame(rows).set_index("run")


def stages(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns a row for each value that gamma had in each run, in the order of training.

    The columns: the last epoch with this gamma, the flips in an epoch (on average), and the
    training and validation accuracy of that last epoch (NaN where no images were held out).
    """
    columns = {
        "epoch": ("epoch", "last"),
        "flips in an epoch": ("flips", "mean"),
        "training accuracy": ("accuracy", "last"),
        "validation accuracy": ("val_accuracy", "last"),
    }
    every = {}
    for run in runs:
        history = run.history.reindex(columns=["gamma", *(name for name, _ in columns.values())])
        every[run.path.name] = history.groupby("gamma", sort=False).agg(**columns)
    return pd.concat(every, names=["run"])


def draw(runs: Iterable[Run]) -> Figure:
    """Draws Figure 3: accuracy and flips by epoch, a column a run.

    Where gamma decays more often than in the report, the epochs of its points are scaled likewise.
    """
    runs = list(runs)
    width = 2 + 5 * len(runs)
    figure, axes = style.new_figure(2, len(runs), (width, 6.8), sharex="col", sharey="row")
    for run, (accuracy, flips) in zip(runs, axes.T, strict=True):
        _draw_accuracy(accuracy, run)
        _draw_flips(flips, run)
        accuracy.set_title(_title(run), loc="left", fontsize=10)
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("flips in an epoch")
    style.add_caption(figure, "Dotted: gamma decays. " + caption(runs))
    return figure


def _title(run: Run) -> str:
    settings = run.settings
    return (
        f"{run.path.name}: gamma {settings['gamma']:g}, threshold {settings['threshold']:g}, "
        f"{settings['filters']} filters"
    )


def _draw_accuracy(axes: Axes, run: Run) -> None:
    history, result = run.history, run.result
    axes.plot(history["epoch"], history["accuracy"], color=style.COLOURS[0], label="training")
    if "val_accuracy" in history:
        axes.plot(
            history["epoch"], history["val_accuracy"], color=style.COLOURS[1], label="validation"
        )
    axes.plot(
        [result["tested_epoch"]],
        [result["test_accuracy"]],
        "*",
        color="black",
        markersize=11,
        zorder=4,
        label=f"test: {percent(result['test_accuracy'], 1)}",
    )
    if is_the_reports(run):
        points = reported(run)
        style.report_points(
            axes, points.index, points, style.COLOURS[1], label=_label_of_points(run)
        )
    _, report, paper = PROTOCOLS.get(run.settings["preset"], ("", np.nan, np.nan))
    for value, source, dashes in ((report, "the report", "--"), (paper, "the paper", "-.")):
        if not np.isnan(value):
            label = f"{source}'s test: {percent(value, 1)}"
            axes.axhline(value, color=style.NEUTRAL, linestyle=dashes, linewidth=1, label=label)
    style.percent_axis(axes.yaxis)
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def reported(run: Run) -> pd.Series:
    """Returns the report's validation accuracies, by epoch scaled to a run's decay of gamma.

    Only those within the run.
    """
    epochs = np.array(reference.FIGURE3_EPOCHS) * _scale(run)
    points = pd.Series(reference.FIGURE3, index=epochs)
    return points[points.index <= run.history["epoch"].iloc[-1]]


def _scale(run: Run) -> float:
    return run.settings["gamma_decay_epochs"] / reference.FIGURE3_GAMMA_DECAY_EPOCHS


def _label_of_points(run: Run) -> str:
    scale = _scale(run)
    squeezed = "" if scale == 1 else f", {1 / scale:.3g} of its epochs in one"
    return f"the report's validation{squeezed}"


def _draw_flips(axes: Axes, run: Run) -> None:
    history = run.history
    axes.plot(history["epoch"], history["flips"], color=style.COLOURS[2])
    # A log axis would have no place for an epoch without a flip.
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    last = history["epoch"].iloc[-1]
    every = run.settings["gamma_decay_epochs"]
    for epoch in range(every, last, every):
        axes.axvline(epoch + 0.5, color=style.NEUTRAL, linestyle=":", linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")


def conclusions(runs: Iterable[Run]) -> str:
    """Returns what the runs came to, in sentences: Markdown, a point a run."""
    return "\n".join(_conclusion(run) for run in runs)


def _conclusion(run: Run) -> str:
    result, settings = run.result, run.settings
    reached = result["test_accuracy"]
    told = (
        f"- **{run.path.name}**: {percent(reached)} on the test images with the weights of epoch "
        f"{result['tested_epoch']} of {result['epochs']}; {result['flips']:,} flips of "
        f"{result['binary_weights']:,} binary weights, "
        f"{int(run.history['flips'].iloc[-1]):,} of them in the last epoch."
    )
    _, report, paper = PROTOCOLS.get(settings["preset"], ("", np.nan, np.nan))
    for value, source in ((report, "the report"), (paper, "the paper")):
        if not np.isnan(value):
            gap = f"{100 * (reached - value):+.2f} points"
            told += f" That is {gap} from {source}'s {percent(value, 1)}."
    shortened = run.config.get("shortened")
    return told + (f" It is a shortened run: {shortened}." if shortened else "")
