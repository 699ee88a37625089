"""The fast recipe's figure and tables, from invented runs."""

import numpy as np
import pytest

from experiments.errors import ExperimentError
from experiments.fast_recipe import figure, runs, tables
from tests.experiments.cifar10.test_tables import write
from tests.experiments.synthetic import curve, put

FLIPS = (3_000_000, 200_000, 0)


def put_ablation(root, variant, seed, accuracy, **changes):
    history = {**curve(3), "val_accuracy": [0.1, 0.9, accuracy], "flips": FLIPS}
    result = {"test_accuracy": 0.5, "tested_epoch": 2, "epochs": 3}
    settings = {**runs.settings(variant, seed, "short").as_dict(), "epochs": 3, **changes}
    put(root / "ablation" / f"{variant}-seed-{seed}", result, history, **settings)


def test_only_runs_of_the_recipe_are_its_runs(tmp_path):
    write(tmp_path, "fast", "fast", gamma=1e-3, threshold=1e-8)
    write(tmp_path, "report", "report", epochs=20)
    write(tmp_path, "short", "report", epochs=10)
    assert [run.path.name for run in tables.runs(tmp_path)] == ["fast"]
    assert tables.longest_of_the_report(tmp_path).path.name == "report"


def test_the_table_has_the_reports_and_the_papers_accuracy(tmp_path):
    write(tmp_path, "fast", "fast", epochs=10, threshold=1e-8)
    table = tables.table(tables.runs(tmp_path))
    assert table["test accuracy"].to_dict() == {
        "fast": 0.8,
        "the report": 0.8867,
        "the paper": 0.913,
    }
    assert table["epochs"].tolist() == [10, 327, 500]


def test_the_figure_shows_both_and_the_reports_points(tmp_path):
    write(tmp_path, "fast", "fast", epochs=10, threshold=1e-8)
    write(tmp_path, "report", "report", epochs=20)
    drawn = figure.draw(tables.runs(tmp_path), tables.longest_of_the_report(tmp_path))
    accuracy, flips = drawn.axes
    labels = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert labels == [
        "fast: validation, test 80.0 %",
        "report: validation, test 80.0 %",
        "the report: validation",
    ]
    assert accuracy.get_xscale() == flips.get_xscale() == "log"


def test_an_ingredient_is_worth_what_its_lack_costs_on_average(tmp_path):
    for seed, recipe, steps in ((0, 0.8, 0.7), (1, 0.82, 0.75), (2, 0.84, 0.71)):
        put_ablation(tmp_path, "recipe", seed, recipe)
        put_ablation(tmp_path, "gamma-by-steps", seed, steps)
    put_ablation(tmp_path, "report", 0, 0.6)
    worth = tables.worth(tables.ablations(tmp_path))
    assert worth.index.tolist() == [
        runs.VARIANTS[name].label for name in ("recipe", "gamma-by-steps", "report")
    ]
    assert worth["seeds"].tolist() == [3, 3, 1]
    np.testing.assert_allclose(worth["mean"], [0.82, 0.72, 0.6])
    np.testing.assert_allclose(worth["std"].iloc[:2], [0.02, np.std([0.7, 0.75, 0.71], ddof=1)])
    np.testing.assert_allclose(worth["difference"], [0.0, -0.1, -0.22], atol=1e-12)


def test_the_ablations_figure_shows_means_and_ranges_of_the_seeds(tmp_path):
    for seed, accuracy in enumerate((0.8, 0.82, 0.87)):
        put_ablation(tmp_path, "recipe", seed, accuracy)
    put_ablation(tmp_path, "report", 0, 0.6)
    accuracy, flips = figure.draw_ablation(tables.ablations(tmp_path)).axes
    recipe, report = accuracy.lines
    assert [recipe.get_label(), report.get_label()] == [
        runs.VARIANTS[name].label for name in ("recipe", "report")
    ]
    np.testing.assert_allclose(recipe.get_xydata(), [(1, 0.1), (2, 0.9), (3, 0.83)])
    np.testing.assert_allclose(report.get_ydata(), [0.1, 0.9, 0.6])
    area = accuracy.collections[0].get_paths()[0].vertices
    assert sorted(set(area[area[:, 0] == 3, 1])) == [0.8, 0.87]
    np.testing.assert_allclose(flips.lines[0].get_ydata(), FLIPS)


@pytest.mark.parametrize("preset", ["quick", "short", "full"])
def test_a_run_is_of_the_variant_whose_settings_it_has(preset):
    for name, run in runs.runs(preset, dtype_policy="mixed_bfloat16").items():
        assert runs.variant_of(run.settings.as_dict()) == name.partition("-seed-")[0]


def test_runs_of_no_variant_are_left_out(tmp_path):
    put_ablation(tmp_path, "recipe", 0, 0.8)
    put_ablation(tmp_path, "recipe", 1, 0.1, batch_size=64)
    assert [run.path.name for run in tables.ablations(tmp_path)] == ["recipe-seed-0"]


def test_no_ablation_is_told(tmp_path):
    with pytest.raises(ExperimentError, match="python -m experiments ablation"):
        tables.ablations(tmp_path)


def test_a_variant_differs_from_the_recipe_where_it_says():
    def changed(variant):
        settings = runs.settings(variant, 0, "full").as_dict()
        recipe = runs.settings("recipe", 0, "full").as_dict()
        return {name: value for name, value in settings.items() if value != recipe[name]}

    assert changed("gamma-by-steps") == {"gamma_schedule": "step"}
    assert changed("constant-rate") == {"learning_rate_schedule": "constant"}
    assert changed("batch-50") == {"batch_size": 50}
    assert changed("report") == {
        "batch_size": 50,
        "threshold": 1e-7,
        "gamma_schedule": "step",
        "learning_rate_schedule": "constant",
    }
    assert set(runs.runs("quick")) == {
        f"{variant}-seed-{seed}" for variant in runs.VARIANTS for seed in (0, 1, 2)
    }
