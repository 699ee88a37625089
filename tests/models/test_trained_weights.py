"""The weights that come with the package."""

from pathlib import Path

import numpy as np
import pytest

from experiments import data
from experiments.engine.split import accuracy_on_test_images
from experiments.errors import ExperimentError
from larq_bop import export, models
from tests.backends import BACKEND, snapshot, to_numpy

ACCURACY = 0.9004
"""What the documentation of `binarynet` states for float32."""

RIGHT_OF_THE_FIRST_500 = 464
"""How many of the first test images are right where the accuracy on all is that."""


def test_the_file_is_under_two_megabytes():
    file = Path(models.__file__).parent / "weights" / "binarynet_cifar10.npz"
    assert file.stat().st_size < 2e6


def test_the_weights_are_signs_and_come_the_same_each_time():
    model = models.binarynet(weights="cifar10")
    binary = [v for v in model.weights if getattr(v, "precision", 32) == 1]
    assert sum(int(np.prod(v.shape)) for v in binary) == 14_022_016
    assert all((np.abs(to_numpy(v)) == 1).all() for v in binary)
    again = models.binarynet(weights="cifar10")
    for value, expected in zip(snapshot(again.weights), snapshot(model.weights), strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"input_shape": (28, 28, 1)}, r"input_shape=\(28, 28, 1\)"),
        ({"num_classes": 100}, "num_classes=100"),
        ({"filters": 32}, "filters=32"),
        ({"dense_units": 64}, "dense_units=64"),
    ],
)
def test_another_network_is_refused(options, told):
    with pytest.raises(ValueError, match=f"belong to a network of .*num_classes=10.*{told}"):
        models.binarynet(weights="cifar10", **options)


def test_weights_of_a_name_that_is_no_file_are_refused():
    with pytest.raises(ValueError, match="Received: weights='imagenet'"):
        models.binarynet(filters=2, weights="imagenet")


def test_a_packed_file_of_ones_own_is_loaded(tmp_path):
    model = models.binarynet((8, 8, 1), 3, filters=2, dense_units=4)
    path = export.save_packed(model, tmp_path / "own.npz")
    loaded = models.binarynet((8, 8, 1), 3, filters=2, dense_units=4, weights=path)
    for value, expected in zip(snapshot(loaded.weights), snapshot(model.weights), strict=True):
        np.testing.assert_array_equal(value, expected)
    with pytest.raises(ValueError, match="The first that differ"):
        models.binarynet((8, 8, 1), 5, filters=2, dense_units=4, weights=path)


@pytest.mark.slow
def test_the_first_test_images_are_classified_as_on_record(cifar10):
    model = models.binarynet(weights="cifar10")
    images = cifar10.test_images[:500].astype("float32") / 127.5 - 1.0
    right = to_numpy(model.predict(images, 250, verbose=0)).argmax(-1) == cifar10.test_labels[:500]
    # Rounding decides where the input of a sign is almost 0.
    assert abs(int(right.sum()) - RIGHT_OF_THE_FIRST_500) <= 2
    assert "90.0 % of the test images" in models.binarynet.__doc__


@pytest.mark.nightly
@pytest.mark.skipif(BACKEND != "tensorflow", reason="elsewhere 500 images are enough")
def test_the_stated_accuracy_is_that_on_the_test_images(cifar10):
    model = models.binarynet(weights="cifar10")
    assert accuracy_on_test_images(model, cifar10) == pytest.approx(ACCURACY, abs=0.001)


@pytest.fixture
def cifar10(tfds_dir):
    try:
        return data.load("cifar10", tfds_dir)
    except ExperimentError as error:  # Without TensorFlow the images come from its tests' cache.
        pytest.skip(str(error))
