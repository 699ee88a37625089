"""Runs of Figure 1 compared with the same runs in another precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd
from matplotlib.figure import Figure

from experiments.analysis import style
from experiments.analysis.results import DATASETS, Run, caption, percent
from experiments.learning_rate.runs import CONFIGURATIONS


def _pairs(runs: Iterable[Run], repeated: Iterable[Run]) -> Iterator[tuple[Run, Run, pd.DataFrame]]:
    """Yields a run, its repetition, and the training accuracies of both in their common epochs.

    The columns of the accuracies are the names of the precisions.
    """
    by_name = {run.path.name: run for run in runs}
    for again in repeated:
        first = by_name[again.path.name]
        curves = {
            run.settings["dtype_policy"]: run.history.set_index("epoch")["accuracy"]
            for run in (first, again)
        }
        yield first, again, pd.DataFrame(curves).dropna()


def _difference(curves: pd.DataFrame) -> pd.Series:
    """Returns the first column minus the second, by epoch."""
    before, after = curves.columns
    return curves[before] - curves[after]


def _name(run: Run) -> tuple[str, str]:
    settings = run.settings
    return DATASETS[settings["dataset"]], CONFIGURATIONS[settings["configuration"]].label


def table(runs: Iterable[Run], repeated: Iterable[Run]) -> pd.DataFrame:
    """Returns how much the training accuracies of runs differ from those of their repetitions.

    Args:
        runs: The runs, from `learning_rate.tables.runs`.
        repeated: Runs that repeat some of them in another precision.

    Returns:
        One row for each repeated run: both precisions, the number of common epochs, and over these
        epochs the mean of the difference (run minus repetition), the mean of its magnitude, and its
        largest magnitude, as shares of 1.

    Raises:
        KeyError: if no run has the name of a repetition, which the error names.
    """
    rows = {}
    for first, _, curves in _pairs(runs, repeated):
        before, after = curves.columns
        difference = _difference(curves)
        rows[_name(first)] = {
            "precision": before,
            "repeated in": after,
            "epochs": len(difference),
            "mean difference": difference.mean(),
            "mean magnitude": difference.abs().mean(),
            "largest": difference.abs().max(),
        }
    return pd.DataFrame(rows).T.rename_axis(["dataset", "configuration"])


def draw(runs: Iterable[Run], repeated: Iterable[Run]) -> Figure:
    """Draws the training accuracies in both precisions, and below them their difference.

    Args:
        runs: The runs.
        repeated: Runs that repeat some of them in another precision, with one column for each.
    """
    pairs = list(_pairs(runs, repeated))
    figure, axes = style.new_figure(
        2, len(pairs), (3 + 4 * len(pairs), 5.6), sharex=True, height_ratios=(2, 1)
    )
    for (first, _, curves), (above, below) in zip(pairs, axes.T, strict=True):
        before, after = curves.columns
        above.plot(curves.index, curves[before], color=style.COLOURS[5], linewidth=4, label=before)
        above.plot(curves.index, curves[after], color=style.NEUTRAL, linewidth=1.2, label=after)
        above.set_title(", ".join(_name(first)), loc="left")
        above.set_ylabel("training accuracy")
        style.percent_axis(above.yaxis)
        above.legend(frameon=False, loc="lower right")
        below.axhline(0, color=style.NEUTRAL, linewidth=1)
        below.plot(curves.index, 100 * _difference(curves), color=style.COLOURS[0])
        below.set_ylabel(f"{before}\nless {after},\npoints")
        style.log_epochs(below, int(curves.index.max()))
    every = {run.path: run for first, again, _ in pairs for run in (first, again)}
    style.add_caption(figure, caption(every.values()))
    return figure


def conclusions(runs: Iterable[Run], repeated: Iterable[Run]) -> str:
    """Returns sentences about the differences, in Markdown, with one bullet for each repetition.

    Args:
        runs: The runs.
        repeated: Runs that repeat some of them in another precision.
    """
    lines = []
    for first, _, curves in _pairs(runs, repeated):
        before, after = curves.columns
        difference = 100 * _difference(curves)
        magnitude, last = difference.abs(), curves.iloc[-1]
        lines.append(
            f"- **{', '.join(_name(first))}**: over {len(curves)} epochs {before} lies "
            f"{difference.mean():+.2f} points from {after} on average, "
            f"{magnitude.max():.2f} at most (epoch {magnitude.idxmax()}). "
            f"In the end they reach {percent(last[before])} and {percent(last[after])}."
        )
    return "\n".join(lines)
