"""The report's Table 1: does a binary network approximate its latent weights?

If it did, the network should work at least as well with the latent weights as with their signs.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from experiments.analysis.results import DATASETS, RESULTS, Run, load, percent
from experiments.approximation_viewpoint.reported import TABLE1, TABLE1_ANOVA_P
from experiments.approximation_viewpoint.runs import AS_IN_THE_REPORT, KINDS, NAME

FIRST_LAYER = f"{NAME}-first-layer"
"""The folder of runs that test `AS_IN_THE_REPORT` as well; runs in the folder `NAME` may not."""

REPORT_KINDS = ("binary", "latent", "latent_retrained_batch_norm")
"""The kinds of the report's Table 1, which its analysis of variance compares."""

ALL_KINDS = (*REPORT_KINDS, "binary_retrained_batch_norm")
"""`REPORT_KINDS` and the control."""

_MEASURED_BY_THE_REPORT = {
    **{kind: kind for kind in REPORT_KINDS},
    "latent_but_first_layer_binary": "latent",
    AS_IN_THE_REPORT: "latent_retrained_batch_norm",
}


class Anova(NamedTuple):
    """A one-way analysis of variance: the F statistic and its p-value."""

    statistic: float
    p: float


class Comparison(NamedTuple):
    """Differences of accuracy between two kinds of weights, paired by seed.

    Attributes:
        runs: The number of pairs.
        difference: Their mean difference, as a share of 1.
        low: The lower end of its 95 % confidence interval, by the t distribution.
        high: The upper end.
        t_p: The p-value of the paired t test.
        wilcoxon_p: The p-value of Wilcoxon's signed-rank test.
    """

    runs: int
    difference: float
    low: float
    high: float
    t_p: float
    wilcoxon_p: float


def runs(root: Path = RESULTS, required: bool = True, folder: str = NAME) -> list[Run]:
    """Returns the runs; see `results.load`.

    Args:
        root: The folder of all experiments' results.
        required: Whether it is an error if there is none.
        folder: The folder of the runs, `NAME` or `FIRST_LAYER`.
    """
    return load(folder, root, required)


def accuracies(runs: Iterable[Run]) -> pd.DataFrame:
    """Returns the test accuracies as shares of 1.

    Args:
        runs: The runs.

    Returns:
        One row for each run, with the columns `dataset`, `seed` and those of `KINDS`; NaN for a
        kind that the run did not test.
    """
    rows = [
        {
            "dataset": run.settings["dataset"],
            "seed": run.settings["seed"],
            **{kind: run.result.get(kind, np.nan) for kind in KINDS},
        }
        for run in runs
    ]
    return pd.DataFrame(rows).sort_values(["dataset", "seed"], ignore_index=True)


def datasets(frame: pd.DataFrame) -> list[str]:
    """Returns the data sets of a table, in the order in which they are shown."""
    return [name for name in DATASETS if name in set(frame["dataset"])]


def table(accuracies: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Returns Table 1 for a data set, with the report's numbers beside ours.

    Args:
        accuracies: The result of the function `accuracies`.
        dataset: The data set.

    Returns:
        One row for each of `KINDS` that was tested: the number of runs, the mean and the standard
        deviation (with n - 1) of the test accuracy, and the report's mean and deviation.
    """
    rows = accuracies[accuracies["dataset"] == dataset]
    ours = rows[list(KINDS)].agg(["count", "mean", "std"]).T
    ours.columns = ["runs", "mean", "std"]
    theirs = TABLE1[dataset]
    measured = [theirs.get(_MEASURED_BY_THE_REPORT.get(kind, "")) for kind in KINDS]
    ours["report mean"] = [m.mean if m else np.nan for m in measured]
    ours["report std"] = [m.deviation if m else np.nan for m in measured]
    return ours[ours["runs"] > 0].astype({"runs": int})


def anova(accuracies: pd.DataFrame, dataset: str, kinds: Iterable[str] = REPORT_KINDS) -> Anova:
    """Returns a one-way analysis of variance of the test accuracy over kinds of weights.

    Args:
        accuracies: The result of the function `accuracies`.
        dataset: The data set.
        kinds: The kinds that are compared.

    Returns:
        F and p, which are NaN if there are fewer than two runs.
    """
    rows = accuracies[accuracies["dataset"] == dataset]
    groups = [rows[kind].dropna().to_numpy() for kind in kinds]
    if min(map(len, groups)) < 2:
        return Anova(np.nan, np.nan)
    return Anova(*map(float, stats.f_oneway(*groups)))


def compare(accuracies: pd.DataFrame, dataset: str, first: str, second: str) -> Comparison:
    """Returns how much better the first kind is than the second, in pairs of equal seeds.

    Args:
        accuracies: The result of the function `accuracies`.
        dataset: The data set.
        first: One of `KINDS`.
        second: Another one.

    Returns:
        The comparison. Its interval and p-values are NaN if there are fewer than two runs, or if
        all differences are equal.
    """
    rows = accuracies.loc[accuracies["dataset"] == dataset, [first, second]].dropna()
    x, y = rows[first].to_numpy(), rows[second].to_numpy()
    difference = float((x - y).mean()) if len(rows) else np.nan
    if len(rows) < 2 or np.ptp(x - y) == 0:
        return Comparison(len(rows), difference, np.nan, np.nan, np.nan, np.nan)
    t = stats.ttest_rel(x, y)
    interval = t.confidence_interval(0.95)
    wilcoxon = stats.wilcoxon(x, y)
    numbers = (interval.low, interval.high, t.pvalue, wilcoxon.pvalue)
    return Comparison(len(rows), difference, *map(float, numbers))


def conclusions(accuracies: pd.DataFrame) -> str:
    """Returns sentences about the numbers, in Markdown, with one bullet for each data set."""
    return "\n".join(_conclusion(accuracies, dataset) for dataset in datasets(accuracies))


def _conclusion(accuracies: pd.DataFrame, dataset: str) -> str:
    means = table(accuracies, dataset)["mean"]
    three, four = (anova(accuracies, dataset, kinds) for kinds in (REPORT_KINDS, ALL_KINDS))
    gain = compare(accuracies, dataset, "binary_retrained_batch_norm", "binary")
    paired = compare(
        accuracies, dataset, "latent_retrained_batch_norm", "binary_retrained_batch_norm"
    )
    return (
        f"- **{DATASETS[dataset]}.** Binary weights reach {percent(means['binary'])}, the latent "
        f"weights as they are {percent(means['latent'])}, and after batch normalization is trained "
        f"anew {percent(means['latent_retrained_batch_norm'])}. The analysis of variance "
        f"gives p = {_p(three.p)} over the report's three kinds (it found "
        f"{TABLE1_ANOVA_P[dataset]:.3g}) and {_p(four.p)} with the control. The same "
        f"retraining moves *binary* weights by {_points(gain.difference)} "
        f"(t test, p = {_p(gain.t_p)}). With equal retraining, latent weights are "
        f"{_points(paired.difference)} {_interval(paired)} from binary ones over {paired.runs} "
        f"seeds: {_verdict(paired)} (t test p = {_p(paired.t_p)}, Wilcoxon p = "
        f"{_p(paired.wilcoxon_p)})."
    )


def _verdict(paired: Comparison) -> str:
    if np.isnan(paired.t_p):
        return "too few runs for a test"
    if paired.t_p >= 0.05:
        return "no difference that so many runs can show"
    return f"latent weights are {'better' if paired.difference > 0 else 'worse'}"


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f} points"


def _interval(paired: Comparison) -> str:
    return f"(95 % interval {100 * paired.low:+.2f} to {100 * paired.high:+.2f})"


def _p(p: float) -> str:
    return "unknown" if np.isnan(p) else f"{p:.2g}"
