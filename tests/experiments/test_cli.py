"""What the commands do and say, in this process: `test_survival.py` has the real processes."""

import errno
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import larq_bop
from experiments import data, terminal
from experiments.cli import app
from experiments.engine import single
from tests.backends import BACKEND, to_numpy
from tests.experiments.command import ROOT, read, rows

on_the_default_backend = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="files and terminals are the same on every backend"
)

SMALL = ["--epochs", "2", "--filters", "4", "--batch-size", "100"]


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A small finished quickstart."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    done = invoke("quickstart", *SMALL, "--out", folder, "--seed", "7")
    assert done.exit_code == 0, done.output
    return folder, done.output


def test_a_run_leaves_what_it_promises(finished):
    folder, _ = finished
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "history.csv", "result.json", "model.keras", "picture.png"}


def test_config_tells_what_was_run(finished):
    config = read(finished[0], "config.json")
    assert config["settings"]["seed"] == 7
    assert config["settings"]["epochs"] == 2
    assert config["versions"]["keras"] == keras.__version__
    assert config["versions"]["backend"] == keras.backend.backend()
    assert config["hardware"]["cores"] == os.cpu_count()
    assert config["data"].startswith("scikit-learn")
    assert config["wall_time_seconds"] > 0


def test_history_has_a_row_an_epoch(finished):
    history = rows(finished[0])
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert all(0 <= float(row["val_accuracy"]) <= 1 for row in history)
    assert int(history[0]["flips"]) > 0
    assert [row["gamma"] for row in history] == ["0.01", "0.01"]


def test_the_saved_model_has_the_accuracy_of_the_result(finished):
    folder, output = finished
    model = keras.models.load_model(folder / "model.keras")
    digits = data.load("digits")
    scores = model.predict(digits.test_images / np.float32(127.5) - 1, verbose=0)
    accuracy = np.mean(scores.argmax(axis=1) == digits.test_labels)
    result = read(folder, "result.json")
    assert result["test_accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert f"{accuracy:.2%}" in output


def test_the_saved_weights_are_binary_and_counted(finished):
    folder, _ = finished
    weights = keras.models.load_model(folder / "model.keras").weights
    binary = [to_numpy(w) for w in weights if larq_bop.Bop.is_binary_variable(w)]
    assert set(np.unique(np.concatenate([w.ravel() for w in binary]))) == {-1.0, 1.0}
    # 3x3 kernels 1 -> 4 -> 8 -> 8, then 2 x 2 x 8 = 32 -> 16 -> 10.
    count = 9 * (4 + 4 * 8 + 8 * 8) + 32 * 16 + 16 * 10
    result = read(folder, "result.json")
    assert result["binary_weights"] == count == sum(w.size for w in binary)
    # Batch normalization has an offset and two statistics for each of its channels.
    assert result["other_weights"] == 3 * (4 + 8 + 8 + 16 + 10)
    assert result["bytes_in_float32"] == 4 * (count + 138)
    assert result["bytes_with_1_bit_weights"] == 197 + 4 * 138  # 1,572 bits


def test_the_last_lines_say_where_the_files_are(finished):
    folder, output = finished
    assert f"model    {folder / 'model.keras'}" in output
    assert f"picture  {folder / 'picture.png'}" in output


def test_a_finished_run_is_not_overwritten_unasked(finished):
    folder, _ = finished
    before = (folder / "result.json").read_bytes()
    refused = invoke("quickstart", *SMALL, "--out", folder)
    assert refused.exit_code == 2
    assert "holds a finished run" in refused.output
    assert (folder / "result.json").read_bytes() == before


@on_the_default_backend
def test_overwrite_begins_anew_and_keeps_other_files(tmp_path):
    folder = tmp_path / "run"
    assert invoke("quickstart", *SMALL, "--out", folder).exit_code == 0
    (folder / "notes.txt").write_text("mine")
    done = invoke("quickstart", *SMALL, "--seed", "1", "--out", folder, "--overwrite")
    assert done.exit_code == 0
    assert read(folder, "config.json")["settings"]["seed"] == 1
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_folder_with_other_files_is_refused_even_with_overwrite(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    for option in ([], ["--overwrite"]):
        refused = invoke("quickstart", *SMALL, "--out", tmp_path, *option)
        assert refused.exit_code == 2
        assert "thesis.tex" in refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@on_the_default_backend
def test_the_default_folder_is_the_first_that_is_not_finished(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("quickstart-digits-quick", "quickstart-digits-quick-2"):
        assert invoke("quickstart", *SMALL).exit_code == 0
        assert (tmp_path / "runs" / name / "result.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quickstart", "--dataset", "imagenet"], ["imagenet", "digits"]),
        (["cifar10", "--preset", "best"], ["best", "paper"]),
        (["quickstart", "--gamma", "1.5"], ["--gamma", "less than or equal to 1"]),
        (["quickstart", "--threshold", "-1"], ["--threshold", "greater than or equal to 0"]),
        (["quickstart", "--epochs", "0"], ["--epochs", "1"]),
        (["quickstart", "--batch-size", "0"], ["--batch-size", "1"]),
        (["cifar10", "--filters", "0"], ["--filters", "1"]),
        (["quickstart", "--gamma", "nan"], ["--gamma"]),
        (["quickstart", "--threshold", "1e300"], ["--threshold", "1e+300 is greater than 1e+30"]),
        (["quickstart", "--threshold", "inf"], ["--threshold", "inf is not a finite number"]),
    ],
)
def test_bad_options_are_named(tmp_path, arguments, words):
    refused = invoke(*arguments, "--out", tmp_path / "run")
    assert refused.exit_code == 2
    for word in words:
        assert word in refused.output
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    refused = invoke("quickstart", *SMALL, "--out", tmp_path / "file" / "run")
    assert refused.exit_code == 2
    assert "file/run" in refused.output.replace("\n", "")


def test_data_that_are_not_there_leave_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    refused = invoke("cifar10", "--data-dir", tmp_path / "none", "--out", tmp_path / "run")
    assert refused.exit_code == 2
    assert "none" in refused.output
    assert not (tmp_path / "run").exists()


def test_tensorboard_writes_event_files(tmp_path):
    pytest.importorskip("tensorflow", reason="Keras' TensorBoard callback writes with TensorFlow")
    folder = tmp_path / "run"
    done = invoke("quickstart", *SMALL, "--out", folder, "--tensorboard")
    assert done.exit_code == 0, done.output
    assert list(folder.glob("tensorboard/train/events.out.tfevents.*"))


def test_help_names_all_experiments():
    shown = invoke("--help").output
    for name in (
        "quickstart",
        "approximation-viewpoint",
        "learning-rate",
        "hyperparameters",
        "cifar10",
    ):
        assert name in shown


def test_the_help_does_not_wait_for_keras():
    code = "import sys; import experiments.cli; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("command", ["quickstart", "cifar10"])
def test_every_option_reaches_the_settings(monkeypatch, command):
    given = {
        "epochs": 3,
        "batch_size": 7,
        "dtype_policy": "mixed_bfloat16",
        "limit": 50,
        "seed": 4,
        "filters": 5,
        "gamma": 0.25,
        "gamma_schedule": "linear",
        "gamma_end": 0.125,
        "gamma_decay_epochs": 6,
        "threshold": 0.5,
        "threshold_schedule": "step",
        "threshold_end": 0.375,
        "learning_rate": 2.0,
        "learning_rate_schedule": "cosine",
        "learning_rate_end": 1.0,
        "validation_share": 0.25,
    }
    seen = []
    monkeypatch.setattr(single, "run_single", lambda run, *_: seen.append(run.settings.as_dict()))
    options = [word for name, x in given.items() for word in (f"--{name.replace('_', '-')}", x)]
    done = invoke(command, *options)
    assert done.exit_code == 0, done.output
    assert {name: seen[0][name] for name in given} == given


@pytest.mark.parametrize(
    "options",
    [
        ["--seed", "4294967296"],
        ["--filters", "1000000000"],
        ["--threshold", "1e300"],
        ["--learning-rate", "1e300"],
        ["--gamma-decay-epochs", "99999999999999999999999"],
        ["--epochs", "99999999999999999999999"],
        ["--batch-size", "99999999999999999999999"],
        ["--threshold", "0", "--threshold-schedule", "cosine"],
        ["--gamma-schedule", "rubbish"],
        ["--validation-share", "0.9"],
    ],
    ids=" ".join,
)
def test_numbers_that_cannot_be_leave_nothing(tmp_path, options):
    refused = invoke("quickstart", *options, "--out", tmp_path / "run")
    assert refused.exit_code == 2
    assert isinstance(refused.exception, SystemExit)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("seeds", ["0-9999999999", "4294967296", "0-9999,10000-10001"])
def test_too_many_seeds_and_too_large_ones_are_refused(tmp_path, seeds):
    out = tmp_path / "runs"
    refused = invoke("approximation-viewpoint", "--seeds", seeds, "--out", out)
    assert refused.exit_code == 2
    assert not out.exists()


def process(*arguments, **options):
    command = [sys.executable, "-m", "experiments", *arguments]
    return subprocess.run(
        command, cwd=ROOT, stderr=subprocess.PIPE, timeout=300, check=False, **options
    )


@on_the_default_backend
@pytest.mark.slow
def test_names_with_brackets_and_without_text_are_names(tmp_path):
    out = os.fsencode(tmp_path) + b"/a[/b]\xff"
    done = process("quickstart", *SMALL, "--limit", "100", "--out", out, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert b"a[/b]" in done.stdout
    assert os.path.exists(out + b"/result.json")


@on_the_default_backend
@pytest.mark.slow
def test_a_screen_that_cannot_be_written_is_told_without_a_traceback(tmp_path):
    with open("/dev/full", "wb") as full:
        done = process("quickstart", *SMALL, "--out", str(tmp_path / "run"), stdout=full)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"Error: no space left on device." in done.stderr


@on_the_default_backend
@pytest.mark.slow
def test_a_reader_that_has_gone_ends_the_run_quietly(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    done = process("quickstart", *SMALL, "--out", str(tmp_path / "run"), stdout=writing)
    os.close(writing)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"Error" not in done.stderr


@pytest.mark.parametrize("backend", ["rubbish", "mlx"])
def test_a_backend_that_is_not_there_is_told(tmp_path, backend):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = process("quickstart", "--out", str(tmp_path / "run"), env=environment)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"`KERAS_BACKEND` must be tensorflow, jax or torch" in done.stderr
    assert not (tmp_path / "run").exists()


def test_no_folder_for_temporary_files_is_told(tmp_path, monkeypatch):
    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(terminal.tempfile, "TemporaryFile", none)
    refused = invoke("quickstart", "--out", tmp_path / "run")
    assert refused.exit_code == 2
    assert "no usable temporary directory" in refused.stderr


@on_the_default_backend
@pytest.mark.parametrize(("given", "expected"), [({}, "1"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0")])
def test_tensorflows_faster_convolutions_are_on_unless_the_user_says_otherwise(given, expected):
    inherited = {name: value for name, value in os.environ.items() if "ONEDNN" not in name}
    ask = "import os, experiments.cli; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    told = subprocess.check_output(
        [sys.executable, "-c", ask], cwd=ROOT, env={**inherited, **given}, text=True
    )
    assert told.strip() == expected
