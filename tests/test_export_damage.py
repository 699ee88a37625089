"""Files that `export.load_packed` refuses: damaged ones, and those that it did not write."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from larq_bop import export
from larq_bop.layers import QuantDense
from larq_bop.quantizers import NoOp


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / "model.npz"
    model = keras.Sequential([keras.Input((3,)), QuantDense(5, kernel_quantizer=NoOp(precision=1))])
    return path, export.save_packed(model, path).read_bytes()


def assert_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged, or no file that"):
        export.load_packed(path)


def test_every_damaged_byte_is_noticed(whole):
    path, content = whole
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        assert_refused(path, damaged)


@given(position=st.integers(0, 2**20), change=st.integers(1, 255))
def test_every_change_of_a_byte_is_noticed(whole, position, change):
    path, content = whole
    damaged = bytearray(content)
    damaged[position % len(content)] ^= change
    assert_refused(path, damaged)


@given(length=st.integers(0, 2**20), more=st.binary(max_size=80))
def test_files_cut_short_and_with_other_ends_are_refused(whole, length, more):
    path, content = whole
    changed = content[: length % len(content)] + more
    if changed != content:
        assert_refused(path, changed)


@given(content=st.binary(max_size=200))
def test_any_other_bytes_are_refused(whole, content):
    assert_refused(whole[0], content)


def rewritten(path, **changes):
    """Writes another header, with a checksum that is right."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = {**json.loads(arrays.pop("header").tobytes()), **changes}
    path.write_bytes(export._archive(header, arrays))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version 2, and this larq_bop reads 'larq_bop.packed', version 1, only"),
        ({"format": "other"}, "is of the format 'other', version 1"),
        ({"weights": [{"path": "a"}]}, "damaged, or no file that"),
        ({"weights": [{"packed": True, "shape": [1000]}]}, "damaged, or no file that"),
        ({"weights": 3}, "damaged, or no file that"),
    ],
)
def test_other_headers_are_refused(whole, changes, message):
    path, content = whole
    path.write_bytes(content)
    rewritten(path, **changes)
    with pytest.raises(ValueError, match=message):
        export.load_packed(path)


@pytest.mark.parametrize(
    "arrays",
    [{"weights": np.zeros(3)}, {"header": np.asarray([{"a": 1}], dtype=object)}],
)
def test_foreign_files_are_refused_and_never_unpickled(tmp_path, arrays):
    path = tmp_path / "other.npz"
    np.savez(path, **arrays)
    assert_refused(path, path.read_bytes())
    content = path.read_bytes()[:-64]
    assert_refused(path, content + export._digest(content))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        export.load_packed(tmp_path / "nothing.npz")
