"""The report's Figure 2: what gamma and the threshold of Bop do.

The report's text says that a higher gamma lowers the flips; the numbers behind its own figure say
the opposite. The values of gamma and the threshold also differ between the two, so all are run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from experiments.analysis.results import RESULTS, Run, load
from experiments.engine.folder import COMPRESSED_STEPS
from experiments.hyperparameters.reported import (
    FIGURE2_OVER_GAMMA,
    FIGURE2_OVER_THRESHOLD,
    FIGURE2_PI_EPOCHS,
    FIGURE2_VALIDATION_EPOCHS,
    Figure2Run,
)
from experiments.hyperparameters.runs import NAME
from larq_bop.callbacks import flip_ratio

SMOOTHING_STEPS = 100
"""The standard deviation of the Gaussian that smooths the training accuracy, as in the report."""

FULL_WIDTH = f"{NAME}-full-width"
"""The folder of runs of the whole network, to lay beside narrower ones; see `width_table`."""


@dataclass(frozen=True)
class Sweep:
    """Runs that differ in one hyperparameter.

    Attributes:
        varied: "gamma" or "threshold".
        values: Its values.
        fixed: The value of the other one.
        reported: The report's runs, by gamma and threshold; empty where it has none.
    """

    varied: str
    values: tuple[float, ...]
    fixed: float
    reported: Mapping[tuple[float, float], Figure2Run] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What is varied and what is not."""
        return f"{self.varied} varied, {self.other} {self.fixed:g}"

    @property
    def other(self) -> str:
        """The hyperparameter that is not varied."""
        return "threshold" if self.varied == "gamma" else "gamma"

    def setting(self, value: float) -> tuple[float, float]:
        """Returns gamma and the threshold where the varied one has a value."""
        return (value, self.fixed) if self.varied == "gamma" else (self.fixed, value)


FIGURE = (
    Sweep("gamma", (1e-2, 1e-3, 1e-4), 1e-6, FIGURE2_OVER_GAMMA),
    Sweep("threshold", (0, 1e-6, 1e-5), 1e-3, FIGURE2_OVER_THRESHOLD),
)
"""The values behind the report's figure."""

TEXT = (
    Sweep("gamma", (1e-1, 1e-2, 1e-3), 1e-5),
    Sweep("threshold", (0, 1e-5, 1e-4), 1e-2),
)
"""The values in the report's text, section 3.2."""


def runs(root: Path = RESULTS, required: bool = True, folder: str = NAME) -> list[Run]:
    """Returns the runs; see `results.load`.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error that there is none.
        folder: The runs' own, `NAME` or `FULL_WIDTH`.
    """
    return load(folder, root, required)


def by_setting(runs: Iterable[Run]) -> dict[tuple[float, float], Run]:
    """Returns the runs by their gamma and threshold."""
    return {(run.settings["gamma"], run.settings["threshold"]): run for run in runs}


def steps(run: Run) -> pd.DataFrame:
    """Returns a run's steps.

    Args:
        run: The run.

    Returns:
        A row a step: `epoch`, counted in parts from 0; the batch's `accuracy`, `smoothed` by a
        Gaussian of `SMOOTHING_STEPS`; `flips`; and `pi`, the logarithm of their share (Eq. 5).
    """
    frame = run.rows(COMPRESSED_STEPS)
    frame["epoch"] = (np.arange(len(frame)) + 1) * len(run.history) / len(frame)
    frame["smoothed"] = gaussian_filter1d(frame["accuracy"].to_numpy(float), SMOOTHING_STEPS)
    frame["pi"] = flip_ratio(frame["flips"], run.result["binary_weights"])
    return frame


def median_pi(steps: pd.DataFrame) -> pd.Series:
    """Returns the median of pi over each epoch, by its number from 1."""
    # A step that ends an epoch belongs to it, whatever the division left behind the point.
    epoch = np.ceil(steps["epoch"] - 1e-9).astype(int)
    return steps.groupby(epoch)["pi"].median()


def table(runs: Iterable[Run], sweep: Sweep) -> pd.DataFrame:
    """Returns what came of a sweep, with the report's numbers after as many epochs beside ours.

    Args:
        runs: The runs.
        sweep: Which of them; those that are missing are left out.

    Returns:
        A row a value: epochs, all flips, the last epoch's median of pi and the validation accuracy,
        and the report's two at the last epoch not beyond ours at which they are known.
    """
    found = by_setting(runs)
    rows = []
    for value in sweep.values:
        run = found.get(sweep.setting(value))
        if run is None:
            continue
        history = run.history
        epochs = int(history["epoch"].iloc[-1])
        row = {
            sweep.varied: value,
            "epochs": epochs,
            "flips": int(history["flips"].sum()),
            "median pi": median_pi(steps(run)).iloc[-1],
            "validation": history["val_accuracy"].iloc[-1],
        }
        if sweep.reported:
            theirs = sweep.reported[sweep.setting(value)]
            row["report's median pi"] = _at_most(epochs, FIGURE2_PI_EPOCHS, theirs.median_pi)
            row["report's validation"] = _at_most(
                epochs, FIGURE2_VALIDATION_EPOCHS, theirs.validation_accuracy
            )
        rows.append(row)
    return pd.DataFrame(rows).set_index(sweep.varied) if rows else pd.DataFrame()


def width_table(runs: Iterable[Run], wide: Iterable[Run]) -> pd.DataFrame:
    """Returns what the width of the network changes, after the last epoch of the wider runs.

    Args:
        runs: The runs.
        wide: Runs of a wider network, with the gamma and threshold of some of them.

    Returns:
        Two rows a wider run, one for each width: the epoch, its median of pi, training and
        validation accuracy, and the report's median of pi, of its network of 128 filters.

    Raises:
        KeyError: if one has a setting that none of the runs has; it is named.
    """
    found = by_setting(runs)
    theirs = {**FIGURE2_OVER_THRESHOLD, **FIGURE2_OVER_GAMMA}
    rows = []
    for setting, wider in by_setting(wide).items():
        epoch = int(wider.history["epoch"].iloc[-1])
        for run in (found[setting], wider):
            history = run.history.set_index("epoch").loc[epoch]
            rows.append(
                {
                    "gamma": setting[0],
                    "threshold": setting[1],
                    "filters": run.settings["filters"],
                    "epoch": epoch,
                    "median pi": median_pi(steps(run))[epoch],
                    "report's median pi": _at_most(
                        epoch, FIGURE2_PI_EPOCHS, theirs[setting].median_pi
                    ),
                    "training": history["accuracy"],
                    "validation": history["val_accuracy"],
                }
            )
    return pd.DataFrame(rows).set_index(["gamma", "threshold", "filters"])


def _at_most(last: int, epochs: Iterable[int], values: Iterable[float]) -> float:
    known = [value for epoch, value in zip(epochs, values, strict=True) if epoch <= last]
    return known[-1] if known else np.nan


def conclusions(runs: Iterable[Run]) -> str:
    """Returns what the flips say, in sentences: Markdown, a point a sweep."""
    runs = list(runs)
    lines = []
    for sweep in (*FIGURE, *TEXT):
        frame = table(runs, sweep).sort_index() if len(table(runs, sweep)) else pd.DataFrame()
        if len(frame) < 2:
            continue
        flips, best = frame["median pi"], frame["validation"].idxmax()
        pairs = ", ".join(f"{pi:.2f} at {value:g}" for value, pi in flips.items())
        lines.append(
            f"- **{sweep.title}**: as the {sweep.varied} grows, weights flip {_trend(flips)} "
            f"(median pi in the last epoch: {pairs}). The best validation accuracy is "
            f"{100 * frame['validation'].max():.1f} %, at {best:g}."
        )
    return "\n".join(lines)


def _trend(values: pd.Series) -> str:
    if values.is_monotonic_increasing and values.is_unique:
        return "**more often**"
    if values.is_monotonic_decreasing and values.is_unique:
        return "**less often**"
    return "neither steadily more nor steadily less often"
