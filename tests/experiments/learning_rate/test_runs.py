import keras
import numpy as np
import pytest

from experiments.engine.checkpoint import Checkpoints
from experiments.engine.folder import RunFolder
from experiments.engine.run import run_one
from experiments.learning_rate import runs
from experiments.networks import binary_layers
from larq_bop.models import latent_cnn
from tests.backends import BACKEND, to_numpy
from tests.experiments.command import read, rows
from tests.experiments.images import random_images
from tests.experiments.runs import assert_resumes_to_the_same

SHAPE = (18, 18, 1)
SMALL = {"epochs": 2, "batch_size": 16}


def kernels(configuration):
    keras.utils.set_random_seed(5)
    network = latent_cnn(SHAPE, kernel_initializer=runs.CONFIGURATIONS[configuration][0])
    return [to_numpy(layer.kernel) for layer in binary_layers(network)]


def test_one_configuration_begins_with_the_others_weights_times_0_01():
    pairs = zip(kernels("glorot_x0.01_sgd_0.01"), kernels("glorot_sgd_1"), strict=True)
    for small, large in pairs:
        np.testing.assert_allclose(small, 0.01 * large, rtol=1e-5, atol=1e-9)


def test_glorot_fills_its_interval():
    for kernel in kernels("glorot_sgd_0.01"):
        window = kernel.size // np.prod(kernel.shape[-2:])
        limit = np.sqrt(6 / (window * sum(kernel.shape[-2:])))
        assert 0.95 * limit < np.abs(kernel).max() <= limit


def test_uniform_fills_its_interval_and_differs_between_layers():
    drawn = kernels("uniform_adam_0.01")
    for kernel in drawn:
        assert 0.045 < np.abs(kernel).max() <= 0.05
    assert not np.array_equal(drawn[1].ravel()[:100], drawn[2].ravel()[:100])


@pytest.mark.parametrize(
    ("configuration", "kind", "rate"),
    [
        ("glorot_sgd_0.01", keras.optimizers.SGD, 0.01),
        ("glorot_sgd_1", keras.optimizers.SGD, 1.0),
        ("glorot_x0.01_sgd_0.01", keras.optimizers.SGD, 0.01),
        ("uniform_sgd_0.01", keras.optimizers.SGD, 0.01),
        ("uniform_adam_0.01", keras.optimizers.Adam, 0.01),
    ],
)
def test_the_optimizers_are_the_reports(configuration, kind, rate):
    optimizer = runs.CONFIGURATIONS[configuration].optimizer()
    assert isinstance(optimizer, kind)
    assert float(to_numpy(optimizer.learning_rate)) == pytest.approx(rate)
    assert getattr(optimizer, "momentum", 0) == 0


def test_the_report_is_set_as_in_its_section_3_1_2():
    made = runs.runs("report", dataset="cifar10", seed=2)
    expected = [f"cifar10-{name}" for name in runs.CONFIGURATIONS]
    assert list(made) == [*expected, "scaling-cifar10"]
    settings = made["cifar10-glorot_sgd_1"].settings
    assert (settings.epochs, settings.batch_size, settings.seed) == (100, 64, 2)
    assert settings.configuration == "glorot_sgd_1"
    assert made["scaling-cifar10"].settings.epochs == 1


def small_run():
    return runs.runs("report", "mnist", **SMALL)["mnist-uniform_adam_0.01"]


def test_a_run_leaves_the_training_accuracy_by_epoch(tmp_path):
    result = run_one(small_run(), random_images(n=64, shape=SHAPE), tmp_path)
    history = rows(tmp_path)
    assert list(history[0]) == ["epoch", "loss", "accuracy"]
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert result["training_accuracy"] == float(history[1]["accuracy"])
    assert read(tmp_path, "config.json")["shortened"] == "2 of 100 epochs"


def test_an_interrupted_run_resumes(tmp_path):
    images = random_images(n=64, shape=SHAPE)
    assert_resumes_to_the_same(small_run(), images, tmp_path, (Checkpoints, "save", 2))


@pytest.mark.skipif(BACKEND == "torch", reason="torch takes one step at a time")
def test_steps_together_are_the_same_steps(tmp_path):
    images = random_images(n=80, shape=SHAPE)

    def weights(steps):
        class Together(runs.ConfigurationTraining):
            steps_per_execution = steps

        folder = tmp_path / str(steps)
        folder.mkdir()
        training = Together(small_run().settings, images, RunFolder(folder))
        training.train()
        return training.progress.history, [to_numpy(v) for v in training.model.variables]

    # Five steps an epoch: the last execution is not a whole one.
    together, one_by_one = weights(3), weights(1)
    assert together[0] == one_by_one[0]
    for value, expected in zip(together[1], one_by_one[1], strict=True):
        np.testing.assert_array_equal(value, expected)
