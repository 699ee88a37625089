"""The report's Figure 3."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis import style
from experiments.analysis.results import Run, caption, percent
from experiments.cifar10.tables import PROTOCOLS, decay_scale, is_the_reports, reported


def draw(runs: Iterable[Run]) -> Figure:
    """Draws Figure 3: accuracy and flips by epoch, with one column for each run.

    If gamma decays more often in a run than in the report, the epochs of the report's points are
    scaled in the same way.
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


def _label_of_points(run: Run) -> str:
    scale = decay_scale(run)
    squeezed = "" if scale == 1 else f", {1 / scale:.3g} of its epochs in one"
    return f"the report's validation{squeezed}"


def _draw_flips(axes: Axes, run: Run) -> None:
    history = run.history
    axes.plot(history["epoch"], history["flips"], color=style.COLOURS[2])
    # A logarithmic axis cannot show an epoch without flips.
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    last = history["epoch"].iloc[-1]
    every = run.settings["gamma_decay_epochs"]
    for epoch in range(every, last, every):
        axes.axvline(epoch + 0.5, color=style.NEUTRAL, linestyle=":", linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
