"""The style of all figures."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, ScalarFormatter

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours that colour-blind people can distinguish (Okabe and Ito 2008)."""

NEUTRAL = "#4D4D4D"
REPORT_LABEL = "the report"
_LETTERS_AN_INCH = 16


def new_figure(
    rows: int, columns: int, size: tuple[float, float], **options: Any
) -> tuple[Figure, np.ndarray]:
    """Returns a figure and its axes.

    Args:
        rows: The number of rows of axes.
        columns: The number of columns of axes.
        size: Width and height in inches.
        **options: Other arguments of `Figure.subplots`.

    Returns:
        The figure, and an array of axes of shape `(rows, columns)`.
    """
    figure = Figure(figsize=size, layout="constrained", dpi=110)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for each in axes.flat:
        each.grid(alpha=0.3, linewidth=0.6)
        each.set_axisbelow(True)
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def add_caption(figure: Figure, text: str) -> None:
    """Writes a caption below a figure.

    Args:
        figure: The figure.
        text: The caption, which is broken into lines.
    """
    width = int(figure.get_figwidth() * _LETTERS_AN_INCH)
    figure.supxlabel(wrapped(text, width), x=0.01, ha="left", fontsize=8, color=NEUTRAL)


def report_points(axes: Axes, x, y, colour: str, **options: Any) -> None:
    """Draws numbers of the report as open diamonds.

    Args:
        axes: The axes.
        x: The horizontal coordinates.
        y: The vertical coordinates.
        colour: The colour of our numbers that they are compared with.
        **options: Other arguments of `Axes.plot`.
    """
    axes.plot(
        x,
        y,
        linestyle="none",
        marker="D",
        markersize=5,
        markerfacecolor="white",
        markeredgecolor=colour,
        markeredgewidth=1.2,
        zorder=3,
        **options,
    )


def percent_axis(axis) -> None:
    """Labels an axis, whose values are shares of 1, in percent."""
    axis.set_major_formatter(PercentFormatter(xmax=1))


def log_epochs(axes: Axes, last: int) -> None:
    """Makes the horizontal axis a logarithmic axis of epochs, labelled with plain numbers.

    Args:
        axes: The axes.
        last: The last epoch.
    """
    axes.set_xscale("log")
    axes.set_xlim(0.93, last * 1.08)
    ticks = range(1, last + 1) if last < 10 else (1, 2, 5, 10, 20, 50, 100, 200, 500)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if tick <= last]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("epoch")


def wrapped(text: str, width: int) -> str:
    """Returns a text broken into lines, but not inside the options of a command.

    Args:
        text: The text.
        width: The largest number of characters in a line.
    """
    return textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
