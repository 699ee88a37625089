"""Data that TensorFlow Datasets prepared: found, half there, of another size."""

import dataclasses
import os
import sys

import keras
import numpy as np
import pytest

from experiments.data import load
from experiments.data import tfds as through_tfds
from experiments.data.dataset import PUBLISHED
from experiments.errors import ExperimentError
from tests.experiments.data.tiny import (
    TRAIN_RECORDS,
    assert_same,
    empty,
    flip_a_pixel,
    tree,
    truncate,
)


def test_prepared_data_are_found_by_argument_environment_and_default(
    tiny, tiny_folder, tmp_path, nobody_s_home, monkeypatch
):
    given = load("mnist", str(tiny_folder), tmp_path / "a")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny_folder))
    assert_same(load("mnist", cache_dir=tmp_path / "b"), given)
    monkeypatch.setenv("TFDS_DATA_DIR", "")
    (nobody_s_home / "tensorflow_datasets").symlink_to(tiny_folder)
    assert_same(load("mnist", cache_dir=tmp_path / "c"), given)
    assert np.bincount(given.train_labels).tolist() == [3] * 10
    assert np.bincount(given.test_labels).tolist() == [1] * 10


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: (f / "dataset_info.json").unlink(), "dataset_info.json"),
        (lambda f: (f / "dataset_info.json").write_text("{"), "JSON"),
        (lambda f: (f / "features.json").unlink(), "Cannot restore mnist"),
        (lambda f: (f / TRAIN_RECORDS).unlink(), "No such file"),
        # In the middle of a record, and between two.
        (lambda f: truncate(f / TRAIN_RECORDS, 0.99), "truncated record"),
        (lambda f: truncate(f / TRAIN_RECORDS, 0.5), "only 15 elements"),
        (lambda f: empty(f / TRAIN_RECORDS), "30 elements"),
        (lambda f: flip_a_pixel(f / TRAIN_RECORDS), "corrupted record"),
        (lambda f: [path.unlink() for path in f.iterdir()], "dataset_info.json"),
    ],
)
def test_half_prepared_data_are_told(tiny_copy, tmp_path, spoil, reason):
    folder = tiny_copy / "mnist" / "3.0.1"
    spoil(folder)
    before = tree(tmp_path)
    with pytest.raises(ExperimentError) as caught:
        load("mnist", tiny_copy, tmp_path / "cache")
    message = str(caught.value)
    assert message.startswith(f"The prepared data in {folder} are incomplete, damaged or unread")
    assert reason in message
    assert "delete that folder and prepare it anew" in message
    assert "{{" not in message
    assert "\n" not in message
    assert tree(tmp_path) == before


def test_prepared_data_of_another_size_are_told(tiny, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(PUBLISHED, "mnist", dataclasses.replace(tiny, test=11))
    with pytest.raises(ExperimentError, match=r"test images are uint8 of shape \(10, 28, 28, 1\)"):
        load("mnist", tiny_folder, tmp_path)
    assert tree(tmp_path) == []


@pytest.mark.parametrize("package", ["tensorflow_datasets", "tensorflow"])
def test_a_missing_package_is_told(tiny, tiny_folder, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    sentence = rf"needs {package}, .* run pip install -e '\.\[experiments\]' in the clone"
    with pytest.raises(ExperimentError, match=sentence):
        load("mnist", tiny_folder, tmp_path)


def test_the_log_level_of_tensorflow_is_given_back(tiny, tiny_folder, tmp_path, monkeypatch):
    seen = []
    decode = through_tfds._decode
    monkeypatch.setattr(
        through_tfds,
        "_decode",
        lambda *a: (seen.append(os.environ["TF_CPP_MIN_LOG_LEVEL"]), decode(*a))[1],
    )
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    load("mnist", tiny_folder, tmp_path / "a")
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")
    load("mnist", tiny_folder, tmp_path / "b")
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "1"
    assert seen == ["2", "1"]


@pytest.mark.parametrize(
    ("backend", "calls"), [("tensorflow", []), ("jax", [([], "GPU")]), ("torch", [([], "GPU")])]
)
def test_tensorflow_takes_no_gpu_from_another_backend(
    tiny, tiny_folder, tmp_path, monkeypatch, backend, calls
):
    tf = pytest.importorskip("tensorflow")
    hidden = []

    def hide(devices, kind):
        hidden.append((devices, kind))
        raise RuntimeError("TensorFlow has started.")

    monkeypatch.setattr(tf.config, "set_visible_devices", hide)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    load("mnist", tiny_folder, tmp_path)
    assert hidden == calls
