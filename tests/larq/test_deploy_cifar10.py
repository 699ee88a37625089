"""From the command that trains to the command that converts, on real images."""

import os

import keras
import numpy as np
import pytest

import larq_bop  # noqa: F401  (registers the layers that the model is made of)
from tests import backends
from tests.larq import real_images

lce = pytest.importorskip("larq_compute_engine", reason="Larq Compute Engine is not installed")
for package in ("tensorflow_datasets", "typer"):
    pytest.importorskip(package, reason="the requirements of experiments are not installed")


# What scaling bytes to [-1, 1] makes multiples of.
BYTES = ("--input-unit", "1/255")


@pytest.fixture(scope="module")
def converted(tfds_dir, tmp_path_factory):
    """A short run of the preset `quick`, converted: the model, the file and the report."""
    run = tmp_path_factory.mktemp("cifar10") / "run"
    shortened = ("--limit", 1000, "--epochs", 1)
    arguments = ("cifar10", "--preset", "quick", *shortened, "--out", run)
    backends.run_python("-m", "experiments", *arguments, TFDS_DATA_DIR=str(tfds_dir))
    out = run / "model.tflite"
    report = backends.run_python("-m", "larq_bop.larq", "convert", run / "model.keras", out, *BYTES)
    return keras.models.load_model(run / "model.keras"), out, report


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    # All test images take the engine minutes: it has no fast operators for this machine.
    "count",
    [500, pytest.param(10_000, marks=pytest.mark.nightly)],
)
def test_the_engine_predicts_what_the_model_does(tfds_dir, converted, count):
    """The same class, and probabilities within 1e-5."""
    model, out, report = converted
    images, _ = real_images.cifar10(tfds_dir, "test", count)
    expected = model.predict(images, batch_size=100, verbose=0)
    interpreter = lce.testing.Interpreter(out.read_bytes(), num_threads=os.cpu_count())
    found = interpreter.predict(images)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert len(expected) == count
    assert len(np.unique(expected.argmax(axis=1))) > 1
    assert "signs of float32" not in report


@pytest.mark.slow
def test_the_file_takes_less_than_a_twentieth_of_the_float32_weights(converted):
    model, out, report = converted
    assert 20 * out.stat().st_size <= 4 * model.count_params()
    assert f"{out.stat().st_size:,} bytes, 1/" in report
    assert "  binary operators  8" in report.splitlines()
