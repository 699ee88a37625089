"""Files are replaced whole or not at all."""

from pathlib import Path

import pytest

from larq_bop import files


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "model.npz"
    for content in (b"a longer content", b"short"):
        files.replace(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch, method):
    path = tmp_path / "model.npz"
    path.write_bytes(b"old")
    original = getattr(Path, method)

    def fail(self, *args):
        if method == "write_bytes":
            original(self, b"ne")  # The disk is full after some bytes.
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, method, fail)
    with pytest.raises(OSError, match="No space left"):
        files.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
