"""The cache of decoded images: where it lies, what it needs, how damage is noticed."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from experiments.data import load
from tests.experiments.data.tiny import assert_same, empty, flip_a_pixel, tree, truncate


def test_the_cache_s_place(tiny, tiny_folder, tmp_path, nobody_s_home, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    load("mnist", tiny_folder)
    assert (nobody_s_home / ".cache" / "larq_bop" / "mnist.npz").is_file()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    load("mnist", tiny_folder)
    assert tree(tmp_path / "xdg") == ["larq_bop", "larq_bop/mnist.npz"]


def test_the_cache_needs_neither_data_nor_tensorflow(cached, monkeypatch):
    dataset, path = cached
    for package in ("tensorflow", "tensorflow_datasets", "sklearn", "keras"):
        monkeypatch.setitem(sys.modules, package, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(load("mnist", cache_dir=path.parent), dataset)


def test_the_module_itself_imports_nothing_heavy():
    heavy = "{'tensorflow', 'tensorflow_datasets', 'sklearn', 'keras', 'requests'}"
    code = f"import sys, experiments.data; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _no_archive(path):
    path.write_bytes(b"\x93NUMPY no archive at all")


def _change(**changes):
    def spoil(path):
        with np.load(path) as archive:
            arrays = dict(archive)
        for key, change in changes.items():
            arrays[key] = change(arrays[key])
        np.savez(path, **{key: array for key, array in arrays.items() if array is not None})

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (truncate, "not a whole .npz file"),
        (empty, "not a whole .npz file"),
        (_no_archive, "not a whole .npz file"),
        (flip_a_pixel, "Bad CRC-32"),
        (_change(builder=lambda _: None), "builder"),
        (_change(builder=lambda _: "mnist:3.0.0"), "does not hold mnist:3.0.1"),
        (_change(test_labels=lambda _: None), "test_labels"),
        (_change(train_images=lambda x: x[:-1]), "train images are uint8 of shape"),
        (_change(test_images=lambda x: x[..., 0]), "test images are uint8 of shape"),
        (_change(train_images=lambda x: x / 255), "train images are float64"),
        (_change(test_labels=lambda x: x.astype("int64")), "test labels are int64"),
        (_change(train_labels=lambda x: x[:-1]), "train labels are int32 of shape"),
        (_change(train_labels=lambda x: x + 1), "not all between 0 and 9"),
        (_change(test_labels=lambda x: x - 1), "not all between 0 and 9"),
        (_change(test_labels=lambda x: x.astype("object")), "Object arrays cannot be loaded"),
    ],
)
def test_a_damaged_cache_is_named_and_replaced(cached, tiny_folder, spoil, reason):
    dataset, path = cached
    whole = path.read_bytes()
    spoil(path)
    with pytest.warns(UserWarning, match=f"{path} is damaged .*{reason}.*; it is decoded again"):
        assert_same(load("mnist", tiny_folder, path.parent), dataset)
    with np.load(path) as again:
        np.testing.assert_array_equal(again["train_images"], dataset.train_images)
    assert path.stat().st_size == len(whole)
    assert tree(path.parent) == ["mnist.npz"]


def test_every_flipped_byte_of_an_image_is_noticed(cached, tiny_folder):
    dataset, path = cached
    whole = path.read_bytes()
    start = whole.find(dataset.test_images.tobytes())
    assert start > 0
    size = dataset.test_images.nbytes
    for position in (start, start + size // 2, start + size - 1):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x80]) + whole[position + 1 :])
        with pytest.warns(UserWarning, match="Bad CRC-32"):
            assert_same(load("mnist", tiny_folder, path.parent), dataset)


def test_a_cache_below_a_file_is_done_without(tiny, tiny_folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="mnist is not cached .*: Cannot create the folder .*file"):
        dataset = load("mnist", tiny_folder, tmp_path / "file" / "cache")
    assert dataset.train_images.shape == (30, 28, 28, 1)


def test_a_cache_whose_file_is_a_folder_is_done_without(tiny, tiny_folder, tmp_path):
    (tmp_path / "mnist.npz").mkdir()
    with (
        pytest.warns(UserWarning, match=r"mnist.npz is damaged \(is a directory\)"),
        pytest.warns(UserWarning, match=r"mnist is not cached .*mnist.npz: is a directory"),
    ):
        dataset = load("mnist", tiny_folder, tmp_path)
    assert dataset.train_images.shape == (30, 28, 28, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
def test_a_cache_on_a_full_disk_is_done_without(tiny, tiny_folder, tmp_path):
    (tmp_path / "mnist.npz.tmp").symlink_to("/dev/full")
    with pytest.warns(UserWarning, match="not cached .*mnist.npz: no space left on device"):
        dataset = load("mnist", tiny_folder, tmp_path)
    assert dataset.train_images.shape == (30, 28, 28, 1)
    assert tree(tmp_path) == []
