"""Figure 1, its precisions and the steps in lock step, from invented runs."""

import numpy as np
import pandas as pd
import pytest

from experiments.errors import ExperimentError
from experiments.learning_rate import figure, precision, tables
from tests.experiments.synthetic import curve, put

WEIGHTS = 200


def write(root, dataset, configuration, epochs, end=0.5, series="learning-rate", **settings):
    folder = root / series / f"{dataset}-{configuration}"
    settings |= {"dataset": dataset, "configuration": configuration, "epochs": epochs}
    put(folder, {}, curve(epochs, end=end), **settings)


def write_scaling(root, dataset, **variants):
    steps = {"step": [1, 2, 3, 4], **variants}
    folder = root / "learning-rate" / f"scaling-{dataset}"
    settings = {"dataset": dataset, "configuration": "scaling", "epochs": 1}
    put(folder, {"weights": WEIGHTS}, curve(1), ("steps.csv", steps), **settings)


def test_accuracies_stand_beside_the_reports(tmp_path):
    write(tmp_path, "mnist", "glorot_sgd_1", 100)
    write(tmp_path, "mnist", "uniform_adam_0.01", 100)
    table = tables.table(tables.runs(tmp_path), "mnist")
    assert list(table.index) == ["Glorot, SGD 1", "uniform, Adam 0.01"]
    assert table.loc["Glorot, SGD 1", ("epoch 100", "ours")] == 0.5
    assert table.loc["Glorot, SGD 1", ("epoch 1", "the report")] == 0.8484
    assert table.loc["uniform, Adam 0.01", ("epoch 100", "the report")] == 0.9853


def test_the_legend_names_every_configuration_of_any_data_set(tmp_path):
    write(tmp_path, "mnist", "uniform_adam_0.01", 3)
    write(tmp_path, "cifar10", "uniform_sgd_0.01", 3)
    write(tmp_path, "cifar10", "glorot_sgd_1", 3)
    (legend,) = figure.draw(tables.runs(tmp_path)).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "Glorot, SGD 1",
        "uniform, SGD 0.01",
        "uniform, Adam 0.01",
        "the report",
    ]


def test_runs_of_different_length_and_missing_configurations_are_drawn(tmp_path):
    write(tmp_path, "cifar10", "glorot_sgd_1", 12)
    write(tmp_path, "cifar10", "glorot_sgd_0.01", 3)
    runs = tables.runs(tmp_path)
    (axes,) = figure.draw(runs).axes
    lengths = {line.get_label(): len(line.get_xdata()) for line in axes.lines}
    assert lengths["Glorot, SGD 1"] == 12
    assert list(tables.table(runs, "cifar10").columns.levels[0]) == ["epoch 1", "epoch 10"]
    assert "after epoch 3: Glorot, SGD 0.01 50.00 %" in tables.conclusions(runs)


def test_the_gap_of_the_pair_is_told(tmp_path):
    write(tmp_path, "mnist", "glorot_sgd_1", 5, end=0.52)
    write(tmp_path, "mnist", "glorot_x0.01_sgd_0.01", 5, end=0.50)
    write(tmp_path, "mnist", "glorot_sgd_0.01", 5, end=0.22)
    told = tables.conclusions(tables.runs(tmp_path))
    assert "differ by 2.00 points in the end and by 2.00 at most" in told
    assert "the nearest other curve is 30.00 points away" in told


@pytest.fixture
def precisions(tmp_path):
    """Runs, and one of them in float32: 0.1, 0.3, 0.5 in bfloat16; 0.1, 0.4, 0.7 and on."""
    write(tmp_path, "mnist", "glorot_sgd_0.01", 3)
    write(tmp_path, "mnist", "glorot_sgd_1", 3, end=0.5, dtype_policy="mixed_bfloat16")
    write(tmp_path, "mnist", "glorot_sgd_1", 4, end=1.0, series=tables.FLOAT32)
    return tables.runs(tmp_path), tables.runs(tmp_path, folder=tables.FLOAT32)


def test_runs_in_float32_stand_beside_those_that_they_repeat(precisions):
    (row,) = precision.table(*precisions).itertuples(index=False)
    assert row[:3] == ("mixed_bfloat16", "float32", 3)
    np.testing.assert_allclose(row[3:], [-0.1, 0.1, 0.2])
    told = precision.conclusions(*precisions)
    assert "over 3 epochs mixed_bfloat16 lies -10.00 points from float32 on average" in told
    assert "20.00 at most (epoch 3). In the end they reach 50.00 % and 70.00 %." in told


def test_both_precisions_are_drawn_with_their_difference(precisions):
    above, below = precision.draw(*precisions).axes
    lines = {line.get_label(): line.get_ydata() for line in above.lines}
    np.testing.assert_allclose(lines["mixed_bfloat16"], [0.1, 0.3, 0.5])
    np.testing.assert_allclose(lines["float32"], [0.1, 0.4, 0.7])
    np.testing.assert_allclose(below.lines[-1].get_ydata(), [0, -10, -20], atol=1e-9)


def test_a_repetition_of_no_run_is_named(precisions):
    with pytest.raises(KeyError, match="mnist-glorot_sgd_1"):
        precision.table([], precisions[1])


def test_lock_step_runs_are_no_configurations(tmp_path):
    write_scaling(tmp_path, "mnist", exact=[0, 0, 0, 0])
    with pytest.raises(ExperimentError, match="no finished run"):
        tables.runs(tmp_path)
    assert len(tables.scaling_runs(tmp_path)) == 1


def test_the_first_step_that_differs(tmp_path):
    write_scaling(
        tmp_path, "cifar10", report=[0, 1, 0, 20], same_beta=[3, 4, 5, 6], exact=[0, 0, 0, 0]
    )
    runs = tables.scaling_runs(tmp_path)
    table = tables.scaling_table(runs).loc["CIFAR-10"]
    assert list(table.index) == ["report", "same_beta", "exact"]
    assert list(table["first step that differs"].fillna(0)) == [2, 1, 0]
    assert pd.isna(table.loc["exact", "first step that differs"])
    np.testing.assert_allclose(table["share"].astype(float), [20 / WEIGHTS, 6 / WEIGHTS, 0])
    told = tables.scaling_conclusions(runs)
    assert "`exact` (and clipping scaled: exact but for rounding): every binary weight" in told
    assert "differs first after step 2, and 20 (10.0 %) after 4" in told
    assert len(figure.draw_scaling(runs).axes) == 1


def test_no_runs_are_an_error(tmp_path):
    with pytest.raises(ExperimentError, match="learning-rate holds no finished run"):
        tables.scaling_runs(tmp_path)
