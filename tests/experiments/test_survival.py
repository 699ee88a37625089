"""Runs that are killed, interrupted or run out of disk, as real processes."""

import functools
import json
import signal

import pytest

from tests.backends import BACKEND
from tests.experiments import command
from tests.experiments.command import assert_same_outcome, interrupt_when, outcome, rows

pytestmark = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="bit for bit is promised, and tested, on the default backend"
)

start = functools.partial(command.start, module="tests.experiments.every_epoch")
run = functools.partial(command.run, module="tests.experiments.every_epoch")

# A wide network on few images: its checkpoints take long enough to be hit while they are written.
WIDE = ("quickstart", "--epochs", 4, "--filters", 96, "--limit", 200)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference") / "run"
    code, out, err = run(*WIDE, "--out", folder)
    assert code == 0, out + err
    return outcome(folder)


def after_epoch(folder, epoch):
    return lambda: (folder / "checkpoints" / f"epoch-{epoch:05}.json").exists()


def while_writing(folder, name):
    def condition():
        return any((folder / "checkpoints").glob(name))

    return condition


def test_kills_while_checkpoints_are_written_and_after(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    for moment in (
        while_writing(folder, "epoch-00001.npz.tmp"),
        while_writing(folder, "best-*.npz.tmp"),
        after_epoch(folder, 2),
        while_writing(folder, "epoch-00003.npz.tmp"),
    ):
        killed, _, _ = interrupt_when(start(*WIDE, "--out", folder), moment)
        assert killed == -signal.SIGKILL
    code, out, err = run(*WIDE, "--out", folder)
    assert code == 0, out + err
    assert "epoch 1/4" not in out
    assert "resuming after epoch 2" in out
    assert_same_outcome(folder, uninterrupted)


def test_a_truncated_checkpoint_is_named_and_made_anew(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    interrupt_when(start(*WIDE, "--out", folder), after_epoch(folder, 3))
    values = folder / "checkpoints" / "epoch-00003.npz"
    values.write_bytes(values.read_bytes()[:1000])
    code, out, err = run(*WIDE, "--out", folder)
    assert code == 0, out + err
    assert "epoch-00003.npz" in err
    assert "damaged" in err
    assert "epoch 3/4" in out
    assert_same_outcome(folder, uninterrupted)


def test_ctrl_c_leaves_a_folder_that_the_same_settings_resume(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    code, out, err = interrupt_when(
        start(*WIDE, "--out", folder), after_epoch(folder, 2), signal.SIGINT
    )
    assert code == 130
    assert "Traceback" not in out + err
    assert "The same command resumes" in err
    code, _, err = run(*WIDE, "--seed", 5, "--out", folder)
    assert code == 2
    assert "seed 0 there and 5 here" in err
    code, out, err = run(*WIDE, "--out", folder)
    assert code == 0, out + err
    assert_same_outcome(folder, uninterrupted)


def test_a_full_disk_is_told_in_a_sentence_and_resumed(tmp_path, uninterrupted):
    folder = tmp_path / "run"
    code, _, err = run(*WIDE, "--out", folder, limit_file_size=1000)
    assert code == 2
    assert "Traceback" not in err
    assert err.count("Error:") == 1
    assert "epoch-00001.npz" in err
    assert not list(folder.rglob("*.tmp"))
    code, out, err = run(*WIDE, "--out", folder)
    assert code == 0, out + err
    assert_same_outcome(folder, uninterrupted)


@pytest.mark.nightly
def test_cifar10_resumes_bit_for_bit(tmp_path, tfds_dir):
    options = ("cifar10", "--epochs", 3, "--filters", 8, "--limit", 1000, "--data-dir", tfds_dir)
    reference, folder = tmp_path / "reference", tmp_path / "run"
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    code, out, err = run(*options, "--out", reference, **cache)
    assert code == 0, out + err
    interrupt_when(
        start(*options, "--out", folder, **cache), while_writing(folder, "epoch-00002.npz.tmp")
    )
    code, out, err = run(*options, "--out", folder, **cache)
    assert code == 0, out + err
    assert_same_outcome(folder, outcome(reference))
    assert len(rows(folder)) == 3
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"]["limit"] == 1000
