"""The Markdown tables: from invented runs, and those of this repository from the raw files."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from experiments import summary
from experiments.analysis import markdown
from experiments.analysis.results import DATASETS, RESULTS
from experiments.approximation_viewpoint.tables import (
    ALL_KINDS,
    FIRST_LAYER,
    KINDS,
    REPORT_KINDS,
)
from tests.experiments.approximation_viewpoint.test_tables import f_by_definition
from tests.experiments.approximation_viewpoint.test_tables import write as write_approximation
from tests.experiments.cifar10.test_tables import write as write_cifar10
from tests.experiments.hyperparameters.test_tables import write as write_hyperparameters
from tests.experiments.learning_rate.test_tables import write as write_learning_rate
from tests.experiments.learning_rate.test_tables import write_scaling

REPRODUCTION = Path(__file__).parents[2] / "docs" / "reproduction.md"


def cells(table):
    return [[c.strip() for c in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


@pytest.fixture
def root(tmp_path):
    write_approximation(tmp_path, "mnist", kinds=ALL_KINDS)
    write_approximation(tmp_path, "mnist", seeds=2, experiment=FIRST_LAYER)
    write_learning_rate(tmp_path, "cifar10", "glorot_sgd_1", 100)
    write_scaling(tmp_path, "mnist", exact=[0, 0, 0, 0])
    write_hyperparameters(tmp_path, 1e-2, 1e-6, [9, 9, 9, 9])
    write_hyperparameters(tmp_path, 1e-4, 1e-6, [1, 1, 1, 1])
    write_cifar10(tmp_path, "short", "report", decay=4, shortened="10 of 500 epochs")
    return tmp_path


def test_main_table_has_our_number_the_reports_and_the_papers(root):
    rows = {row[0]: row[1:] for row in cells(summary.main_table(root))}
    assert rows["Table 1, MNIST: binary weights"] == [
        "96.00 ± 0.82 %",
        "96.63 ± 1.80 %",
        "—",
        "4 runs, 6 epochs, float32",
    ]
    assert rows["Table 1, MNIST: latent less binary weights, both retrained"][0].startswith(
        "+0.20 points, t test p = 0.1"
    )
    key = "Table 1, MNIST: latent weights but in the first layer, batch norm retrained"
    assert rows[key] == ["98.00 ± 0.14 %", "98.07 ± 0.13 %", "—", "2 runs, 6 epochs, float32"]
    key = "Figure 1, CIFAR-10: Glorot, SGD 1, training accuracy after epoch 100"
    assert rows[key][:3] == ["50.00 %", "65.45 %", "—"]
    key = "Figure 2, gamma 0.01 / 0.0001 at threshold 1e-06: median of pi in the last epoch"
    assert rows[key][:2] == ["-4.71 / -6.91", "-9.85 / -15.76"]
    assert rows["Figure 3, report protocol, `short`: test accuracy"] == [
        "80.0 %",
        "88.7 %",
        "—",
        "1 run, 10 epochs, float32; **shortened**: 10 of 500 epochs",
    ]


def test_main_table_of_nothing_has_no_rows(tmp_path):
    assert cells(summary.main_table(tmp_path)) == []


def test_runs_table_lists_every_command_with_hardware_and_wall_time(root):
    rows = cells(summary.runs_table(root))
    assert rows[0] == [
        "[approximation-viewpoint](approximation-viewpoint), 4 runs",
        "`python -m experiments test`",
        "no",
        "a processor, 2 cores",
        "6.0 min",
    ]
    assert rows[1][0].endswith("-first-layer), 2 runs")
    assert rows[2][0] == "[cifar10/short](cifar10/short)"
    assert rows[2][2] == "10 of 500 epochs"
    assert len(rows) == 5


def test_a_table_is_put_between_the_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{markdown.BEGIN}\nold\n{markdown.END}\nafter\n")
    markdown.put_between_markers(path, "new")
    markdown.put_between_markers(path, "newer")
    assert path.read_text() == f"before\n{markdown.BEGIN}\n\nnewer\n\n{markdown.END}\nafter\n"
    assert markdown.between_markers(path.read_text()) == "newer"


def test_a_file_without_markers_is_left_alone(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("text\n")
    with pytest.raises(ValueError, match="results: begin"):
        markdown.put_between_markers(path, "new")
    assert path.read_text() == "text\n"


@pytest.mark.parametrize(
    ("path", "table"),
    [(REPRODUCTION, summary.main_table), (RESULTS / "README.md", summary.runs_table)],
    ids=["main table", "runs on record"],
)
def test_the_tables_of_this_repository_come_from_its_results(path, table):
    """If it fails: `python -m experiments.summary` brings them up to date."""
    assert markdown.between_markers(path.read_text()) == table()


APART = "latent_but_first_layer_binary_retrained_batch_norm"


def committed_accuracies():
    """Table 1's accuracies by data set and kind, read without the code that is tested.

    One kind comes from a folder of its own, in which all others were measured again.
    """
    found = {}
    for path in sorted(RESULTS.glob("approximation-viewpoint*/*-seed-*/result.json")):
        dataset = path.parent.name.split("-")[0]
        for kind, accuracy in json.loads(path.read_text()).items():
            if (kind == APART) == (path.parents[1].name == "approximation-viewpoint-first-layer"):
                found.setdefault(dataset, {}).setdefault(kind, []).append(accuracy)
    return found


def test_table_1_of_all_results_is_that_of_the_raw_files():
    table = markdown.between_markers(REPRODUCTION.read_text())
    rows = {row[0]: row[1] for row in cells(table)}
    for dataset, kinds in committed_accuracies().items():
        what = f"Table 1, {DATASETS[dataset]}"
        # The kind that was measured apart was so on CIFAR-10 only.
        lacking = {APART} if dataset == "mnist" else set()
        assert set(kinds) == set(KINDS) - lacking
        for kind, accuracies in kinds.items():
            values = 100 * np.array(accuracies)
            label = " ".join(KINDS[kind].label.split())
            told = rows[f"{what}: {label}"]
            mean, deviation = map(float, re.findall(r"[\d.]+", told))
            assert mean == pytest.approx(values.mean(), abs=0.00501)
            squares = ((values - values.mean()) ** 2).sum()
            assert deviation == pytest.approx(np.sqrt(squares / (len(values) - 1)), abs=0.00501)
        for name, compared in (
            ("over three kinds", REPORT_KINDS),
            ("with the control", ALL_KINDS),
        ):
            groups = [kinds[kind] for kind in compared]
            freedom = len(groups) - 1, sum(map(len, groups)) - len(groups)
            p = stats.f.sf(f_by_definition(*groups), *freedom)
            assert float(rows[f"{what}: ANOVA {name}, p"]) == pytest.approx(p, rel=0.01)


def test_every_result_on_record_is_of_the_length_that_it_claims():
    for path in RESULTS.glob("*/*/result.json"):
        config = json.loads((path.parent / "config.json").read_text())
        with open(path.parent / "history.csv", newline="") as file:
            epochs = len(list(csv.DictReader(file)))
        result = json.loads(path.read_text())
        assert epochs >= result.get("epochs", 1), path
        assert config["wall_time_seconds"] > 0, path
