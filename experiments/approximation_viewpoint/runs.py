"""The report's section 3.1.1: are latent weights what a binary network approximates? Table 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from experiments.data import Dataset
from experiments.engine.folder import HISTORY, RunFolder
from experiments.engine.run import Outcome, Run, train
from experiments.engine.settings import Settings
from experiments.engine.training import Training, accuracy_on_test_images
from experiments.networks import binary_layers, rebuilt
from larq_bop.models import latent_cnn

NAME = "approximation-viewpoint"
DATASETS = ("mnist", "cifar10")
_SEEDS = {"quick": range(3), "report": range(10)}
_LENGTH = {"quick": {"epochs": 2, "limit": 10_000}, "report": {"epochs": 6}}
_STEPS_PER_EXECUTION = 32


@dataclass(frozen=True, kw_only=True)
class ApproximationSettings(Settings):
    """The settings of a run.

    Attributes:
        learning_rate: Adam's learning rate, in training and in retraining.
    """

    learning_rate: float = 1e-3


def settings(dataset: str, preset: str, seed: int = 0) -> ApproximationSettings:
    """Returns the settings of a run.

    Args:
        dataset: mnist or cifar10.
        preset: quick; report, its section 3.1.1.
        seed: The run's seed.
    """
    return ApproximationSettings(
        experiment=NAME, dataset=dataset, preset=preset, batch_size=64, seed=seed, **_LENGTH[preset]
    )


def runs(
    preset: str, dataset: str | None = None, seeds: Sequence[int] | None = None, **options: Any
) -> dict[str, Run]:
    """Returns the runs by name.

    Args:
        preset: quick or report.
        dataset: mnist or cifar10; None for both.
        seeds: A run each; None for the preset's.
        **options: Settings to change; None to leave one as it is.
    """
    return {
        f"{name}-seed-{seed}": Run(
            settings(name, preset, seed).with_options(**options),
            settings(name, "report", seed),
            measure,
        )
        for name in ([dataset] if dataset else DATASETS)
        for seed in (_SEEDS[preset] if seeds is None else seeds)
    }


def measure(settings: ApproximationSettings, data: Dataset, here: RunFolder) -> Outcome:
    """Trains a network, then tests it with binary and with latent weights.

    Both are tested as they come out of the training, and after as many more epochs, on the same
    images in the same order, that train batch normalization only. So are latent weights beside a
    first layer that stays binary, which is what the report's code tests.

    Returns:
        Test accuracies by kind of weights, and the wall time.
    """
    parts: dict[str, Training] = {}

    def trained(part: str, build_network) -> Training:
        training = Training(
            settings,
            build_network,
            lambda steps: keras.optimizers.Adam(settings.learning_rate),
            data,
            here.checkpoints_of(part),
            _STEPS_PER_EXECUTION,
        )
        parts[part] = training
        train(training, part.replace("_", " "), lambda: here.write_rows(HISTORY, history(parts)))
        return training

    network = trained("training", lambda: latent_cnn(data.input_shape, data.num_classes)).network
    layers = [layer.name for layer in binary_layers(network)]

    def retrained(part: str, latent: Iterable[str]) -> float:
        copy = trained(part, lambda: only_batch_normalization(with_latent_kernels(network, latent)))
        return accuracy_on_test_images(copy.network, data)

    result = {
        "binary": accuracy_on_test_images(network, data),
        "latent": accuracy_on_test_images(with_latent_kernels(network, layers), data),
        "latent_but_first_layer_binary": accuracy_on_test_images(
            with_latent_kernels(network, layers[1:]), data
        ),
        "latent_retrained_batch_norm": retrained("latent_batch_norm", layers),
        "binary_retrained_batch_norm": retrained("binary_batch_norm", ()),
        "latent_but_first_layer_binary_retrained_batch_norm": retrained(
            "latent_but_first_layer_batch_norm", layers[1:]
        ),
    }
    return result, sum(training.progress.seconds for training in parts.values())


def with_latent_kernels(network: keras.Model, layers: Iterable[str]) -> keras.Model:
    """Returns a copy of a network in which some layers use their latent weights as they are.

    Args:
        network: A network of binary layers with latent weights.
        layers: The names of the layers whose kernels are not quantized any more. Activations are
            binary all the same.
    """
    layers = set(layers)
    return rebuilt(
        network, lambda layer: {"kernel_quantizer": None} if layer.name in layers else {}
    )


def only_batch_normalization(network: keras.Model) -> keras.Model:
    """Freezes all layers of a network but batch normalization, and returns it."""
    for layer in network.layers:
        layer.trainable = isinstance(layer, keras.layers.BatchNormalization)
    return network


def history(parts: dict[str, Training]) -> list[dict[str, Any]]:
    """Returns the rows of the parts one after the other, their epochs counted through."""
    rows = [
        {"epoch": 0, "phase": part, **row}
        for part, training in parts.items()
        for row in training.progress.history
    ]
    return [{**row, "epoch": epoch} for epoch, row in enumerate(rows, start=1)]
