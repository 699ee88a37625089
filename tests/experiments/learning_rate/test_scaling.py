import keras
import numpy as np
import pytest

from experiments.engine.run import run_one
from experiments.learning_rate import runs as learning_rate
from experiments.learning_rate import scaling
from experiments.networks import binary_layers
from larq_bop.models import latent_cnn
from tests.backends import to_numpy
from tests.experiments.command import read, rows
from tests.experiments.images import random_images

SHAPE = (18, 18, 1)
VARIANT = scaling.VARIANTS["exact_power_of_two"]


def kernels(model):
    network = model.layers[-1]
    return [to_numpy(layer.kernel) for layer in binary_layers(network)]


def others(model):
    return [to_numpy(v) for v in model.trainable_variables if not scaling.is_kernel(v)]


def trained(network, variant, steps=4):
    model = scaling.compiled(network, variant)
    images = random_images(n=64, shape=SHAPE)
    for i in range(steps):
        batch = slice(16 * i, 16 * i + 16)
        model.train_on_batch({"images": images.train_images[batch]}, images.train_labels[batch])
    return model


def test_a_variant_begins_with_scaled_kernels():
    network = latent_cnn(SHAPE)
    scaled = scaling.compiled(network, scaling.VARIANTS["report"])
    for kernel, layer in zip(kernels(scaled), binary_layers(network), strict=True):
        np.testing.assert_array_equal(kernel, to_numpy(layer.kernel) * np.float32(0.01))


def test_exact_scaling_by_a_power_of_two_scales_every_bit():
    network = latent_cnn(SHAPE)
    reference, scaled = trained(network, scaling.REFERENCE), trained(network, VARIANT)
    before = [to_numpy(layer.kernel) for layer in binary_layers(network)]
    for kernel, expected, old in zip(kernels(scaled), kernels(reference), before, strict=True):
        np.testing.assert_array_equal(kernel, expected * np.float32(2**-7))
        assert np.any(expected != old)
    for offset, expected in zip(others(scaled), others(reference), strict=True):
        np.testing.assert_array_equal(offset, expected)


def test_the_offsets_have_their_own_rate():
    network = latent_cnn(SHAPE)
    reference = others(trained(network, scaling.REFERENCE, steps=1))
    slow = others(trained(network, scaling.VARIANTS["report"], steps=1))
    for offset, expected in zip(slow, reference, strict=True):
        np.testing.assert_allclose(offset, 0.01 * expected, rtol=1e-3, atol=1e-8)


def test_clipping_is_scaled_with_the_weights():
    network = latent_cnn(SHAPE)
    for layer in binary_layers(network):
        layer.kernel.assign(np.full(layer.kernel.shape, 3.0))
    for variant, limit in ((scaling.REFERENCE, 1.0), (VARIANT, 2.0**-7)):
        # Beyond the limit there is no gradient; the constraint alone moves the weights.
        for kernel in kernels(trained(network, variant, steps=1)):
            np.testing.assert_array_equal(kernel, np.full(kernel.shape, limit, "float32"))


def test_differing_signs_are_counted():
    network = latent_cnn(SHAPE)
    keras.utils.set_random_seed(0)
    reference = scaling.compiled(network, scaling.REFERENCE)
    other = scaling.compiled(network, scaling.VARIANTS["exact"])
    assert scaling.differing_signs(reference, {"other": other}) == {"other": 0}
    kernel = binary_layers(other.layers[-1])[1].kernel
    values = to_numpy(kernel)
    values.ravel()[:7] *= -1
    kernel.assign(values)
    assert scaling.differing_signs(reference, {"other": other}) == {"other": 7}


def test_zero_counts_as_plus_one():
    model = scaling.compiled(latent_cnn(SHAPE), scaling.REFERENCE)
    for layer in binary_layers(model.layers[-1]):
        layer.kernel.assign(np.zeros(layer.kernel.shape))
    assert scaling.binary_weights(model).all()


def test_the_first_differing_step_is_told():
    none = dict.fromkeys(scaling.VARIANTS, 0)
    steps = [{"step": 1, **none}, {"step": 2, **none, "report": 5}, {"step": 3, **none}]
    result = scaling.summary(steps, 100)
    assert (result["weights"], result["steps"]) == (100, 3)
    assert result["variants"]["report"] == {"first_differing_step": 2, "differing_signs": 0}
    assert result["variants"]["exact"] == {"first_differing_step": None, "differing_signs": 0}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scaling")
    made = learning_rate.runs("report", "mnist", epochs=2, batch_size=16)["scaling-mnist"]
    return folder, run_one(made, random_images(n=64, shape=SHAPE), folder)


def test_a_run_leaves_a_row_a_step(finished):
    folder, result = finished
    steps = [line.split(",") for line in (folder / "steps.csv").read_text().splitlines()]
    assert steps[0] == ["step", *scaling.VARIANTS]
    assert [row[0] for row in steps[1:]] == list("12345678")
    last = dict(zip(steps[0], map(int, steps[-1]), strict=True))
    assert result == read(folder, "result.json")
    # 3x3 kernels 1 -> 32 -> 64 -> 64, whose last map is one pixel, then 64 -> 64 -> 10.
    assert result["weights"] == 9 * (32 + 32 * 64 + 64 * 64) + 64 * 64 + 64 * 10
    for name, variant in result["variants"].items():
        assert variant["differing_signs"] == last[name]
    assert last["exact_power_of_two"] == 0


def test_a_run_leaves_a_row_an_epoch(finished):
    folder, _ = finished
    history = rows(folder)
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert all(0 <= float(row["accuracy"]) <= 1 for row in history)
    assert [row["accuracy_exact_power_of_two"] for row in history] == [
        row["accuracy"] for row in history
    ]
