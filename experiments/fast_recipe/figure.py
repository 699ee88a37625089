"""Figures of the fast recipe: compared with the report's protocol, and of its ablation."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis import style
from experiments.analysis.results import Run, caption, percent
from experiments.cifar10 import reported
from experiments.fast_recipe.runs import VARIANTS, variant_of


def draw(fast: Iterable[Run], protocol: Run) -> Figure:
    """Draws accuracy and flips by epoch, on a logarithmic axis.

    Args:
        fast: Runs with the recipe.
        protocol: Our run with the report's protocol.
    """
    fast = list(fast)
    last = max(len(run.history) for run in (*fast, protocol))
    figure, axes = style.new_figure(1, 2, (12, 4.8))
    accuracy, flips = axes.flat
    for run, colour in zip((*fast, protocol), style.COLOURS, strict=False):
        history, result = run.history, run.result
        flips.plot(history["epoch"], history["flips"], color=colour, label=run.path.name)
        held_out = "val_accuracy" if "val_accuracy" in history else "accuracy"
        kind = "validation" if held_out == "val_accuracy" else "training"
        label = f"{run.path.name}: {kind}, test {percent(result['test_accuracy'], 1)}"
        accuracy.plot(history["epoch"], history[held_out], color=colour, label=label)
        where = ([result["tested_epoch"]], [result["test_accuracy"]])
        accuracy.plot(*where, "*", color=colour, markeredgecolor="black", markersize=12, zorder=4)
    style.report_points(
        accuracy,
        reported.FIGURE3_EPOCHS,
        reported.FIGURE3,
        style.NEUTRAL,
        label="the report: validation",
    )
    style.percent_axis(accuracy.yaxis)
    accuracy.set_ylabel("accuracy (stars: on the test images)")
    flips.set_ylabel("flips in an epoch")
    flips.set_yscale("symlog", linthresh=1)
    for each in axes.flat:
        style.log_epochs(each, last)
        each.legend(frameon=False, fontsize=8, loc="lower right" if each is accuracy else "best")
    style.add_caption(figure, caption([*fast, protocol]))
    return figure


def draw_ablation(runs: Iterable[Run]) -> Figure:
    """Draws the validation accuracy and the flips of each variant by epoch.

    A line is the mean over the seeds, the area around it reaches from the lowest to the highest.

    Args:
        runs: The runs of the ablation.
    """
    runs = list(runs)
    histories = pd.concat(run.history.assign(variant=variant_of(run.settings)) for run in runs)
    figure, axes = style.new_figure(1, 2, (12, 4.8))
    accuracy, flips = axes.flat
    shown = [name for name in VARIANTS if name in set(histories["variant"])]
    for name, colour in zip(shown, (*style.COLOURS, style.NEUTRAL), strict=False):
        by_epoch = histories[histories["variant"] == name].groupby("epoch")
        for each, column in ((accuracy, "val_accuracy"), (flips, "flips")):
            told = by_epoch[column].agg(["mean", "min", "max"])
            label = VARIANTS[name].label
            each.plot(told.index, told["mean"], ".-", color=colour, label=label)
            each.fill_between(told.index, told["min"], told["max"], color=colour, alpha=0.2)
    style.percent_axis(accuracy.yaxis)
    accuracy.set_ylabel("validation accuracy")
    flips.set_ylabel("flips in an epoch")
    flips.set_yscale("symlog", linthresh=1)
    for each in axes.flat:
        each.set_xlabel("epoch")
        each.xaxis.set_major_locator(MaxNLocator(integer=True))
    accuracy.legend(frameon=False, fontsize=8, loc="lower right")
    style.add_caption(figure, caption(runs))
    return figure
