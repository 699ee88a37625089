"""The fast recipe: its run beside the report's protocol, and what its ingredients are worth."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from experiments import ablation, reference
from experiments.analysis import cifar10, style
from experiments.analysis.results import (
    NOTHING,
    RESULTS,
    Run,
    caption,
    duration,
    load,
    percent,
    wall_time,
)

PRESET = "fast"
_SEEDED = r"(?P<variant>.+)-seed-(?P<seed>\d+)"
NAMES = {
    "recipe": "the recipe",
    "gamma-by-steps": "gamma falls by steps, as in the report",
    "constant-rate": "constant learning rate",
    "batch-50": "50 images a step",
    "linear-gamma": "gamma falls in a straight line",
    "constant-gamma": "constant gamma",
    "report": "the report's protocol, as long",
}
"""What each variant of the ablation is, in the order in which they are shown."""


def runs(root: Path = RESULTS, required: bool = True) -> list[Run]:
    """Returns the runs of the preset `fast`.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error that `cifar10` has no run at all.

    Raises:
        ExperimentError: if it has none, or a file of one is damaged.
    """
    every = load(cifar10.NAME, root=root, required=required)
    return [run for run in every if run.settings["preset"] == PRESET]


def longest_of_the_report(root: Path = RESULTS) -> Run:
    """Returns the run of the report's protocol with the most epochs."""
    every = [run for run in cifar10.runs(root) if cifar10.is_the_reports(run)]
    return max(every, key=lambda run: run.result["epochs"])


def table(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns a row a run, and the report's and the paper's: epochs, time, test accuracy."""
    rows = [
        (
            run.path.name,
            run.result["epochs"],
            duration(wall_time([run])),
            run.result["test_accuracy"],
        )
        for run in runs
    ]
    for name, epochs, published in (
        ("the report", reference.REPORT_CIFAR10_EPOCHS, reference.REPORT_CIFAR10[1]),
        ("the paper", reference.PAPER_CIFAR10_EPOCHS, reference.PAPER_CIFAR10),
    ):
        rows.append((name, epochs, NOTHING, published.test_accuracy))
    return pd.DataFrame(rows, columns=["run", "epochs", "time", "test accuracy"]).set_index("run")


def draw(fast: Iterable[Run], protocol: Run) -> Figure:
    """Draws accuracy and flips by epoch, on a log axis, beside the report's protocol.

    Args:
        fast: Runs of the recipe.
        protocol: Our run of the report's protocol.
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
        reference.FIGURE3_EPOCHS,
        reference.FIGURE3,
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


def ablations(root: Path = RESULTS, required: bool = True) -> list[Run]:
    """Returns the runs of the ablation, labelled by variant and seed.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error that there is none.

    Raises:
        ExperimentError: if there is none, or a file of one is damaged.
    """
    return load(ablation.NAME, _SEEDED, root, required)


def worth(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns a row a variant: validation accuracy after the last epoch, over the seeds.

    The columns: seeds, mean, their standard deviation (NaN for one seed), and the difference of the
    mean from the recipe's (NaN without the recipe).
    """
    frame = pd.DataFrame(
        {
            "variant": run.labels["variant"],
            "accuracy": run.history["val_accuracy"].iloc[-1],
        }
        for run in runs
    )
    groups = frame.groupby("variant")["accuracy"]
    told = groups.agg(seeds="count", mean="mean", std="std")
    told["difference"] = told["mean"] - told["mean"].get("recipe", float("nan"))
    told = told.reindex([name for name in NAMES if name in told.index])
    return told.rename(index=NAMES)
