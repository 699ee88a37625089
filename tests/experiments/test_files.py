import errno
import os
from pathlib import Path

import numpy as np
import pytest

from experiments.errors import ExperimentError
from experiments.files import atomic_write, cause, sha256

full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_bytes_appear_when_the_block_ends(tmp_path):
    path = tmp_path / "weights.bin"
    with atomic_write(path) as handle:
        handle.write(b"\x00\xff")
        assert names(tmp_path) == ["weights.bin.tmp"]
    assert path.read_bytes() == b"\x00\xff"
    assert names(tmp_path) == ["weights.bin"]


def test_text_is_utf8_with_its_own_line_ends(tmp_path):
    path = tmp_path / "history.csv"
    with atomic_write(path, "w") as handle:
        handle.write("ä\r\n1\n")
    assert path.read_bytes() == b"\xc3\xa4\r\n1\n"


def test_an_old_file_is_replaced_and_a_stale_temporary_overwritten(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b"old and longer")
    (tmp_path / "config.json.tmp").write_bytes(b"left by a killed run, longer than the new")
    with atomic_write(path) as handle:
        handle.write(b"new")
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["config.json"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_failing_block_leaves_the_old_file_alone(tmp_path, error):
    path = tmp_path / "config.json"
    path.write_bytes(b"old")

    def fail():
        with atomic_write(path) as handle:
            handle.write(b"half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["config.json"]


@full_disk
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    path = tmp_path / "data.npz"
    path.write_bytes(b"old")
    (tmp_path / "data.npz.tmp").symlink_to("/dev/full")
    sentence = f"^Cannot write {path}: no space left on device.$"
    with pytest.raises(ExperimentError, match=sentence) as caught, atomic_write(path) as handle:
        np.savez(handle, zeros=np.zeros(100_000))
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["data.npz"]


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "config.json"
    with pytest.raises(ExperimentError, match="not a directory"), atomic_write(path):
        pytest.fail("the block must not run")


def test_a_missing_folder_is_told(tmp_path):
    path = tmp_path / "missing" / "config.json"
    with pytest.raises(ExperimentError, match="no such file or directory"), atomic_write(path):
        pytest.fail("the block must not run")
    assert names(tmp_path) == []


def test_a_path_that_is_a_folder_is_told(tmp_path):
    path = tmp_path / "results"
    path.mkdir()
    sentence = f"^Cannot write {path}: is a directory.$"
    with pytest.raises(ExperimentError, match=sentence), atomic_write(path) as handle:
        handle.write(b"content")
    assert names(tmp_path) == ["results"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_the_system_s_refusal_is_told_in_its_words(tmp_path, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    with (
        pytest.raises(ExperimentError, match=f"(?i): {os.strerror(number)}.$"),
        atomic_write(tmp_path / "config.json") as handle,
    ):
        handle.write(b"content")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "open", refuse)
    with atomic_write(tmp_path / "config.json") as handle:
        handle.write(b"content")
    assert (tmp_path / "config.json").read_bytes() == b"content"


def test_file_and_folder_are_synced_around_the_rename(tmp_path, monkeypatch):
    calls = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append("sync"), sync(number)))
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("rename"), rename(*paths)))
    with atomic_write(tmp_path / "config.json") as handle:
        handle.write(b"content")
    assert calls == ["sync", "rename", "sync"]


def test_the_caller_s_own_errors_are_not_taken_for_ours(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "copy"):
        open(tmp_path / "original")  # noqa: SIM115
    assert names(tmp_path) == []


@pytest.mark.parametrize("mode", ["r", "ab", "x", "w+b"])
def test_other_modes_are_refused(tmp_path, mode):
    with (
        pytest.raises(ValueError, match=f"received '{mode.replace('+', '.')}'"),
        atomic_write(tmp_path / "file", mode),
    ):
        pytest.fail("the block must not run")


def test_sha256_of_the_standard_s_own_examples(tmp_path):
    # FIPS 180-2, appendix B.1, and the well-known digest of nothing.
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "empty").touch()
    assert sha256(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert sha256(tmp_path / "empty") == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_sha256_of_what_cannot_be_read(tmp_path):
    with pytest.raises(ExperimentError, match=r"^Cannot read .*missing: no such file or directory"):
        sha256(tmp_path / "missing")
    with pytest.raises(ExperimentError, match=r"^Cannot read .*: is a directory"):
        sha256(tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "file"), "no space left on device"),
        (ValueError("two\n  lines."), "two lines"),
        (ValueError(), "ValueError"),
        (ValueError("a" * 300), "a" * 199 + "…"),
        (RuntimeError("{{node a}} lost record\n at 1 [Op:Read] name: "), "lost record at 1"),
    ],
)
def test_causes_fit_into_a_sentence(error, words):
    assert cause(error) == words
