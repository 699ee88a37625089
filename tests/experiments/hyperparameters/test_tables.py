"""Figure 2 from invented flips, against Eq. 5 and the Gaussian's formula."""

import numpy as np
import pytest

from experiments.hyperparameters import figure, tables
from tests.experiments.synthetic import curve, put

WEIGHTS = 1000


def write(root, gamma, threshold, flips, accuracy=None, epochs=2, series="hyperparameters", **more):
    flips = np.array(flips)
    accuracy = np.full(len(flips), 0.5) if accuracy is None else accuracy
    history = curve(epochs)
    history |= {"val_accuracy": history["accuracy"], "flips": flips.reshape(epochs, -1).sum(1)}
    steps = {"step": np.arange(1, len(flips) + 1), "accuracy": accuracy, "flips": flips}
    put(
        root / series / f"gamma-{gamma:g}-threshold-{threshold:g}",
        {"binary_weights": WEIGHTS},
        history,
        ("steps.csv.gz", steps),
        gamma=gamma,
        threshold=threshold,
        epochs=epochs,
        **more,
    )


def only(root):
    (run,) = tables.runs(root)
    return run


def test_names_with_exponents_are_read(tmp_path):
    write(tmp_path, 1e-3, 1e-6, [1, 2])
    assert list(tables.by_setting(tables.runs(tmp_path))) == [(1e-3, 1e-6)]


def test_pi_by_equation_5(tmp_path):
    write(tmp_path, 1e-3, 0, [0, 1, 500, 1000])
    steps = tables.steps(only(tmp_path))
    expected = np.log(np.array([0, 1, 500, 1000]) / WEIGHTS + 1e-9)
    np.testing.assert_allclose(steps["pi"], expected, rtol=1e-12)
    np.testing.assert_allclose(steps["epoch"], [0.5, 1, 1.5, 2])


def test_the_median_is_that_of_each_epoch(tmp_path):
    write(tmp_path, 1e-3, 0, [1, 9, 2, 3, 5, 4])
    medians = tables.median_pi(tables.steps(only(tmp_path)))
    assert list(medians.index) == [1, 2]
    np.testing.assert_allclose(np.exp(medians) - 1e-9, [2 / WEIGHTS, 4 / WEIGHTS])


@pytest.mark.parametrize("steps_an_epoch", [7, 90, 900])
def test_every_epoch_has_all_its_steps(tmp_path, steps_an_epoch):
    epochs = 30
    write(tmp_path, 1e-3, 0, np.repeat(np.arange(1, epochs + 1), steps_an_epoch), epochs=epochs)
    medians = tables.median_pi(tables.steps(only(tmp_path)))
    np.testing.assert_allclose(np.exp(medians) * WEIGHTS, np.arange(1, epochs + 1), rtol=1e-5)


def test_accuracy_is_smoothed_by_a_gaussian_of_100_steps(tmp_path):
    accuracy = np.zeros(2000)
    accuracy[1000] = 1.0
    write(tmp_path, 1e-3, 0, np.zeros(2000, int), accuracy)
    smoothed = tables.steps(only(tmp_path))["smoothed"].to_numpy()
    distance = np.arange(2000) - 1000
    gaussian = np.exp(-(distance**2) / (2 * 100**2)) / (100 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(smoothed[700:1301], gaussian[700:1301], rtol=1e-3)


@pytest.mark.parametrize(("epochs", "pi", "validation"), [(2, -12.33, None), (11, -12.22, 0.4186)])
def test_the_reports_numbers_after_as_many_epochs(tmp_path, epochs, pi, validation):
    write(tmp_path, 1e-3, 1e-6, np.arange(epochs * 3), epochs=epochs)
    table = tables.table(tables.runs(tmp_path), tables.FIGURE[0])
    assert list(table.index) == [1e-3]
    assert table["flips"].item() == sum(range(epochs * 3))
    assert table["report's median pi"].item() == pi
    told = table["report's validation"].item()
    assert np.isnan(told) if validation is None else told == validation


@pytest.mark.parametrize("sweep", tables.FIGURE)
def test_the_sweeps_of_the_figure_have_the_reports_runs(sweep):
    assert set(sweep.reported) == {sweep.setting(value) for value in sweep.values}


def test_a_wider_network_stands_beside_the_narrow_one(tmp_path):
    write(tmp_path, 1e-2, 1e-6, [9, 9, 9], epochs=3, filters=32)
    write(tmp_path, 1e-3, 1e-6, [7, 7, 8, 8, 9, 9], epochs=3, filters=32)
    write(tmp_path, 1e-3, 1e-6, [4, 4, 5, 5], series=tables.FULL_WIDTH, filters=128)
    runs, wide = tables.runs(tmp_path), tables.runs(tmp_path, folder=tables.FULL_WIDTH)
    table = tables.width_table(runs, wide)
    assert list(table.index) == [(1e-3, 1e-6, 32), (1e-3, 1e-6, 128)]
    assert list(table["epoch"]) == [2, 2]
    np.testing.assert_allclose(np.exp(table["median pi"]) * WEIGHTS, [8, 5], rtol=1e-5)
    # Accuracies rise evenly from 0.1 to 0.5.
    np.testing.assert_allclose(table["validation"], [0.3, 0.5])
    assert list(table["report's median pi"]) == [-12.33, -12.33]
    with pytest.raises(KeyError, match=r"0\.001, 1e-06"):
        tables.width_table([], wide)


def test_settings_that_are_missing_are_left_out(tmp_path):
    write(tmp_path, 1e-2, 1e-6, [9, 9, 9, 9])
    runs = tables.runs(tmp_path)
    assert tables.table(runs, tables.TEXT[0]).empty
    assert len(figure.draw(runs).axes) == 6
    assert len(figure.draw(runs, tables.TEXT).axes) == 6
    assert tables.conclusions(runs) == ""


@pytest.mark.parametrize(
    ("flips", "told"),
    [((1, 5, 9), "more often"), ((9, 5, 1), "less often"), ((1, 9, 5), "neither")],
)
def test_conclusions_say_where_the_flips_go(tmp_path, flips, told):
    for gamma, count in zip((1e-4, 1e-3, 1e-2), flips, strict=True):
        write(tmp_path, gamma, 1e-6, [count] * 4)
    line = tables.conclusions(tables.runs(tmp_path))
    assert line.startswith("- **gamma varied, threshold 1e-06**: as the gamma grows, weights flip ")
    assert told in line
