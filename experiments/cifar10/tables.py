"""The report's Figure 3: binarynet on CIFAR-10, trained with Bop."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.analysis.results import RESULTS, Run, load, percent, shortenings
from experiments.cifar10.reported import (
    FIGURE3,
    FIGURE3_EPOCHS,
    FIGURE3_GAMMA,
    FIGURE3_GAMMA_DECAY_EPOCHS,
    FIGURE3_THRESHOLD,
    PAPER_CIFAR10,
    REPORT_CIFAR10,
)
from experiments.cifar10.runs import NAME

PROTOCOLS = {
    "report": ("the report, 4.3", REPORT_CIFAR10[1].test_accuracy, np.nan),
    "paper": (
        "the paper, 5.2",
        REPORT_CIFAR10[0].test_accuracy,
        PAPER_CIFAR10.test_accuracy,
    ),
}
"""For each preset: its source, and the test accuracies of the report and the paper with it."""


def runs(root: Path = RESULTS, required: bool = True) -> list[Run]:
    """Returns the runs with the report's or the paper's protocol, or all runs if there is none.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error if there is no run at all.

    Raises:
        ExperimentError: if there is no run and one is required, or if a file is damaged.
    """
    every = load(NAME, root=root, required=required)
    whole = [run for run in every if run.settings["preset"] in PROTOCOLS]
    return whole or every


def is_the_reports(run: Run) -> bool:
    """Returns whether a run has gamma and the threshold of the report's Figure 3."""
    settings = run.settings
    return bool(
        np.isclose(settings["gamma"], FIGURE3_GAMMA, rtol=1e-9)
        and np.isclose(settings["threshold"], FIGURE3_THRESHOLD, rtol=1e-9)
    )


def table(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns one row for each run: settings, test accuracy, the report's and the paper's."""
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
    """Returns one row for each value that gamma had in each run, in the order of training.

    The columns are the last epoch with this gamma, the mean number of flips in an epoch, and the
    training and validation accuracy of that last epoch (NaN if no images were held out).
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


def reported(run: Run) -> pd.Series:
    """Returns the validation accuracies of the report's Figure 3 within the length of a run.

    Their epochs are scaled to the run's decay of gamma; see `decay_scale`.
    """
    epochs = np.array(FIGURE3_EPOCHS) * decay_scale(run)
    points = pd.Series(FIGURE3, index=epochs)
    return points[points.index <= run.history["epoch"].iloc[-1]]


def decay_scale(run: Run) -> float:
    """Returns a run's number of epochs between two decays of gamma, divided by the report's."""
    return run.settings["gamma_decay_epochs"] / FIGURE3_GAMMA_DECAY_EPOCHS


def conclusions(runs: Iterable[Run]) -> str:
    """Returns sentences about the results, in Markdown, with one bullet for each run."""
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
    shortened = "; ".join(shortenings([run]))
    return told + (f" It is a shortened run: {shortened}." if shortened else "")
