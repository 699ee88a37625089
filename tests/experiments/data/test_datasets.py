"""The data sets themselves, and the caller's errors."""

import numpy as np
import pytest

from experiments.data import load
from experiments.errors import ExperimentError
from tests.experiments.data.tiny import assert_same, tree


def test_digits_are_scikit_learn_s_1797_images():
    from sklearn.datasets import load_digits

    digits = load("digits")
    assert digits.name == "digits"
    assert digits.source.startswith("scikit-learn ")
    assert digits.num_classes == 10
    assert digits.input_shape == (8, 8, 1)
    assert digits.train_images.shape == (1437, 8, 8, 1)
    assert digits.test_images.shape == (360, 8, 8, 1)
    assert digits.train_images.dtype == digits.test_images.dtype == "uint8"
    assert digits.train_labels.dtype == digits.test_labels.dtype == "int32"

    def rows(images, labels):
        return sorted(
            (*map(int, image.ravel()), int(label))
            for image, label in zip(images, labels, strict=True)
        )

    original = load_digits()
    # The documented rounding, in integers: round(255 v / 16).
    levels = np.array([0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255])
    assert rows(
        np.concatenate([digits.train_images, digits.test_images]),
        np.concatenate([digits.train_labels, digits.test_labels]),
    ) == rows(levels[original.images.astype(int)], original.target)


def test_digits_split_is_stratified_and_fixed():
    digits = load("digits")
    # 178, 182, 177, 183, 181, 182, 181, 179, 174, 180 digits of each class, as scikit-learn tells.
    assert np.bincount(digits.test_labels).tolist() == [36, 36, 35, 37, 36, 37, 36, 36, 35, 36]
    assert_same(digits, load("digits"))


def test_digits_are_never_cached(nobody_s_home):
    load("digits", cache_dir=nobody_s_home / "cache")
    assert tree(nobody_s_home) == []


def test_mnist_is_mnist(real):
    mnist = real["mnist"]
    assert mnist.source.endswith(", mnist:3.0.1")
    assert mnist.input_shape == (28, 28, 1)
    assert mnist.train_images.shape == (60_000, 28, 28, 1)
    assert mnist.test_images.shape == (10_000, 28, 28, 1)
    assert mnist.train_images.dtype == mnist.test_images.dtype == "uint8"
    assert mnist.train_labels.dtype == mnist.test_labels.dtype == "int32"
    assert np.bincount(mnist.train_labels).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
    ]
    assert np.bincount(mnist.test_labels).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    # The constants that everybody normalizes with: 0.1307 and 0.3081.
    assert mnist.train_images.mean() == pytest.approx(33.3184, abs=1e-4)
    assert mnist.train_images.std() == pytest.approx(78.5675, abs=1e-3)


def test_cifar10_is_cifar10(real):
    cifar10 = real["cifar10"]
    assert cifar10.source.endswith(", cifar10:3.0.2")
    assert cifar10.input_shape == (32, 32, 3)
    assert cifar10.train_images.shape == (50_000, 32, 32, 3)
    assert cifar10.test_images.shape == (10_000, 32, 32, 3)
    assert cifar10.train_images.dtype == cifar10.test_images.dtype == "uint8"
    assert cifar10.train_labels.dtype == cifar10.test_labels.dtype == "int32"
    assert np.bincount(cifar10.train_labels).tolist() == [5_000] * 10
    assert np.bincount(cifar10.test_labels).tolist() == [1_000] * 10
    # The constants that everybody normalizes with, in red, green, blue: the channels' order counts.
    assert cifar10.train_images.mean((0, 1, 2)) == pytest.approx([125.3, 123.0, 113.9], abs=0.06)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_cache_holds_what_was_decoded(real, name):
    assert_same(load(name, cache_dir=real["cache"]), real[name])


# Errors of the caller


@pytest.mark.parametrize("name", ["cifar", "MNIST", ""])
def test_an_unknown_name_is_answered_with_the_known_ones(name):
    with pytest.raises(ExperimentError, match=f"'{name}': choose one of digits, mnist, cifar10"):
        load(name)


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_data_dir_that_is_no_folder_is_named(tmp_path, kind):
    folder = tmp_path / "data"
    if kind == "file":
        folder.touch()
    before = tree(tmp_path)
    with pytest.raises(ExperimentError, match=f"{folder}, given by --data-dir, does not exist"):
        load("mnist", data_dir=folder)
    assert tree(tmp_path) == before


def test_a_data_folder_in_the_environment_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(ExperimentError, match="data, given by TFDS_DATA_DIR, does not exist"):
        load("cifar10")
    assert tree(tmp_path) == []
