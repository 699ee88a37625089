"""The report's Figure 1."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.figure import Figure

from experiments.analysis import style
from experiments.analysis.results import DATASETS, Run, caption
from experiments.engine.folder import STEPS
from experiments.learning_rate.runs import CONFIGURATIONS
from experiments.learning_rate.scaling import VARIANTS
from experiments.learning_rate.tables import (
    accuracies,
    by_dataset,
    number_of_weights,
    reported,
)


def draw(runs: Iterable[Run]) -> Figure:
    """Draws Figure 1: training accuracy by epoch, with the report's points."""
    runs = list(runs)
    grouped = by_dataset(runs)
    figure, axes = style.new_figure(1, len(grouped), (3 + 4 * len(grouped), 4.6))
    for each, (dataset, group) in zip(axes.flat, grouped.items(), strict=True):
        ours, theirs = accuracies(group), reported(dataset)
        last = int(ours.index.max())
        for name in ours:
            colour = style.COLOURS[list(CONFIGURATIONS).index(name)]
            each.plot(ours.index, ours[name], color=colour, label=CONFIGURATIONS[name].label)
            points = theirs.loc[:last, name]
            style.report_points(each, points.index, points, colour)
        style.report_points(each, [], [], style.NEUTRAL, label=style.REPORT_LABEL)
        style.log_epochs(each, last)
        style.percent_axis(each.yaxis)
        each.set_title(DATASETS[dataset], loc="left")
        each.set_ylabel("training accuracy")
    # Not every data set must have every configuration.
    drawn = {line.get_label(): line for each in axes.flat for line in each.lines}
    every = [*(each.label for each in CONFIGURATIONS.values()), style.REPORT_LABEL]
    labels = [label for label in every if label in drawn]
    handles = [drawn[label] for label in labels]
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    style.add_caption(figure, caption(runs))
    return figure


def draw_scaling(runs: Iterable[Run]) -> Figure:
    """Draws how many binary weights differ from those of the reference, by step and variant."""
    runs = list(runs)
    grouped = by_dataset(runs)
    figure, axes = style.new_figure(1, len(grouped), (4 + 3.5 * len(grouped), 4.2), sharey=True)
    for each, (dataset, (run,)) in zip(axes.flat, grouped.items(), strict=True):
        steps = run.rows(STEPS)
        for i, (name, variant) in enumerate(VARIANTS.items()):
            if name in steps:
                # Later lines are thinner, so that lines that coincide are all visible.
                options = {
                    "color": style.COLOURS[i],
                    "linewidth": 5 - 1.2 * i,
                    "label": variant.label,
                }
                each.plot(steps["step"], steps[name], **options)
        each.axhline(number_of_weights(run), color=style.NEUTRAL, linestyle=":", linewidth=1)
        each.annotate(
            "all weights",
            (0.02, number_of_weights(run)),
            xycoords=("axes fraction", "data"),
            xytext=(0, -10),
            textcoords="offset points",
            fontsize=8,
            color=style.NEUTRAL,
        )
        # A logarithmic axis cannot show 0.
        each.set_yscale("symlog", linthresh=1, linscale=0.5)
        each.set_ylim(bottom=-0.1)
        each.set_xscale("log")
        each.set_title(DATASETS[dataset], loc="left")
        each.set(xlabel="step")
    axes[0, 0].set_ylabel("binary weights that differ\nfrom Glorot, SGD 1")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    style.add_caption(figure, caption(runs))
    return figure
