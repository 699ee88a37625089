"""Table 1 from invented accuracies, against the formulas."""

import warnings

import numpy as np
import pytest
from scipy import stats

from experiments.approximation_viewpoint import figure, reported, tables
from experiments.errors import ExperimentError
from tests.experiments.synthetic import put

BINARY = [0.95, 0.97, 0.96, 0.96]
LATENT = [0.10, 0.12, 0.09, 0.11]
LATENT_RETRAINED = [0.981, 0.979, 0.984, 0.980]
BINARY_RETRAINED = [0.979, 0.980, 0.980, 0.977]
KINDS = {
    "binary": BINARY,
    "latent": LATENT,
    "latent_retrained_batch_norm": LATENT_RETRAINED,
    "binary_retrained_batch_norm": BINARY_RETRAINED,
    "latent_but_first_layer_binary": LATENT,
    "latent_but_first_layer_binary_retrained_batch_norm": LATENT_RETRAINED,
}


def write(root, dataset, seeds=4, kinds=tuple(KINDS), experiment="approximation-viewpoint"):
    for seed in range(seeds):
        result = {kind: KINDS[kind][seed] for kind in kinds}
        folder = root / experiment / f"{dataset}-seed-{seed}"
        put(folder, result, dataset=dataset, seed=seed)


@pytest.fixture
def accuracies(tmp_path):
    write(tmp_path, "mnist")
    return tables.accuracies(tables.runs(tmp_path))


def f_by_definition(*groups):
    """The variance between groups over that within them."""
    groups = [np.array(group) for group in groups]
    every = np.concatenate(groups)
    between = sum(len(g) * (g.mean() - every.mean()) ** 2 for g in groups) / (len(groups) - 1)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (len(every) - len(groups))
    return between / within


def test_means_and_deviations_stand_beside_the_reports(accuracies):
    table = tables.table(accuracies, "mnist")
    assert list(table.index) == list(tables.KINDS)
    binary = table.loc["binary"]
    assert binary["runs"] == 4
    assert binary["mean"] == pytest.approx(0.96)
    # Squares 1, 1, 0, 0 (x 1e-4) over n - 1 = 3.
    assert binary["std"] == pytest.approx(np.sqrt(2e-4 / 3))
    assert (binary["report mean"], binary["report std"]) == (0.9663, 0.018)
    assert np.isnan(table.loc["binary_retrained_batch_norm", "report mean"])


def test_the_reports_latent_weights_were_binary_in_the_first_layer(accuracies):
    table = tables.table(accuracies, "mnist")
    for kind in ("latent", "latent_but_first_layer_binary"):
        assert table.loc[kind, "report mean"] == reported.TABLE1["mnist"]["latent"].mean


@pytest.mark.parametrize("kinds", [tables.REPORT_KINDS, tables.ALL_KINDS])
def test_analysis_of_variance_by_definition(accuracies, kinds):
    anova = tables.anova(accuracies, "mnist", kinds)
    expected = f_by_definition(*(KINDS[kind] for kind in kinds))
    assert anova.statistic == pytest.approx(expected, rel=1e-9)
    between, within = len(kinds) - 1, 4 * len(kinds) - len(kinds)
    assert anova.p == pytest.approx(stats.f.sf(expected, between, within), rel=1e-6)


def test_paired_comparison_by_definition(accuracies):
    compared = tables.compare(
        accuracies, "mnist", "latent_retrained_batch_norm", "binary_retrained_batch_norm"
    )
    d = np.subtract(LATENT_RETRAINED, BINARY_RETRAINED)  # +2, -1, +4, +3 thousandths
    error = d.std(ddof=1) / np.sqrt(4)
    assert compared.runs == 4
    assert compared.difference == pytest.approx(0.002)
    assert compared.t_p == pytest.approx(2 * stats.t.sf(0.002 / error, 3))
    assert compared.high - compared.low == pytest.approx(2 * error * stats.t.ppf(0.975, 3))
    # The ranks against sum to 1; of 16 sign patterns {} and {1} do no better; twice for two sides.
    assert compared.wilcoxon_p == pytest.approx(2 * 2 / 16)


def test_one_seed_has_means_but_no_tests(tmp_path):
    write(tmp_path, "cifar10", seeds=1)
    runs = tables.runs(tmp_path)
    accuracies = tables.accuracies(runs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(tables.anova(accuracies, "cifar10").p)
        compared = tables.compare(accuracies, "cifar10", "latent", "binary")
        assert (compared.runs, compared.difference) == (1, pytest.approx(-0.85))
        assert np.isnan(compared.t_p)
        assert "too few runs for a test" in tables.conclusions(accuracies)
        assert len(figure.draw(runs).axes) == 2


def test_equal_accuracies_have_no_test(tmp_path):
    write(tmp_path, "mnist")
    accuracies = tables.accuracies(tables.runs(tmp_path))
    compared = tables.compare(accuracies, "mnist", "binary", "binary")
    assert compared.difference == 0
    assert np.isnan(compared.t_p)


def test_data_sets_with_different_numbers_of_seeds(tmp_path):
    write(tmp_path, "cifar10", seeds=2)
    write(tmp_path, "mnist", seeds=4)
    runs = tables.runs(tmp_path)
    accuracies = tables.accuracies(runs)
    assert tables.datasets(accuracies) == ["mnist", "cifar10"]
    assert set(tables.table(accuracies, "cifar10")["runs"]) == {2}
    assert len(figure.draw(runs).axes) == 4
    assert tables.conclusions(accuracies).count("\n") == 1


def test_runs_without_the_reports_oddity_are_shown(tmp_path):
    write(tmp_path, "mnist", kinds=tables.ALL_KINDS)
    runs = tables.runs(tmp_path)
    table = tables.table(tables.accuracies(runs), "mnist")
    assert list(table.index) == list(tables.ALL_KINDS)
    labels = [label.get_text() for label in figure.draw(runs).axes[0].get_yticklabels()]
    assert labels == [tables.KINDS[kind].label for kind in tables.ALL_KINDS]


def test_latent_weights_but_in_the_first_layer_stand_beside_what_the_report_calls_latent(tmp_path):
    write(tmp_path, "cifar10", experiment=tables.FIRST_LAYER)
    accuracies = tables.accuracies(tables.runs(tmp_path, folder=tables.FIRST_LAYER))
    line = tables.table(accuracies, "cifar10").loc[
        "latent_but_first_layer_binary_retrained_batch_norm"
    ]
    assert line["mean"] == pytest.approx(0.981)
    assert (line["report mean"], line["report std"]) == (0.5942, 0.005)


def test_no_runs_are_an_error(tmp_path):
    with pytest.raises(ExperimentError, match="approximation-viewpoint holds no finished run"):
        tables.runs(tmp_path)


def test_conclusions_give_the_numbers(accuracies):
    told = tables.conclusions(accuracies)
    assert "Binary weights reach 96.00 %" in told
    assert "latent weights are +0.20 points" in told
    assert "no difference that so many runs can show" in told
