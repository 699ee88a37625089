"""Data sets, real and tiny, and a home that is nobody's."""

import dataclasses
import shutil

import pytest

from experiments.data import load
from experiments.data.dataset import PUBLISHED
from tests.experiments.data.tiny import CLOSED_PORT, tiny_builder


@pytest.fixture(autouse=True)
def nobody_s_home(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's own folders, nor asks the user's proxy."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for variable in ("TFDS_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return home


@pytest.fixture(scope="session")
def real(tfds_dir, tmp_path_factory):
    """MNIST and CIFAR-10, decoded once, and the folder in which they are cached."""
    pytest.importorskip("tensorflow_datasets")
    cache = tmp_path_factory.mktemp("cache")
    return {name: load(name, tfds_dir, cache) for name in ("mnist", "cifar10")} | {"cache": cache}


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    tiny_builder(root).download_and_prepare()
    return root


@pytest.fixture
def tiny(monkeypatch):
    """The data set mnist is tiny, and its host does not answer."""
    pytest.importorskip("tensorflow_datasets")
    published = dataclasses.replace(PUBLISHED["mnist"], train=30, test=10, url=CLOSED_PORT)
    monkeypatch.setitem(PUBLISHED, "mnist", published)
    return published


@pytest.fixture
def tiny_copy(tiny, tiny_folder, tmp_path):
    """A data folder that a test may spoil."""
    folder = tmp_path / "tfds"
    shutil.copytree(tiny_folder / "mnist" / "3.0.1", folder / "mnist" / "3.0.1")
    return folder


@pytest.fixture
def cached(tiny, tiny_folder, tmp_path):
    """The tiny data set and the file in which it is cached."""
    return load("mnist", tiny_folder, tmp_path / "cache"), tmp_path / "cache" / "mnist.npz"
