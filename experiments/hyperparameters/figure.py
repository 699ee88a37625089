"""The report's Figure 2."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.analysis import style
from experiments.analysis.results import Run, caption
from experiments.hyperparameters import reported
from experiments.hyperparameters.tables import (
    FIGURE,
    SMOOTHING_STEPS,
    Sweep,
    by_setting,
    median_pi,
    steps,
)
from larq_bop.callbacks import flip_ratio

_NO_FLIP = float(flip_ratio(0, 1))


def draw(runs: Iterable[Run], sweeps: Iterable[Sweep] = FIGURE) -> Figure:
    """Draws Figure 2: training accuracy, validation accuracy and pi, a column for each sweep.

    Args:
        runs: The runs. A value of a sweep without a run has no line.
        sweeps: The sweeps.
    """
    found = by_setting(runs)
    sweeps = list(sweeps)
    figure, axes = style.new_figure(3, len(sweeps), (5.2 * len(sweeps), 9), sharex=True)
    drawn = []
    for sweep, column in zip(sweeps, axes.T, strict=True):
        for i, value in enumerate(sweep.values):
            run = found.get(sweep.setting(value))
            if run is not None:
                drawn.append(run)
                theirs = sweep.reported.get(sweep.setting(value))
                _draw_run(column, run, f"{sweep.varied} {value:g}", style.COLOURS[i], theirs)
        if sweep.reported:
            for each in column[1:]:
                style.report_points(each, [], [], style.NEUTRAL, label=style.REPORT_LABEL)
        column[0].set_title(sweep.title, loc="left")
        column[-1].set_xlabel("epoch")
        if column[1].lines:
            column[1].legend(frameon=False, fontsize=8)
        column[2].axhline(_NO_FLIP, color=style.NEUTRAL, linestyle=":", linewidth=1)
        column[2].annotate(
            "no flip",
            (1, _NO_FLIP),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=style.NEUTRAL,
        )
    labels = (
        f"training accuracy\n(Gaussian, {SMOOTHING_STEPS} steps)",
        "validation accuracy",
        r"flips, $\pi_t$ = ln(share + $10^{-9}$)",
    )
    for row, label in zip(axes, labels, strict=True):
        row[0].set_ylabel(label)
    for each in axes[:2].flat:
        style.percent_axis(each.yaxis)
    for row in axes:
        _share_limits(row)
    style.add_caption(
        figure,
        r"Bottom: dots are steps, lines the medians of the epochs. "
        + caption({run.path: run for run in drawn}.values()),
    )
    return figure


def _draw_run(
    column: Iterable[Axes], run: Run, label: str, colour: str, theirs: reported.Figure2Run | None
) -> None:
    training, validation, flips = column
    frame, history = steps(run), run.history
    training.plot(frame["epoch"], frame["smoothed"], color=colour, linewidth=1.2, label=label)
    validation.plot(history["epoch"], history["val_accuracy"], color=colour, label=label)
    # More dots than pixels would make the file larger, but the picture no clearer.
    shown = frame.iloc[:: max(1, len(frame) // 2000)]
    flips.plot(
        shown["epoch"], shown["pi"], ".", color=colour, markersize=1, alpha=0.25, rasterized=True
    )
    medians = median_pi(frame)
    flips.plot(medians.index, medians, color=colour, label=label)
    if theirs is not None:
        last = history["epoch"].iloc[-1]
        for axes, epochs, values in (
            (validation, reported.FIGURE2_VALIDATION_EPOCHS, theirs.validation_accuracy),
            (flips, reported.FIGURE2_PI_EPOCHS, theirs.median_pi),
        ):
            points = pd.Series(values, index=epochs).loc[:last]
            style.report_points(axes, points.index, points, colour)


def _share_limits(row: Iterable[Axes]) -> None:
    row = list(row)
    limits = [axes.get_ylim() for axes in row]
    for axes in row:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
