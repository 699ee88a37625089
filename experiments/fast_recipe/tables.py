"""The fast recipe: its run beside the report's protocol, and what its ingredients are worth."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from experiments.analysis.results import (
    NOTHING,
    RESULTS,
    Run,
    duration,
    load,
    wall_time,
)
from experiments.cifar10 import reported
from experiments.cifar10 import tables as cifar10
from experiments.fast_recipe.runs import NAME, VARIANTS, variant_of

PRESET = "fast"


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
        ("the report", reported.REPORT_CIFAR10_EPOCHS, reported.REPORT_CIFAR10[1]),
        ("the paper", reported.PAPER_CIFAR10_EPOCHS, reported.PAPER_CIFAR10),
    ):
        rows.append((name, epochs, NOTHING, published.test_accuracy))
    return pd.DataFrame(rows, columns=["run", "epochs", "time", "test accuracy"]).set_index("run")


def ablations(root: Path = RESULTS, required: bool = True) -> list[Run]:
    """Returns the runs of the ablation's variants; those with other settings are left out.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error that there is none.

    Raises:
        ExperimentError: if there is none, or a file of one is damaged.
    """
    return load(NAME, root, required, lambda settings: variant_of(settings) is not None)


def worth(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns a row a variant: validation accuracy after the last epoch, over the seeds.

    The columns: seeds, mean, their standard deviation (NaN for one seed), and the difference of the
    mean from the recipe's (NaN without the recipe).
    """
    frame = pd.DataFrame(
        {
            "variant": variant_of(run.settings),
            "accuracy": run.history["val_accuracy"].iloc[-1],
        }
        for run in runs
    )
    groups = frame.groupby("variant")["accuracy"]
    told = groups.agg(seeds="count", mean="mean", std="std")
    told["difference"] = told["mean"] - told["mean"].get("recipe", float("nan"))
    told = told.reindex([name for name in VARIANTS if name in told.index])
    return told.rename(index=lambda name: VARIANTS[name].label)
