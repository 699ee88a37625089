"""The trained network that comes with the package, on its way to a device."""

import numpy as np
import pytest

from larq_bop import models
from tests.larq import real_images

lce = pytest.importorskip("larq_compute_engine", reason="Larq Compute Engine is not installed")
from larq_bop.larq import convert  # noqa: E402  (It needs the engine.)


@pytest.mark.slow
def test_the_engine_predicts_what_the_trained_network_does(tfds_dir, tmp_path):
    images, labels = real_images.cifar10(tfds_dir, "test", 500)
    model = models.binarynet(weights="cifar10")
    expected = model.predict(images, batch_size=100, verbose=0)
    path = tmp_path / "trained.tflite"
    convert(model, path, input_unit=1 / 255)
    found = lce.testing.Interpreter(path.read_bytes(), num_threads=2).predict(images)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert np.mean(found.argmax(axis=1) == labels) > 0.86  # 90.0 % less three deviations.
    assert path.stat().st_size < 2e6
