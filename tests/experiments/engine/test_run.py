"""Series of runs, and what their commands do and say."""

import dataclasses

import pytest
import typer
from typer.testing import CliRunner

from experiments import data, options
from experiments.cli import app
from experiments.engine.run import Run, run_series
from experiments.engine.settings import Settings
from experiments.errors import ExperimentError
from tests.experiments.command import read, rows
from tests.experiments.images import random_images

SETTINGS = Settings(experiment="letters", dataset="digits", preset="quick", epochs=3, batch_size=8)


def letters(worked, stop_at=None):
    """Three runs that note when they are at work."""

    def run(letter):
        def measure(settings, images, here):
            worked.append(letter)
            if letter == stop_at:
                raise KeyboardInterrupt
            here.seconds = 1.25
            return {"accuracy": 0.5, "letter": letter}

        return Run(SETTINGS, SETTINGS, measure)

    return {letter: run(letter) for letter in "abc"}


def test_each_run_has_a_folder(tmp_path, capsys):
    run_series(letters([]), out=tmp_path)
    for letter in "abc":
        assert read(tmp_path / letter, "result.json")["letter"] == letter
        assert read(tmp_path / letter, "config.json")["wall_time_seconds"] == 1.2
    assert "run 2 of 3, b" in capsys.readouterr().out


def test_finished_runs_are_skipped_and_the_rest_run(tmp_path, capsys):
    worked = []
    with pytest.raises(KeyboardInterrupt):
        run_series(letters(worked, stop_at="b"), out=tmp_path)
    assert worked == ["a", "b"]
    run_series(letters(worked), out=tmp_path)
    assert worked == ["a", "b", "b", "c"]
    assert "run 1 of 3, a: finished before" in capsys.readouterr().out


def test_overwrite_runs_all_of_them(tmp_path):
    worked = []
    for _ in range(2):
        run_series(letters(worked), only=["a"], out=tmp_path, overwrite=True)
    assert worked == ["a", "a"]


def test_only_takes_names_and_patterns(tmp_path):
    worked = []
    run_series(letters(worked), only=["c", "[ab]"], out=tmp_path)
    assert worked == ["a", "b", "c"]


def test_a_name_that_is_none_is_told(tmp_path):
    with pytest.raises(ExperimentError, match=r"No run fits d or e\*: choose among a, b, c"):
        run_series(letters([]), only=["d", "e*"], out=tmp_path)


def test_a_finished_run_with_other_settings_is_not_taken_for_this_one(tmp_path):
    run_series(letters([]), out=tmp_path)
    other = dataclasses.replace(SETTINGS, epochs=4)
    runs = {"a": dataclasses.replace(letters([])["a"], settings=other)}
    with pytest.raises(ExperimentError, match=r"a finished run .*epochs 3 there and 4 here"):
        run_series(runs, out=tmp_path)


def test_the_default_folder_names_experiment_and_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_series(letters([]))
    assert (tmp_path / "runs" / "letters-quick" / "c" / "result.json").exists()


@pytest.mark.parametrize(
    ("text", "named"),
    [("3", [3]), ("0-2", [0, 1, 2]), ("7,0-2,1", [7, 0, 1, 2]), ("10-10", [10])],
)
def test_seeds_are_numbers_and_ranges(text, named):
    assert options.seeds(text) == named


@pytest.mark.parametrize("text", ["", "a", "-1", "1-", "5-2", "1,,2", "1.5", "0 - 3"])
def test_what_names_no_seeds_is_refused(text):
    with pytest.raises(typer.BadParameter):
        options.seeds(text)


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["approximation-viewpoint", "--seeds", "first"], ["--seeds", "names no seeds"]),
        (["approximation-viewpoint", "--seeds", "5-2"], ["ends before it begins"]),
        (["approximation-viewpoint", "--dataset", "digits"], ["digits", "mnist"]),
        (["learning-rate", "--preset", "paper"], ["paper", "report"]),
        (["learning-rate", "--only", "adam"], ["No run fits adam", "mnist-uniform_adam_0.01"]),
        (["hyperparameters", "--only", "gamma-1"], ["gamma-0.01-threshold-1e-06"]),
        (["hyperparameters", "--preset", "long"], ["long", "short"]),
        (["cifar10", "--gamma-decay-epochs", "0"], ["--gamma-decay-epochs", "1"]),
    ],
)
def test_bad_options_are_named(tmp_path, arguments, words):
    refused = invoke(*arguments, "--out", tmp_path / "run")
    assert refused.exit_code == 2
    for word in words:
        assert word in refused.output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("command", "shape", "names", "columns"),
    [
        (
            ["approximation-viewpoint", "--seeds", "4", "--dataset", "mnist"],
            (18, 18, 1),
            ["mnist-seed-4"],
            ["epoch", "phase"],
        ),
        (
            ["learning-rate", "--only", "*-glorot_sgd_1"],
            (18, 18, 1),
            ["cifar10-glorot_sgd_1", "mnist-glorot_sgd_1"],
            ["epoch", "loss"],
        ),
        (
            ["hyperparameters", "--filters", "2", "--only", "gamma-0.1-*"],
            (8, 8, 3),
            ["gamma-0.1-threshold-1e-05"],
            ["epoch", "loss"],
        ),
    ],
)
def test_a_command_leaves_its_folders(tmp_path, monkeypatch, command, shape, names, columns):
    monkeypatch.setattr(data, "load", lambda *_: random_images(n=60, shape=shape))
    done = invoke(*command, "--epochs", "1", "--limit", "40", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name in names:
        assert read(tmp_path / name, "config.json")["settings"]["limit"] == 40
        assert list(rows(tmp_path / name)[0])[:2] == columns
    assert (
        "finished before"
        in invoke(*command, "--epochs", "1", "--limit", "40", "--out", tmp_path).output
    )


def test_gamma_decay_epochs_reach_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "load", lambda *_: random_images(n=60, shape=(8, 8, 3)))
    small = ["--epochs", "2", "--gamma-decay-epochs", "1", "--filters", "2"]
    done = invoke("cifar10", "--preset", "report", *small, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert [float(row["gamma"]) for row in rows(tmp_path / "run")] == [1e-3, pytest.approx(1e-4)]
    assert read(tmp_path / "run", "config.json")["shortened"] == (
        "2 of 500 epochs, gamma decays every epoch instead of every 100, 2 of 128 filters"
    )
