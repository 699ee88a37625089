"""Figure 3 from invented runs."""

import numpy as np

from experiments.cifar10 import figure, reported, tables
from tests.experiments.synthetic import curve, put


def write(root, name, preset, epochs=10, decay=100, gamma=1e-3, threshold=1e-7, **options):
    history = {**curve(epochs), "flips": np.arange(epochs)[::-1]}
    history["gamma"] = gamma * 0.1 ** (np.arange(epochs) // decay)
    if preset != "paper":
        history["val_accuracy"] = history["accuracy"]
    result = {
        "test_accuracy": 0.8,
        "tested_epoch": epochs,
        "epochs": epochs,
        "flips": int(history["flips"].sum()),
        "binary_weights": 14_022_016,
    }
    put(
        root / "cifar10" / name,
        result,
        history,
        preset=preset,
        gamma=gamma,
        threshold=threshold,
        filters=128,
        epochs=epochs,
        gamma_decay_epochs=decay,
        **options,
    )


def test_quick_runs_are_shown_only_where_there_is_no_other(tmp_path):
    write(tmp_path, "quick", "quick")
    assert [run.path.name for run in tables.runs(tmp_path)] == ["quick"]
    write(tmp_path, "report", "report")
    assert [run.path.name for run in tables.runs(tmp_path)] == ["report"]


def test_each_protocol_stands_beside_its_numbers(tmp_path):
    write(tmp_path, "report", "report")
    write(tmp_path, "paper", "paper", gamma=1e-4, threshold=1e-8)
    runs = tables.runs(tmp_path)
    table = tables.table(runs)
    assert table.loc["report", "the report"] == 0.8867
    assert np.isnan(table.loc["report", "the paper"])
    assert table.loc["paper", ["the report", "the paper"]].tolist() == [0.8696, 0.913]
    told = tables.conclusions(runs)
    assert "-8.67 points from the report's 88.7 %" in told
    assert "-11.30 points from the paper's 91.3 %" in told
    assert len(figure.draw(runs).axes) == 4


def test_each_gamma_has_its_flips_and_the_accuracy_at_its_end(tmp_path):
    write(tmp_path, "report", "report", epochs=10, decay=4)
    write(tmp_path, "paper", "paper", epochs=4, gamma=1e-4)
    stages = tables.stages(tables.runs(tmp_path))
    report = stages.loc["report"]
    np.testing.assert_allclose(report.index, [1e-3, 1e-4, 1e-5])
    assert report["epoch"].tolist() == [4, 8, 10]
    assert report["flips in an epoch"].tolist() == [7.5, 3.5, 0.5]
    accuracy = np.linspace(0.1, 0.5, 10)[[3, 7, 9]]
    np.testing.assert_allclose(report["training accuracy"], accuracy)
    np.testing.assert_allclose(report["validation accuracy"], accuracy)
    assert stages.loc["paper", "validation accuracy"].isna().all()


def test_the_reports_points_end_where_the_run_does(tmp_path):
    write(tmp_path, "report", "report", epochs=30)
    (run,) = tables.runs(tmp_path)
    points = tables.reported(run)
    assert dict(points) == dict(zip((5, 15, 25), reported.FIGURE3[:3], strict=True))


def test_the_reports_points_are_squeezed_as_the_decay_of_gamma(tmp_path):
    write(tmp_path, "short", "report", epochs=10, decay=4, shortened="10 of 500 epochs")
    (run,) = tables.runs(tmp_path)
    points = tables.reported(run)
    np.testing.assert_allclose(points.index[:2], [0.2, 0.6])
    assert points.index[-1] <= 10
    accuracy = figure.draw([run]).axes[0]
    labels = accuracy.get_legend_handles_labels()[1]
    assert "the report's validation, 25 of its epochs in one" in labels
    assert "It is a shortened run: 10 of 500 epochs." in tables.conclusions([run])


def test_other_hyperparameters_have_no_points_of_the_report(tmp_path):
    write(tmp_path, "paper", "paper", gamma=1e-4, threshold=1e-8)
    (run,) = tables.runs(tmp_path)
    assert not tables.is_the_reports(run)
    labels = figure.draw([run]).axes[0].get_legend_handles_labels()[1]
    assert not any("validation" in label for label in labels)
