"""`python -m experiments.summary`: updates the tables of results in the Markdown files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from experiments.analysis import results
from experiments.analysis.markdown import markdown, put_between_markers
from experiments.analysis.results import DATASETS, NOTHING, RESULTS, Run, percent
from experiments.approximation_viewpoint import tables as approximation_viewpoint
from experiments.approximation_viewpoint.reported import TABLE1_ANOVA_P
from experiments.cifar10 import tables as cifar10
from experiments.cifar10.reported import PAPER_CIFAR10, REPORT_CIFAR10
from experiments.engine.folder import RESULT
from experiments.fast_recipe import tables as fast_recipe
from experiments.hyperparameters import tables as hyperparameters
from experiments.learning_rate import tables as learning_rate

_COLUMNS = ("what", "ours", "the report", "the paper", "our runs")


def main_table(root: Path = RESULTS) -> str:
    """Returns the table of all results, in Markdown: our number, the report's, the paper's.

    Args:
        root: The folder of all experiments' results. An experiment without results has no row.
    """
    return markdown(
        _COLUMNS,
        [
            *_table1(root),
            *_first_layer(root),
            *_figure1(root),
            *_figure2(root),
            *_figure3(root),
            *_fast(root),
        ],
    )


def _table1(root: Path) -> list[tuple[str, ...]]:
    runs = approximation_viewpoint.runs(root, required=False)
    if not runs:
        return []
    frame = approximation_viewpoint.accuracies(runs)
    rows = []
    for dataset in approximation_viewpoint.datasets(frame):
        told = _told(run for run in runs if run.settings["dataset"] == dataset)
        what = f"Table 1, {DATASETS[dataset]}"
        for _, line in approximation_viewpoint.table(frame, dataset).iterrows():
            rows.append(_kind_of_weights(dataset, line, told))
        three = approximation_viewpoint.anova(frame, dataset)
        four = approximation_viewpoint.anova(frame, dataset, approximation_viewpoint.ALL_KINDS)
        theirs = f"{TABLE1_ANOVA_P[dataset]:.3g}"
        rows.append((f"{what}: ANOVA over three kinds, p", f"{three.p:.3g}", theirs, NOTHING, told))
        rows.append((f"{what}: ANOVA with the control, p", f"{four.p:.3g}", NOTHING, NOTHING, told))
        paired = approximation_viewpoint.compare(
            frame, dataset, "latent_retrained_batch_norm", "binary_retrained_batch_norm"
        )
        rows.append(
            (
                f"{what}: latent less binary weights, both retrained",
                f"{100 * paired.difference:+.2f} points, t test p = {paired.t_p:.2g}",
                NOTHING,
                NOTHING,
                told,
            )
        )
    return rows


def _kind_of_weights(dataset: str, line: pd.Series, told: str) -> tuple[str, ...]:
    name = approximation_viewpoint.KINDS[str(line.name)].label.replace("\n", " ")
    return (
        f"Table 1, {DATASETS[dataset]}: {name}",
        _mean_and_deviation(line["mean"], line["std"]),
        _mean_and_deviation(line["report mean"], line["report std"]),
        NOTHING,
        told,
    )


def _first_layer(root: Path) -> list[tuple[str, ...]]:
    runs = approximation_viewpoint.runs(root, False, approximation_viewpoint.FIRST_LAYER)
    if not runs:
        return []
    frame = approximation_viewpoint.accuracies(runs)
    return [
        _kind_of_weights(
            dataset,
            approximation_viewpoint.table(frame, dataset).loc[
                approximation_viewpoint.AS_IN_THE_REPORT
            ],
            _told(run for run in runs if run.settings["dataset"] == dataset),
        )
        for dataset in approximation_viewpoint.datasets(frame)
    ]


def _figure1(root: Path) -> list[tuple[str, ...]]:
    runs = learning_rate.runs(root, required=False)
    rows: list[tuple[str, ...]] = []
    for dataset, group in learning_rate.by_dataset(runs).items():
        ours, theirs = learning_rate.accuracies(group), learning_rate.reported(dataset)
        for name in ours:
            last = ours[name].last_valid_index()
            theirs_then = theirs[name].get(last, float("nan"))
            rows.append(
                (
                    f"Figure 1, {DATASETS[dataset]}: {learning_rate.CONFIGURATIONS[name].label}, "
                    f"training accuracy after epoch {last}",
                    percent(ours.loc[last, name]),
                    percent(theirs_then),
                    NOTHING,
                    _told(run for run in group if run.settings["configuration"] == name),
                )
            )
    return rows


def _figure2(root: Path) -> list[tuple[str, ...]]:
    runs = hyperparameters.runs(root, required=False)
    rows: list[tuple[str, ...]] = []
    for sweep in hyperparameters.FIGURE:
        table = hyperparameters.table(runs, sweep)
        if table.empty:
            continue
        values = " / ".join(f"{value:g}" for value in table.index)
        what = f"Figure 2, {sweep.varied} {values} at {sweep.other} {sweep.fixed:g}"
        found = hyperparameters.by_setting(runs)
        told = _told(found[sweep.setting(value)] for value in table.index)
        for name, column, show in (
            ("validation accuracy", "validation", lambda x: percent(x, 1)),
            ("median of pi in the last epoch", "median pi", lambda x: f"{x:.2f}"),
        ):
            ours, theirs = (
                " / ".join(NOTHING if pd.isna(x) else show(x) for x in table[key])
                for key in (column, f"report's {column}")
            )
            rows.append((f"{what}: {name}", ours, theirs, NOTHING, told))
    return rows


def _figure3(root: Path) -> list[tuple[str, ...]]:
    runs = cifar10.runs(root, required=False)
    if not runs:
        return []
    return [
        (
            f"Figure 3, {run.settings['preset']} protocol, `{run.path.name}`: test accuracy",
            percent(line["test accuracy"], 1),
            percent(line["the report"], 1),
            percent(line["the paper"], 1),
            _told([run]),
        )
        for run, (_, line) in zip(runs, cifar10.table(runs).iterrows(), strict=True)
    ]


def _fast(root: Path) -> list[tuple[str, ...]]:
    return [
        (
            f"The fast recipe, `{run.path.name}`: test accuracy",
            percent(run.result["test_accuracy"], 1),
            percent(REPORT_CIFAR10[1].test_accuracy, 1),
            percent(PAPER_CIFAR10.test_accuracy, 1),
            _told([run]),
        )
        for run in fast_recipe.runs(root, required=False)
    ]


def _told(runs: Iterable[Run]) -> str:
    runs = list(runs)
    shortened = "; ".join(results.shortenings(runs))
    return results.brief(runs) + (f"; **shortened**: {shortened}" if shortened else "")


def _mean_and_deviation(mean: float, deviation: float) -> str:
    if pd.isna(mean):
        return NOTHING
    spread = "" if pd.isna(deviation) else f" ± {100 * deviation:.2f}"
    return f"{100 * mean:.2f}{spread} %"


def runs_table(root: Path = RESULTS) -> str:
    """Returns the table of the results on record, in Markdown.

    Runs of one experiment with the same command on the same hardware share a row.

    Args:
        root: The folder of all experiments' results.
    """
    rows = []
    for experiment in sorted({path.parent.parent for path in Path(root).glob(f"*/*/{RESULT}")}):
        groups: dict[tuple[str, str], list[Run]] = {}
        for run in results.load(experiment.name, root=root):
            key = run.config["command"], results.hardware(run)
            groups.setdefault(key, []).append(run)
        for (command, hardware), runs in groups.items():
            rows.append(
                (
                    _links(runs, experiment.name),
                    f"`{command}`",
                    "; ".join(results.shortenings(runs)) or "no",
                    hardware,
                    results.duration(results.wall_time(runs)),
                )
            )
    return markdown(("folder", "command", "shortened", "hardware", "wall time"), rows)


def _links(runs: list[Run], experiment: str) -> str:
    """Returns a link to the folder of a run, or to the experiment's folder for several runs."""
    path = f"{experiment}/{runs[0].path.name}" if len(runs) == 1 else experiment
    return f"[{path}]({path})" + (f", {len(runs)} runs" if len(runs) > 1 else "")


if __name__ == "__main__":
    put_between_markers(RESULTS.parents[1] / "docs" / "reproduction.md", main_table())
    put_between_markers(RESULTS / "README.md", runs_table())
