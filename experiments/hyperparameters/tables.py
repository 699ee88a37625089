"""The report's Figure 2: the effect of Bop's gamma and threshold.

The report's text says that a higher gamma lowers the number of flips; the numbers behind its figure
say the opposite. The text and the figure also have different values of gamma and the threshold, so
there are runs with both.
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
"""The folder of runs with all filters, to compare with narrower networks; see `width_table`."""


@dataclass(frozen=True)
class Sweep:
    """Runs that differ in one hyperparameter.

    Attributes:
        varied: "gamma" or "threshold".
        values: Its values.
        fixed: The value of the other hyperparameter.
        reported: The report's runs, by gamma and threshold; empty if it has none.
    """

    varied: str
    values: tuple[float, ...]
    fixed: float
    reported: Mapping[tuple[float, float], Figure2Run] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The title of the sweep: which hyperparameter is varied, and the value of the other."""
        return f"{self.varied} varied, {self.other} {self.fixed:g}"

    @property
    def other(self) -> str:
        """The hyperparameter that is not varied."""
        return "threshold" if self.varied == "gamma" else "gamma"

    def setting(self, value: float) -> tuple[float, float]:
        """Returns gamma and the threshold for one value of the varied hyperparameter."""
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
        required: Whether it is an error if there is none.
        folder: The folder of the runs, `NAME` or `FULL_WIDTH`.
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
        One row for each step: `epoch`, a fraction; `accuracy`, that of the batch; `smoothed`, the
        accuracy smoothed by a Gaussian of `SMOOTHING_STEPS`; `flips`; and `pi` (Eq. 5).
    """
    frame = run.rows(COMPRESSED_STEPS)
    frame["epoch"] = (np.arange(len(frame)) + 1) * len(run.history) / len(frame)
    frame["smoothed"] = gaussian_filter1d(frame["accuracy"].to_numpy(float), SMOOTHING_STEPS)
    frame["pi"] = flip_ratio(frame["flips"], run.result["binary_weights"])
    return frame


def median_pi(steps: pd.DataFrame) -> pd.Series:
    """Returns the median of pi over each epoch.

    Args:
        steps: The result of the function `steps`.

    Returns:
        The medians by epoch, from 1.
    """
    # The last step of an epoch belongs to it, although the division may round it up.
    epoch = np.ceil(steps["epoch"] - 1e-9).astype(int)
    return steps.groupby(epoch)["pi"].median()


def table(runs: Iterable[Run], sweep: Sweep) -> pd.DataFrame:
    """Returns the results of a sweep, beside the report's after the same number of epochs.

    Args:
        runs: The runs.
        sweep: The sweep. Values without a run are left out.

    Returns:
        One row for each value: the epochs, the sum of flips, the median of pi in the last epoch and
        the validation accuracy after it. If the report has these runs, also its median of pi and
        validation accuracy, at the last epoch up to ours for which they are known.
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
    """Compares networks of two widths, after the last epoch of the runs with the wider one.

    Args:
        runs: Runs with the narrower network.
        wide: Runs with the wider network, each with gamma and the threshold of one of `runs`.

    Returns:
        Two rows for each wide run, one for each width: the epoch, our and the report's median of pi
        in it, and the training and validation accuracy. The report's network has 128 filters.

    Raises:
        KeyError: if no run has gamma and the threshold of a wide run, which the error names.
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
    """Returns sentences about flips and accuracies, in Markdown, with one bullet for each sweep."""
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
