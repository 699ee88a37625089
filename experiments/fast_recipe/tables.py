"""The fast recipe compared with the report's protocol, and the effect of its ingredients."""

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
    """Returns the runs of `cifar10` with the preset `fast`.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error if `cifar10` has no run at all.

    Raises:
        ExperimentError: if there is no run and one is required, or if a file is damaged.
    """
    every = load(cifar10.NAME, root=root, required=required)
    return [run for run in every if run.settings["preset"] == PRESET]


def longest_of_the_report(root: Path = RESULTS) -> Run:
    """Returns the run with the hyperparameters of the report's Figure 3 and the most epochs.

    Args:
        root: The folder of all experiments' results.
    """
    every = [run for run in cifar10.runs(root) if cifar10.is_the_reports(run)]
    return max(every, key=lambda run: run.result["epochs"])


def table(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns the epochs, wall time and test accuracy of runs, of the report and of the paper.

    Args:
        runs: The runs, with one row for each.
    """
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
    """Returns the runs of the ablation, without those whose settings are not those of a variant.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error if there is none.

    Raises:
        ExperimentError: if there is none and one is required, or if a file is damaged.
    """
    return load(NAME, root, required, lambda settings: variant_of(settings) is not None)


def worth(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns the validation accuracy of each variant after the last epoch, as a share of 1.

    Args:
        runs: The runs of the ablation.

    Returns:
        One row for each variant: the number of seeds, the mean and standard deviation over them
        (NaN for one seed), and the difference from the recipe's mean (NaN without the recipe).
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
