"""Table 1 as a figure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.analysis import style
from experiments.analysis.results import DATASETS, Run, caption
from experiments.approximation_viewpoint.runs import KINDS
from experiments.approximation_viewpoint.tables import accuracies, datasets, table

_NARROW = ("binary", "binary_retrained_batch_norm", "latent_retrained_batch_norm")


def draw(runs: Iterable[Run]) -> Figure:
    """Draws Table 1: the accuracy of every run, their means, and the report's means.

    Args:
        runs: The runs.

    Returns:
        A figure with one row for each data set. On the left are all kinds of weights; on the right,
        on another scale, the three that work, with a line for each seed.
    """
    runs = list(runs)
    frame = accuracies(runs)
    shown = datasets(frame)
    figure, axes = style.new_figure(len(shown), 2, (10, 1 + 2.9 * len(shown)))
    for dataset, (wide, narrow) in zip(shown, axes, strict=True):
        _draw_kinds(wide, frame, dataset, tuple(table(frame, dataset).index))
        wide.set_xlim(0, 1)
        wide.set_title(f"{DATASETS[dataset]}, all", loc="left")
        _draw_kinds(narrow, frame, dataset, _NARROW)
        seeds = frame.loc[frame["dataset"] == dataset, list(_NARROW)].to_numpy()
        for values in seeds:
            narrow.plot(values, range(len(_NARROW)), color=style.NEUTRAL, alpha=0.25, linewidth=0.8)
        narrow.set_title(f"{DATASETS[dataset]}, what works, a line a seed", loc="left")
        narrow.xaxis.set_major_locator(MaxNLocator(5))
        for each in (wide, narrow):
            style.percent_axis(each.xaxis)
            each.set_xlabel("test accuracy")
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper right", ncols=3, frameon=False)
    style.add_caption(figure, "Bars: one standard deviation. " + caption(runs))
    return figure


def _draw_kinds(axes: Axes, frame: pd.DataFrame, dataset: str, kinds: tuple[str, ...]) -> None:
    numbers = table(frame, dataset)
    rows = frame[frame["dataset"] == dataset]
    for i, kind in enumerate(kinds):
        colour = style.COLOURS[list(KINDS).index(kind)]
        ours = numbers.loc[kind]
        once: dict[str, Any] = {} if i else {"label": "a run"}
        axes.plot(rows[kind], np.full(len(rows), i), ".", color=colour, alpha=0.5, **once)
        once = {} if i else {"label": "mean of our runs"}
        axes.errorbar(
            ours["mean"], i + 0.14, xerr=ours["std"], fmt="o", color=colour, capsize=3, **once
        )
        if not np.isnan(ours["report mean"]):
            once = {} if i else {"label": style.REPORT_LABEL}
            axes.errorbar(
                ours["report mean"], i + 0.28, xerr=ours["report std"], fmt="none",
                ecolor=colour, capsize=3, alpha=0.6,
            )  # fmt: skip
            style.report_points(axes, [ours["report mean"]], [i + 0.28], colour, **once)
    axes.set_yticks(range(len(kinds)), [KINDS[kind].label for kind in kinds])
    axes.set_ylim(len(kinds) - 0.5, -0.5)
