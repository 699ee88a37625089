"""Many steps in one program: what an accelerator on JAX runs, here on its CPU."""

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from experiments import data
from experiments.cifar10 import runs as cifar10
from experiments.cli import app
from experiments.data.batches import Batches
from experiments.engine import accelerator
from experiments.engine.bop_training import BopTraining
from experiments.engine.folder import RunFolder
from experiments.hyperparameters.runs import TrainingByStep
from larq_bop.layers import QuantDense
from larq_bop.quantizers import NoOp
from tests.backends import BACKEND, to_numpy
from tests.experiments import command
from tests.experiments.images import random_images

on_jax = pytest.mark.skipif(BACKEND != "jax", reason="only JAX takes many steps in one program")


def batches(n, batch_size, seed=None, augment=True):
    images = np.arange(n * 12, dtype="uint8").reshape(n, 2, 2, 3)
    return Batches(images, np.arange(n, dtype="int32"), batch_size, augment, seed)


@pytest.mark.parametrize("n", [20, 23, 3])
@pytest.mark.parametrize("seed", [None, 7])
def test_blocks_hold_what_the_batches_hold(n, seed):
    whole = batches(n, 5, seed)
    blocks = accelerator.Blocks(whole, first_row=100)
    taken = [blocks[i] for i in range(len(blocks))]
    steps = [
        (rows - 100, moves, labels)
        for inputs, y in taken
        for rows, moves, labels in zip(inputs["rows"], inputs["moves"], y, strict=True)
    ]
    assert len(steps) == len(whole)
    for (rows, moves, labels), (inputs, expected) in zip(
        steps, (whole[i] for i in range(len(whole))), strict=True
    ):
        np.testing.assert_array_equal(whole.images[rows], inputs["images"])
        np.testing.assert_array_equal(moves, inputs["moves"])
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize(
    ("n", "lengths"), [(1024, [1024]), (1025, [513, 512]), (2500, [834, 834, 832])]
)
def test_blocks_are_no_longer_than_the_flips_remembered(n, lengths):
    blocks = accelerator.Blocks(batches(n, 1, augment=False), 0)
    assert [len(blocks[i][1]) for i in range(len(blocks))] == lengths


def test_a_cpu_is_no_accelerator():
    assert not accelerator.is_at_hand()


class Dense:
    """Gives a training a network without convolutions."""

    def network(self):
        inputs = keras.Input(self.data.input_shape)
        x = keras.layers.Flatten()(inputs)
        for units in (16, self.data.num_classes):
            x = QuantDense(units, kernel_quantizer=NoOp(precision=1), use_bias=False)(x)
            x = keras.layers.BatchNormalization(momentum=0.9, scale=False)(x)
        return keras.Model(inputs, keras.layers.Activation("softmax", dtype="float32")(x))


class DenseTraining(Dense, BopTraining):
    pass


class DenseTrainingByStep(Dense, TrainingByStep):
    pass


def trained(folder, kind=DenseTraining, **options):
    small = {"filters": 2, "batch_size": 10, "epochs": 3, "gamma": 0.1, "threshold": 1e-3}
    settings = cifar10.settings("report").with_options(**{**small, **options})
    folder.mkdir(exist_ok=True)
    training = kind(settings, random_images(), RunFolder(folder))
    training.train()
    return training


@pytest.fixture
def both(tmp_path, monkeypatch):
    def train(*arguments, **options):
        single = trained(tmp_path / "single", *arguments, **options)
        monkeypatch.setattr(accelerator, "is_at_hand", lambda: True)
        return single, trained(tmp_path / "scanned", *arguments, **options)

    return train


def assert_same_history(scanned, single, tolerance):
    both = zip(scanned.progress.history, single.progress.history, strict=True)
    for row, expected in both:
        assert row == pytest.approx(expected, rel=tolerance, abs=tolerance)


@on_jax
@pytest.mark.parametrize("options", [{}, {"gamma_schedule": "cosine"}, {"validation_share": 0.0}])
def test_a_block_gives_exactly_the_weights_of_its_steps(both, options):
    single, scanned = both(**options)
    assert single.items == single.steps
    assert scanned.items == 1
    assert sum(row["flips"] for row in single.progress.history) > 0
    for value, expected in zip(scanned._state, single._state, strict=True):
        np.testing.assert_array_equal(to_numpy(value), to_numpy(expected))
    assert_same_history(scanned, single, 1e-6)
    result, expected = scanned.test(), single.test()
    assert result.keys() == expected.keys()
    for name, number in result.items():
        assert number == (number and pytest.approx(expected[name], rel=1e-6))


@on_jax
def test_a_block_of_convolutions_gives_the_weights_within_rounding(both):
    single, scanned = both(BopTraining, epochs=1)
    equal = [
        np.mean(to_numpy(value) == to_numpy(expected))
        for value, expected in zip(scanned.model.weights, single.model.weights, strict=True)
        if getattr(value, "precision", 32) == 1
    ]
    assert min(equal) > 0.99
    assert_same_history(scanned, single, 0.1)


@on_jax
def test_the_steps_of_a_block_are_recorded_one_by_one(tmp_path, monkeypatch):
    runs = []
    for path in (tmp_path / "single", tmp_path / "scanned"):
        runs.append(trained(path, DenseTrainingByStep)._rows)
        monkeypatch.setattr(accelerator, "is_at_hand", lambda: True)
    assert len(runs[0]) == 27
    assert runs[1] == runs[0]


@on_jax
def test_a_resumed_training_of_blocks_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(accelerator, "is_at_hand", lambda: True)
    whole = trained(tmp_path / "whole")
    trained(tmp_path / "parts", epochs=1)
    resumed = trained(tmp_path / "parts")
    for value, expected in zip(resumed._state, whole._state, strict=True):
        np.testing.assert_array_equal(to_numpy(value), to_numpy(expected))


@on_jax
@pytest.mark.slow
@pytest.mark.parametrize("preset", ["fast", "report"])
def test_the_command_for_an_accelerator_is_rehearsed(tmp_path, monkeypatch, preset):
    images = random_images(n=200, test=40, shape=(32, 32, 3))
    monkeypatch.setattr(accelerator, "is_at_hand", lambda: True)
    monkeypatch.setattr(data, "load", lambda name, folder: images)
    small = ["--filters", "1", "--epochs", "2"]
    arguments = ["cifar10", "--preset", preset, "--dtype-policy", "mixed_bfloat16", *small]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert command.read(tmp_path / "run", "result.json")["epochs"] == 2
    assert len(command.rows(tmp_path / "run")) == 2
    settings = command.read(tmp_path / "run", "config.json")["settings"]
    assert (settings["preset"], settings["dtype_policy"]) == (preset, "mixed_bfloat16")
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert not any("stored_images" in variable.path for variable in model.variables)
