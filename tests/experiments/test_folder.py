import datetime
import gzip
import importlib
import json
import re

import keras
import pytest

from experiments import cifar10, folder
from experiments.errors import ExperimentError

SETTINGS = cifar10.settings("quick")


def test_a_folder_has_one_run_at_work(tmp_path):
    path = tmp_path / "run"
    with (
        folder.opened(path, SETTINGS, overwrite=False),
        pytest.raises(ExperimentError, match="Another process is at work"),
        folder.opened(path, SETTINGS, overwrite=True),
    ):
        pass


def test_a_run_that_came_to_nothing_leaves_no_folder(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KeyError), folder.opened(path, SETTINGS, overwrite=False):
        raise KeyError
    assert not path.exists()


def test_the_backends_version_is_told_whatever_its_package_is_called(tmp_path, monkeypatch):
    def not_found(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", not_found)
    with folder.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        opened.write_config(SETTINGS, "somewhere")
    backend = keras.backend.backend()
    versions = json.loads((tmp_path / "config.json").read_text())["versions"]
    assert versions[backend] == importlib.import_module(backend).__version__


def test_equal_settings_go_on(tmp_path):
    with folder.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        opened.write_config(SETTINGS, "somewhere")
    with folder.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        assert json.loads((tmp_path / "config.json").read_text())["data"] == "somewhere"


@pytest.mark.parametrize("option", [{"gamma": 0.5}, {"epochs": 3}, {"dtype_policy": "bfloat16"}])
def test_changed_settings_are_named(tmp_path, option):
    with folder.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        opened.write_config(SETTINGS, "somewhere")
    ((name, value),) = option.items()
    told = f"{name} {getattr(SETTINGS, name)} there and {value} here"
    changed = SETTINGS.with_options(**option)
    with (
        pytest.raises(ExperimentError, match=told),
        folder.opened(tmp_path, changed, overwrite=False),
    ):
        pass
    with folder.opened(tmp_path, changed, overwrite=True):
        assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize("content", ["", '{"settings": {', '{"other": 1}', "[]"])
def test_a_damaged_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with (
        pytest.raises(ExperimentError, match=r"config\.json is damaged.*--overwrite"),
        folder.opened(tmp_path, SETTINGS, overwrite=False),
    ):
        pass


def test_leftovers_of_a_kill_do_not_count_as_foreign(tmp_path):
    for name in ("config.json.tmp", "partial-model.keras", ".lock"):
        (tmp_path / name).write_text("half")
    with folder.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        assert opened.path == tmp_path


def test_the_history_is_csv_with_exact_numbers(tmp_path):
    rows = [{"epoch": 1, "loss": 0.1 + 0.2, "flips": 3}, {"epoch": 2, "loss": 1e-9, "flips": 0}]
    folder.RunFolder(tmp_path).write_rows(folder.HISTORY, rows)
    text = (tmp_path / "history.csv").read_text()
    assert text == "epoch,loss,flips\n1,0.30000000000000004,3\n2,1e-09,0\n"


def test_compressed_rows_are_the_same_bytes_each_time_and_come_back(tmp_path):
    rows = [{"step": 1, "accuracy": 0.5}, {"step": 2, "accuracy": 0.25}]
    here = folder.RunFolder(tmp_path)
    here.write_rows(folder.COMPRESSED_STEPS, rows)
    written = (tmp_path / "steps.csv.gz").read_bytes()
    here.write_rows(folder.COMPRESSED_STEPS, rows)
    assert (tmp_path / "steps.csv.gz").read_bytes() == written
    assert gzip.decompress(written) == b"step,accuracy\n1,0.5\n2,0.25\n"
    back = here.read_rows(folder.COMPRESSED_STEPS)
    assert back == [{"step": "1", "accuracy": "0.5"}, {"step": "2", "accuracy": "0.25"}]


@pytest.mark.parametrize("content", [None, b"no gzip", gzip.compress(b"step\n1\n")[:-9]])
def test_rows_that_cannot_be_read_are_named(tmp_path, content):
    if content is not None:
        (tmp_path / "steps.csv.gz").write_bytes(content)
    with pytest.raises(ExperimentError, match=r"steps\.csv\.gz cannot be read .*--overwrite"):
        folder.RunFolder(tmp_path).read_rows(folder.COMPRESSED_STEPS)


def test_config_says_when_and_how_long(tmp_path):
    here = folder.RunFolder(tmp_path)
    here.write_config(SETTINGS, "somewhere", "5 of 500 epochs", 12.34)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["shortened"] == "5 of 500 epochs"
    assert config["wall_time_seconds"] == 12.3
    now = datetime.datetime.now(datetime.UTC)
    assert abs(now - datetime.datetime.fromisoformat(config["date"])).total_seconds() < 60


def test_the_config_names_the_commit(tmp_path, monkeypatch):
    def named():
        with folder.opened(tmp_path, SETTINGS, overwrite=False) as here:
            here.write_config(SETTINGS, "somewhere")
        return json.loads((tmp_path / "config.json").read_text())["commit"]

    monkeypatch.delenv("LARQ_BOP_COMMIT", raising=False)
    told = named()
    assert told is None or re.fullmatch("[0-9a-f]{40}(-dirty)?", told)
    monkeypatch.setenv("LARQ_BOP_COMMIT", "abc")
    assert named() == "abc"
    monkeypatch.delenv("LARQ_BOP_COMMIT")
    monkeypatch.setenv("PATH", str(tmp_path))  # No git.
    assert named() is None


def test_a_run_from_before_a_setting_existed_is_known_again(tmp_path):
    with folder.opened(tmp_path, SETTINGS, overwrite=False) as here:
        here.write_config(SETTINGS, "somewhere")
    config = json.loads((tmp_path / "config.json").read_text())
    del config["settings"]["gamma_schedule"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    folder.require_equal_settings(tmp_path, SETTINGS)
    config["settings"]["gamma_schedule"] = "cosine"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ExperimentError, match="gamma_schedule cosine there and step here"):
        folder.require_equal_settings(tmp_path, SETTINGS)
