import json

import pytest

from experiments.analysis import results
from experiments.errors import ExperimentError
from tests.experiments.synthetic import curve, put


@pytest.fixture
def root(tmp_path):
    for seed in (2, 0, 1):
        put(tmp_path / "some" / f"mnist-seed-{seed}", {"x": seed}, curve(3), seed=seed, epochs=3)
    (tmp_path / "some" / "mnist-seed-3").mkdir()  # Begun, not finished.
    put(tmp_path / "some" / "other", {"x": 9})
    return tmp_path


def has_three_epochs(settings):
    return settings["epochs"] == 3


def test_finished_runs_are_found_by_their_settings(root):
    runs = results.load("some", root, wanted=has_three_epochs)
    assert [run.settings["seed"] for run in runs] == [0, 1, 2]
    assert [run.result["x"] for run in runs] == [0, 1, 2]
    assert list(runs[0].history["epoch"]) == [1, 2, 3]


@pytest.mark.parametrize("experiment", ["none", "some"])
def test_no_run_is_an_error_that_says_how_to_make_one(root, experiment):
    def wanted(settings):
        return settings["epochs"] == 4

    with pytest.raises(
        ExperimentError, match=f"no finished run.*python -m experiments {experiment}"
    ):
        results.load(experiment, root, wanted=wanted)
    assert results.load(experiment, root, required=False, wanted=wanted) == []


@pytest.mark.parametrize("name", ["config.json", "result.json"])
def test_a_damaged_file_is_named(root, name):
    (root / "some" / "other" / name).write_text("{")
    with pytest.raises(ExperimentError, match=rf"other/{name} cannot be read"):
        results.load("some", root=root)


def test_a_missing_file_of_rows_is_named(root):
    run = results.load("some", root)[-1]
    with pytest.raises(ExperimentError, match=r"other/history\.csv cannot be read: no such file"):
        _ = run.history


def test_caption_tells_what_was_run(root):
    told = results.caption(results.load("some", root, wanted=has_three_epochs))
    assert told == (
        "3 runs, 3 epochs, float32, seeds 0 to 2, a processor, 2 cores, 2026-11-24, "
        "4.5 min in all. python -m experiments test"
    )


def test_caption_begins_with_what_is_missing_of_the_protocol(tmp_path):
    short = "1 of 6 epochs"
    put(tmp_path / "some" / "run", {}, shortened=short, epochs=1, seed=5, command="quick")
    runs = results.load("some", root=tmp_path)
    told = results.caption(runs)
    assert told.startswith(f"Shortened: {short}. 1 run, 1 epoch, float32, seed 5, ")
    assert results.shortenings(runs) == [short]


def test_caption_names_seeds_with_gaps_an_accelerator_and_many_commands(tmp_path):
    for seed in (0, 2, 7):
        folder = tmp_path / "some" / str(seed)
        put(folder, {}, seed=seed, command=f"run-{seed}")
        config = json.loads((folder / "config.json").read_text())
        config["hardware"]["devices"] = ["gpu:0"]
        config["date"] = f"2026-11-{24 + seed}T10:00:00"
        (folder / "config.json").write_text(json.dumps(config))
    told = results.caption(results.load("some", root=tmp_path))
    assert "seeds 0, 2, 7, a processor, 2 cores, gpu:0, 2026-11-24 to 2026-11-31" in told
    assert told.endswith("python -m experiments run-0; python -m experiments run-2 ...")


@pytest.mark.parametrize(
    ("seconds", "told"), [(5.4, "5 s"), (119, "119 s"), (150, "2.5 min"), (9000, "2.5 h")]
)
def test_duration(seconds, told):
    assert results.duration(seconds) == told


def test_percent_of_nothing_is_a_dash():
    assert results.percent(0.9876, 1) == "98.8 %"
    assert results.percent(float("nan")) == results.NOTHING


def test_the_caption_tells_where_a_run_departs_from_its_source(tmp_path):
    put(tmp_path / "x" / "one", {}, note="Another network.")
    put(tmp_path / "x" / "two", {}, note="Another network.")
    told = results.caption(results.load("x", root=tmp_path))
    assert told.startswith("Another network. 2 runs")


def test_what_an_old_record_lacks_is_told(tmp_path):
    put(tmp_path / "x" / "one", {})
    path = tmp_path / "x" / "one" / "config.json"
    config = json.loads(path.read_text())
    del config["shortened"]
    path.write_text(json.dumps(config))
    runs = results.load("x", root=tmp_path)
    assert results.shortenings(runs) == ["not recorded"]
    assert results.caption(runs).startswith("Shortened: not recorded. 1 run")
