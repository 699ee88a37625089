import csv
import gzip

import pytest

from experiments import quickstart
from experiments.engine.checkpoint import Checkpoints
from experiments.engine.folder import RunFolder
from experiments.engine.run import run_one
from experiments.errors import ExperimentError
from experiments.hyperparameters import runs
from tests.backends import minutes_elsewhere
from tests.experiments.command import read, rows
from tests.experiments.images import random_images
from tests.experiments.runs import assert_resumes_to_the_same, interrupted

SMALL = {"epochs": 2, "batch_size": 15, "filters": 2}


@pytest.fixture(autouse=True)
def _small_network(monkeypatch):
    """Binarynet has a million weights in its dense layers, whatever its filters."""
    monkeypatch.setattr(runs.TrainingByStep, "network", quickstart.QuickstartTraining.network)


@pytest.fixture
def images():
    return random_images(n=100, shape=(8, 8, 3))


def small_run():
    return runs.runs("report", **SMALL)["gamma-0.01-threshold-1e-06"]


def steps(folder):
    with gzip.open(folder / "steps.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def test_the_nine_settings_are_those_of_the_figure_and_of_the_text():
    made = runs.runs("report")
    assert set(made) == {
        "gamma-0.01-threshold-1e-06",
        "gamma-0.001-threshold-1e-06",
        "gamma-0.0001-threshold-1e-06",
        "gamma-0.001-threshold-0",
        "gamma-0.001-threshold-1e-05",
        "gamma-0.1-threshold-1e-05",
        "gamma-0.01-threshold-1e-05",
        "gamma-0.01-threshold-0",
        "gamma-0.01-threshold-0.0001",
    }
    for name, each in made.items():
        settings = each.settings
        assert name == f"gamma-{settings.gamma:g}-threshold-{settings.threshold:g}"
        assert (settings.epochs, settings.filters, settings.batch_size) == (100, 128, 50)
        assert (settings.gamma_decay, settings.learning_rate) == (1.0, 0.01)
        assert (settings.augment, settings.validation_share) == (True, 0.1)
        assert settings.patience is None


def test_every_step_is_written_down(tmp_path, images):
    result = run_one(small_run(), images, tmp_path)
    written, history = steps(tmp_path), rows(tmp_path)
    # 90 of 100 images are 6 batches of 15.
    assert [int(row["step"]) for row in written] == list(range(1, 13))
    for epoch, row in enumerate(history):
        of_epoch = written[6 * epoch : 6 * epoch + 6]
        assert sum(int(step["flips"]) for step in of_epoch) == int(row["flips"])
        right = [15 * float(step["accuracy"]) for step in of_epoch]
        assert right == pytest.approx([round(count) for count in right])
        assert sum(right) / 90 == pytest.approx(float(row["accuracy"]), abs=1e-6)
    assert [float(row["gamma"]) for row in history] == [0.01, 0.01]
    assert result["flips"] == sum(int(row["flips"]) for row in history)
    assert result["binary_weights"] > 0
    assert read(tmp_path, "config.json")["shortened"] == "2 of 100 epochs, 2 of 128 filters"


@pytest.mark.slow
@minutes_elsewhere
def test_an_interrupted_run_resumes_with_all_its_steps(tmp_path, images):
    assert_resumes_to_the_same(
        small_run(),
        images,
        tmp_path,
        (Checkpoints, "save", 1),
        # The second epoch's steps are written here, but no checkpoint knows of them.
        (Checkpoints, "save", 2),
        (RunFolder, "write_rows", 1),
    )


def test_a_run_without_its_steps_does_not_go_on(tmp_path, images):
    with interrupted(Checkpoints, "save", 2), pytest.raises(KeyboardInterrupt):
        run_one(small_run(), images, tmp_path)
    (tmp_path / "steps.csv.gz").unlink()
    with pytest.raises(ExperimentError, match=r"steps\.csv\.gz cannot be read.*--overwrite"):
        run_one(small_run(), images, tmp_path)
