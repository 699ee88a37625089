"""Runs of Figure 1 beside the same runs in another precision: is the faster one good enough?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd
from matplotlib.figure import Figure

from experiments.analysis import style
from experiments.analysis.results import DATASETS, Run, caption, percent
from experiments.learning_rate.runs import CONFIGURATIONS


def _pairs(runs: Iterable[Run], repeated: Iterable[Run]) -> Iterator[tuple[Run, Run, pd.DataFrame]]:
    """Yields a run, its repetition, and the training accuracy of both by epoch, as far as both go.

    The accuracies' columns are named after the precisions.
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
    """Returns by epoch how far the first precision lies above the second."""
    before, after = curves.columns
    return curves[before] - curves[after]


def _name(run: Run) -> tuple[str, str]:
    settings = run.settings
    return DATASETS[settings["dataset"]], CONFIGURATIONS[settings["configuration"]].label


def table(runs: Iterable[Run], repeated: Iterable[Run]) -> pd.DataFrame:
    """Returns how far the training accuracy of runs lies from that of others, epoch by epoch.

    Args:
        runs: The runs, from `learning_rate.runs`.
        repeated: Runs that repeat some of them, in another precision.

    Returns:
        A row a repeated run: its precision, the epochs that both have, and over these the mean of
        the difference, runs less repeated, the mean of its magnitude, and its largest magnitude.

    Raises:
        KeyError: if one repeats none of the runs; it has its name.
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
    """Draws the curves of both precisions on each other, and below them their difference.

    Args:
        runs: The runs.
        repeated: Runs that repeat some of them, in another precision: a column a run.
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
    """Returns how far the precisions lie apart, in sentences: Markdown, a point a repeated run."""
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
