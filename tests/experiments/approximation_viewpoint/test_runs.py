import keras
import numpy as np
import pytest
from keras import layers, ops

from experiments.approximation_viewpoint import runs
from experiments.engine.checkpoint import Checkpoints
from experiments.engine.folder import RunFolder
from experiments.engine.run import run_one
from experiments.engine.split import accuracy_on_test_images
from experiments.networks import binary_layers
from larq_bop.models import latent_cnn
from tests.backends import minutes_elsewhere, to_numpy
from tests.experiments.command import read, rows
from tests.experiments.images import random_images
from tests.experiments.runs import assert_resumes_to_the_same

SHAPE = (18, 18, 1)
SMALL = {"epochs": 2, "batch_size": 16}


@pytest.fixture
def images():
    return random_images(n=64, test=30, shape=SHAPE)


@pytest.fixture
def network():
    """A network whose weights are all random, as they would be after training."""
    network = latent_cnn(SHAPE)
    draw = np.random.default_rng(1)
    network.set_weights([draw.uniform(0.1, 1, w.shape) for w in network.get_weights()])
    for layer in binary_layers(network):
        layer.kernel.assign(draw.uniform(-1, 1, layer.kernel.shape))
    return network


def plain_network():
    """The same network of Keras' own layers, whose kernels are what they are."""

    def sign(x):
        return ops.where(x >= 0, 1.0, -1.0)

    inputs = x = keras.Input(SHAPE)
    for filters, pooled in ((32, True), (64, True), (64, False)):
        x = layers.Conv2D(filters, 3, use_bias=False)(x)
        x = layers.MaxPooling2D(2)(x) if pooled else x
        x = layers.BatchNormalization(scale=False)(x)
        x = layers.Activation(sign)(x)
    x = layers.Flatten()(x)
    x = layers.Activation(sign)(
        layers.BatchNormalization(scale=False)(layers.Dense(64, use_bias=False)(x))
    )
    x = layers.BatchNormalization(scale=False)(layers.Dense(10, use_bias=False)(x))
    return keras.Model(inputs, layers.Softmax()(x))


@pytest.mark.parametrize("latent", [range(5), range(1, 5), ()])
def test_latent_kernels_are_those_of_plain_layers(network, latent):
    weights = network.get_weights()
    kernels = [i for i, w in enumerate(weights) if w.ndim > 1]
    assert len(kernels) == 5
    for i, position in enumerate(kernels):
        if i not in latent:
            weights[position] = np.where(weights[position] >= 0, 1.0, -1.0)
    expected = plain_network()
    expected.set_weights(weights)
    names = [layer.name for layer in binary_layers(network)]
    ours = runs.with_latent_kernels(network, [names[i] for i in latent])
    x = np.random.default_rng(2).uniform(-1, 1, (8, *SHAPE)).astype("float32")
    np.testing.assert_allclose(
        ours.predict(x, verbose=0), expected.predict(x, verbose=0), rtol=1e-4, atol=1e-5
    )


def test_a_copy_has_variables_of_its_own(network):
    before = network.get_weights()
    copy = runs.with_latent_kernels(network, ())
    copy.set_weights([w + 1 for w in copy.get_weights()])
    for weight, expected in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("latent", [True, False])
def test_retraining_changes_batch_normalization_only(tmp_path, network, images, latent):
    names = [layer.name for layer in binary_layers(network)] if latent else []
    settings = runs.settings("mnist", "quick").with_options(**SMALL)
    trained = runs.Part(settings, images, RunFolder(tmp_path))
    trained.model = network
    training = runs.Retraining("retraining", [trained], names)
    copy = training.model
    before = [to_numpy(v) for v in copy.variables]
    training.train()
    for variable, old in zip(copy.variables, before, strict=True):
        changed = bool(np.any(to_numpy(variable) != old))
        assert changed == ("batch_normalization" in variable.path), variable.path


def test_accuracy_is_the_share_of_right_answers(network, images):
    scores = network.predict(images.test_images / np.float32(127.5) - 1, verbose=0)
    expected = np.mean(scores.argmax(axis=1) == images.test_labels)
    assert accuracy_on_test_images(network, images) == pytest.approx(expected, abs=1e-6)


def small_run():
    (made,) = runs.runs("report", "mnist", [3], limit=None, **SMALL).values()
    return made


def test_a_run_leaves_six_accuracies_and_four_phases(tmp_path, images):
    result = run_one(small_run(), images, tmp_path)
    assert result == read(tmp_path, "result.json")
    kinds = {"binary", "latent", "latent_but_first_layer_binary"}
    assert set(result) == kinds | {f"{kind}_retrained_batch_norm" for kind in kinds}
    assert all(0 <= accuracy <= 1 for accuracy in result.values())
    history = rows(tmp_path)
    assert list(history[0]) == ["epoch", "phase", "loss", "accuracy"]
    assert [row["epoch"] for row in history] == list("12345678")
    phases = ["training"]
    phases += [f"{kind}_batch_norm" for kind in ("latent", "binary", "latent_but_first_layer")]
    assert [row["phase"] for row in history] == [phase for phase in phases for _ in range(2)]
    config = read(tmp_path, "config.json")
    assert config["shortened"] == "2 of 6 epochs"
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.slow
@minutes_elsewhere
def test_an_interrupted_run_resumes_in_each_of_its_phases(tmp_path, images):
    assert_resumes_to_the_same(
        small_run(),
        images,
        tmp_path,
        (Checkpoints, "save", 2),  # in training,
        (Checkpoints, "save", 3),  # after an epoch more of that in the first retraining,
        (Checkpoints, "save", 2),  # after another one in the second.
    )


def test_the_report_is_set_as_in_its_section_3_1_1():
    made = runs.runs("report")
    assert list(made) == [
        f"{dataset}-seed-{seed}" for dataset in ("mnist", "cifar10") for seed in range(10)
    ]
    settings = made["cifar10-seed-9"].settings
    assert (settings.dataset, settings.seed) == ("cifar10", 9)
    assert (settings.epochs, settings.batch_size, settings.learning_rate) == (6, 64, 1e-3)
    assert (settings.augment, settings.validation_share, settings.limit) == (False, 0.0, None)
