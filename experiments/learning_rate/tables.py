"""The report's Figure 1: the effect of the learning rate and of the scale of latent weights.

A binary network computes with the signs of its latent weights. Therefore a larger learning rate has
the same effect as smaller latent weights; the report trains in both ways and compares the curves.
If the scaling is exact, the binary weights must be the same in each step.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.analysis.results import DATASETS, RESULTS, Run, load, percent
from experiments.engine.folder import STEPS
from experiments.learning_rate import scaling
from experiments.learning_rate.reported import FIGURE1, FIGURE1_EPOCHS
from experiments.learning_rate.runs import CONFIGURATIONS, NAME
from experiments.learning_rate.scaling import VARIANTS

PAIR = ("glorot_sgd_1", "glorot_x0.01_sgd_0.01")
"""The two configurations that differ only in scale."""

FLOAT32 = f"{NAME}-float32"
"""The folder of runs that repeat some of the others in float32; `precision` compares them."""


def runs(root: Path = RESULTS, required: bool = True, folder: str = NAME) -> list[Run]:
    """Returns the runs of the configurations; see `results.load`.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error if there is none.
        folder: The folder of the runs, `NAME` or `FLOAT32`.
    """
    return load(folder, root, required, _is_a_configuration)


def scaling_runs(root: Path = RESULTS, required: bool = True) -> list[Run]:
    """Returns the runs of the scaling in lock step; see `results.load`."""
    return load(NAME, root, required, lambda settings: settings["configuration"] == scaling.NAME)


def _is_a_configuration(settings: dict[str, Any]) -> bool:
    return settings["configuration"] in CONFIGURATIONS


def by_dataset(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Returns the runs by data set, in the order in which data sets are shown."""
    runs = list(runs)
    grouped = {name: [run for run in runs if run.settings["dataset"] == name] for name in DATASETS}
    return {name: group for name, group in grouped.items() if group}


def accuracies(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns training accuracies as shares of 1: one row for each epoch, one column for each run.

    Args:
        runs: The runs on one data set.
    """
    columns = {
        run.settings["configuration"]: run.history.set_index("epoch")["accuracy"] for run in runs
    }
    return pd.DataFrame({name: columns[name] for name in CONFIGURATIONS if name in columns})


def reported(dataset: str) -> pd.DataFrame:
    """Returns the report's training accuracies, in the same form as `accuracies`."""
    epochs = pd.Index(FIGURE1_EPOCHS, name="epoch")
    return pd.DataFrame(FIGURE1[dataset], index=epochs)


def table(runs: Iterable[Run], dataset: str) -> pd.DataFrame:
    """Returns the training accuracies after some epochs, with the report's beside ours.

    Args:
        runs: The runs.
        dataset: The data set.

    Returns:
        One row for each configuration. For each of the epochs 1, 10 and 100 that the runs have,
        there is a column for our accuracy and one for the report's.
    """
    ours, theirs = accuracies(by_dataset(runs)[dataset]), reported(dataset)
    epochs = [epoch for epoch in (1, 10, 100) if epoch in ours.index]
    columns = {}
    for epoch in epochs:
        columns[f"epoch {epoch}", "ours"] = ours.loc[epoch]
        columns[f"epoch {epoch}", "the report"] = theirs.loc[epoch, ours.columns]
    return pd.DataFrame(columns).rename(index=lambda name: CONFIGURATIONS[name].label)


def scaling_table(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns when the binary weights of each variant first differ from the reference's.

    Args:
        runs: The result of `scaling_runs`.

    Returns:
        One row for each data set and variant: the number of steps, the first step after which a
        sign differs (missing if none ever does), the number of signs that differ at the end, and
        their share.
    """
    rows = []
    for dataset, (run,) in by_dataset(runs).items():
        steps = run.rows(STEPS)
        for variant in (name for name in VARIANTS if name in steps):
            differing = steps.loc[steps[variant] > 0, "step"]
            at_the_end = int(steps[variant].iloc[-1])
            rows.append(
                {
                    "dataset": DATASETS[dataset],
                    "variant": variant,
                    "steps": int(steps["step"].iloc[-1]),
                    "first step that differs": differing.min() if len(differing) else pd.NA,
                    "differing signs": at_the_end,
                    "share": at_the_end / number_of_weights(run),
                }
            )
    frame = pd.DataFrame(rows).set_index(["dataset", "variant"])
    return frame.astype({"first step that differs": "Int64"})


def number_of_weights(run: Run) -> int:
    """Returns the number of binary weights of the networks in a run of the scaling."""
    return run.result["weights"]


def conclusions(runs: Iterable[Run]) -> str:
    """Returns sentences about the curves, in Markdown, with one bullet for each data set."""
    return "\n".join(
        _conclusion(dataset, accuracies(group)) for dataset, group in by_dataset(runs).items()
    )


def _conclusion(dataset: str, ours: pd.DataFrame) -> str:
    ours = ours.dropna()  # The epochs that all runs have.
    last = ours.iloc[-1].sort_values(ascending=False)
    order = ", ".join(f"{CONFIGURATIONS[name].label} {percent(x)}" for name, x in last.items())
    told = f"- **{DATASETS[dataset]}**, training accuracy after epoch {ours.index[-1]}: {order}."
    if set(PAIR) <= set(ours):
        gaps = (ours[PAIR[0]] - ours[PAIR[1]]).abs()
        told += (
            f" Of the pair that is one configuration, scaled, the curves differ by "
            f"{100 * gaps.iloc[-1]:.2f} points in the end and by {100 * gaps.max():.2f} at most"
        )
        others = ours.drop(columns=PAIR[1])
        if others.shape[1] > 1:
            rest = (others.drop(columns=PAIR[0]).iloc[-1] - last[PAIR[0]]).abs()
            told += f"; the nearest other curve is {100 * rest.min():.2f} points away in the end"
        told += "."
    return told


def scaling_conclusions(runs: Iterable[Run]) -> str:
    """Returns sentences about differing signs, in Markdown, with one bullet for each variant."""
    lines = []
    for (dataset, variant), row in scaling_table(runs).iterrows():
        first = row["first step that differs"]
        if pd.isna(first):
            found = f"every binary weight is the same over all {row['steps']:,} steps"
        else:
            found = (
                f"a sign differs first after step {first:,}, and "
                f"{row['differing signs']:,} ({percent(row['share'], 1)}) after {row['steps']:,}"
            )
        lines.append(f"- {dataset}, `{variant}` ({VARIANTS[variant].label}): {found}.")
    return "\n".join(lines)
