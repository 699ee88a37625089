import contextlib
import datetime
import fcntl
import gzip
import importlib
import json
import os
import re
import subprocess
import sys

import keras
import pytest

from experiments.cifar10 import runs as cifar10
from experiments.engine import opening
from experiments.engine.folder import COMPRESSED_STEPS, HISTORY, RunFolder
from experiments.errors import ExperimentError
from tests.experiments.command import ROOT

SETTINGS = cifar10.settings("quick")


def test_a_folder_has_one_run_at_work(tmp_path):
    path = tmp_path / "run"
    with (
        opening.opened(path, SETTINGS, overwrite=False),
        pytest.raises(ExperimentError, match="Another process is at work"),
        opening.opened(path, SETTINGS, overwrite=True),
    ):
        pass


def test_a_run_that_came_to_nothing_leaves_no_folder(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(KeyError), opening.opened(path, SETTINGS, overwrite=False):
        raise KeyError
    assert not path.exists()


def test_the_backends_version_is_told_whatever_its_package_is_called(tmp_path, monkeypatch):
    def not_found(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", not_found)
    with opening.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        opened.write_config(SETTINGS, "somewhere")
    backend = keras.backend.backend()
    versions = json.loads((tmp_path / "config.json").read_text())["versions"]
    assert versions[backend] == importlib.import_module(backend).__version__


def test_equal_settings_go_on(tmp_path):
    with opening.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        opened.write_config(SETTINGS, "somewhere")
    with opening.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        assert json.loads((tmp_path / "config.json").read_text())["data"] == "somewhere"


@pytest.mark.parametrize("option", [{"gamma": 0.5}, {"epochs": 3}, {"dtype_policy": "bfloat16"}])
def test_changed_settings_are_named(tmp_path, option):
    with opening.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        opened.write_config(SETTINGS, "somewhere")
    ((name, value),) = option.items()
    told = f"{name} {getattr(SETTINGS, name)} there and {value} here"
    changed = SETTINGS.with_options(**option)
    with (
        pytest.raises(ExperimentError, match=told),
        opening.opened(tmp_path, changed, overwrite=False),
    ):
        pass
    with opening.opened(tmp_path, changed, overwrite=True):
        assert not (tmp_path / "config.json").exists()


@pytest.mark.parametrize("content", ["", '{"settings": {', '{"other": 1}', "[]"])
def test_a_damaged_config_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with (
        pytest.raises(ExperimentError, match=r"config\.json is damaged.*--overwrite"),
        opening.opened(tmp_path, SETTINGS, overwrite=False),
    ):
        pass


def test_leftovers_of_a_kill_do_not_count_as_foreign(tmp_path):
    for name in ("config.json.tmp", "partial-model.keras", ".lock"):
        (tmp_path / name).write_text("half")
    with opening.opened(tmp_path, SETTINGS, overwrite=False) as opened:
        assert opened.path == tmp_path


def test_the_history_is_csv_with_exact_numbers(tmp_path):
    rows = [{"epoch": 1, "loss": 0.1 + 0.2, "flips": 3}, {"epoch": 2, "loss": 1e-9, "flips": 0}]
    RunFolder(tmp_path).write_rows(HISTORY, rows)
    text = (tmp_path / "history.csv").read_text()
    assert text == "epoch,loss,flips\n1,0.30000000000000004,3\n2,1e-09,0\n"


def test_compressed_rows_are_the_same_bytes_each_time_and_come_back(tmp_path):
    rows = [{"step": 1, "accuracy": 0.5}, {"step": 2, "accuracy": 0.25}]
    here = RunFolder(tmp_path)
    here.write_rows(COMPRESSED_STEPS, rows)
    written = (tmp_path / "steps.csv.gz").read_bytes()
    here.write_rows(COMPRESSED_STEPS, rows)
    assert (tmp_path / "steps.csv.gz").read_bytes() == written
    assert gzip.decompress(written) == b"step,accuracy\n1,0.5\n2,0.25\n"
    back = here.read_rows(COMPRESSED_STEPS)
    assert back == [{"step": "1", "accuracy": "0.5"}, {"step": "2", "accuracy": "0.25"}]


@pytest.mark.parametrize("content", [None, b"no gzip", gzip.compress(b"step\n1\n")[:-9]])
def test_rows_that_cannot_be_read_are_named(tmp_path, content):
    if content is not None:
        (tmp_path / "steps.csv.gz").write_bytes(content)
    with pytest.raises(ExperimentError, match=r"steps\.csv\.gz cannot be read .*--overwrite"):
        RunFolder(tmp_path).read_rows(COMPRESSED_STEPS)


def test_config_says_when_and_how_long(tmp_path):
    here = RunFolder(tmp_path)
    here.write_config(SETTINGS, "somewhere", "5 of 500 epochs", 12.34)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["shortened"] == "5 of 500 epochs"
    assert config["wall_time_seconds"] == 12.3
    now = datetime.datetime.now(datetime.UTC)
    assert abs(now - datetime.datetime.fromisoformat(config["date"])).total_seconds() < 60


def test_the_config_names_the_commit(tmp_path, monkeypatch):
    def named():
        with opening.opened(tmp_path, SETTINGS, overwrite=False) as here:
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
    with opening.opened(tmp_path, SETTINGS, overwrite=False) as here:
        here.write_config(SETTINGS, "somewhere")
    config = json.loads((tmp_path / "config.json").read_text())
    del config["settings"]["gamma_schedule"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    opening.require_equal_settings(tmp_path, SETTINGS)
    config["settings"]["gamma_schedule"] = "cosine"
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ExperimentError, match="gamma_schedule cosine there and step here"):
        opening.require_equal_settings(tmp_path, SETTINGS)


def test_a_refused_opening_leaves_the_lock(tmp_path):
    def open_it():
        return opening.opened(tmp_path, SETTINGS, overwrite=False)

    with open_it():
        for _ in range(2):
            with pytest.raises(ExperimentError, match="Another process"), open_it():
                pass
            assert (tmp_path / ".lock").exists()
    assert not (tmp_path / ".lock").exists()
    with open_it():
        pass


def test_a_lock_whose_file_is_gone_keeps_nobody_out_and_is_taken_anew(tmp_path, monkeypatch):
    flock, gone = fcntl.flock, []

    def late(handle, how):
        # The holder before removes the file between our opening and our locking it.
        if not gone:
            gone.append((tmp_path / ".lock").unlink())
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with opening.opened(tmp_path, SETTINGS, overwrite=False):
        assert gone
        with (
            pytest.raises(ExperimentError, match="Another process"),
            opening.opened(tmp_path, SETTINGS, overwrite=False),
        ):
            pass


@pytest.mark.slow
def test_of_three_processes_one_is_at_work(tmp_path):
    code = (
        "import sys; from pathlib import Path; from experiments.cifar10 import runs\n"
        "from experiments.engine import opening\n"
        "with opening.opened(Path(sys.argv[1]), runs.settings('quick'), overwrite=False):\n"
        "    print('in', flush=True); sys.stdin.readline()"
    )

    def start():
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-c", code, str(tmp_path / "run")]
        return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)

    first = start()
    assert first.stdout.readline() == "in\n"
    others = [start(), start()]
    for other in others:
        out, err = other.communicate(timeout=120)
        assert (other.returncode, out) == (1, "")
        assert "Another process is at work" in err
    assert (tmp_path / "run" / ".lock").exists()
    assert first.communicate("\n", timeout=120)[0] == ""
    assert first.returncode == 0
    last = start()
    assert last.communicate("\n", timeout=120)[0] == "in\n"


HOSTILE = {
    "a folder": lambda path: (path.mkdir(), (path / "x").write_text("x")),
    "a FIFO": os.mkfifo,
    "a link to nothing": lambda path: path.symlink_to("nothing/at/all"),
    "a link to itself": lambda path: path.symlink_to(path),
}


HARMLESS = {
    ("config.json", "a link to nothing"),
    ("config.json", "a link to itself"),
    (".lock", "a FIFO"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", ["config.json", "steps.csv", ".lock"])
def test_what_is_no_file_is_told_in_no_time(tmp_path, name, kind):
    with opening.opened(tmp_path, SETTINGS, overwrite=False) as here:
        here.write_config(SETTINGS, "somewhere")
        here.write_rows("steps.csv", [{"step": 1}])
    (tmp_path / name).unlink(missing_ok=True)
    HOSTILE[kind](tmp_path / name)
    told = pytest.raises(ExperimentError, match=re.escape(str(tmp_path)))
    with (
        contextlib.nullcontext() if (name, kind) in HARMLESS else told,
        opening.opened(tmp_path, SETTINGS, overwrite=False) as here,
    ):
        here.read_rows("steps.csv")


def test_a_name_that_is_too_long_is_told(tmp_path):
    with (
        pytest.raises(ExperimentError, match="name too long"),
        opening.opened(tmp_path / (300 * "x"), SETTINGS, overwrite=False),
    ):
        pass
