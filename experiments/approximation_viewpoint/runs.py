"""Runs of the report's section 3.1.1 (Table 1): does a network approximate its latent weights?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras

from experiments.data import Dataset
from experiments.engine.folder import RunFolder
from experiments.engine.run import Run
from experiments.engine.settings import Settings
from experiments.engine.split import accuracy_on_test_images
from experiments.engine.training import Training
from experiments.networks import binary_layers, rebuilt
from larq_bop.models import latent_cnn

NAME = "approximation-viewpoint"
DATASETS = ("mnist", "cifar10")
_SEEDS = {"quick": range(3), "report": range(10)}
_LENGTH: dict[str, dict[str, Any]] = {
    "quick": {"epochs": 2, "limit": 10_000},
    "report": {"epochs": 6},
}


class Kind(NamedTuple):
    """A kind of weights that is tested.

    Attributes:
        label: Its name in tables and figures.
        latent: The layers that compute with their latent weights instead of the signs, as a slice
            of all binary layers.
        retraining: The part of the run in which batch normalization is retrained with these
            weights; None to test the network without retraining.
    """

    label: str
    latent: slice
    retraining: str | None = None


_NONE, _ALL, _ALL_BUT_FIRST = slice(0), slice(None), slice(1, None)
AS_IN_THE_REPORT = "latent_but_first_layer_binary_retrained_batch_norm"
"""The kind that the report's code tests as latent weights with batch normalization retrained."""

KINDS = {
    "binary": Kind("binary weights", _NONE),
    "latent": Kind("latent weights", _ALL),
    "latent_retrained_batch_norm": Kind(
        "latent weights,\nbatch norm retrained", _ALL, "latent_batch_norm"
    ),
    "binary_retrained_batch_norm": Kind(
        "binary weights,\nbatch norm retrained", _NONE, "binary_batch_norm"
    ),
    "latent_but_first_layer_binary": Kind("latent weights but in\nthe first layer", _ALL_BUT_FIRST),
    AS_IN_THE_REPORT: Kind(
        "latent weights but in the\nfirst layer, batch norm retrained",
        _ALL_BUT_FIRST,
        "latent_but_first_layer_batch_norm",
    ),
}
"""The kinds of weights that are tested, by their names in `result.json`.

The fourth, the control, is not in the report. The last two are those that the report's code tests
as latent weights: there the first layer stays binary.
"""


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
        seeds: The seeds, with one run for each; None for those of the preset.
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


class Part(Training):
    """A part of a run with its own checkpoints: the training of the network with latent weights.

    Args:
        settings: The run's settings.
        data: The data set.
        here: The run's folder.
        part: The part's name.
        earlier: The parts before it, whose rows come before its own in the history.
    """

    settings: ApproximationSettings
    steps_per_execution = 32

    def __init__(
        self,
        settings: ApproximationSettings,
        data: Dataset,
        here: RunFolder,
        part: str = "training",
        earlier: Sequence[Part] = (),
    ):
        self.part, self._earlier = part, earlier
        super().__init__(settings, data, here)

    def network(self) -> keras.Model:
        return latent_cnn(self.data.input_shape, self.data.num_classes)

    def optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        return keras.optimizers.Adam(self.settings.learning_rate)

    def title(self) -> str:
        return self.part.replace("_", " ")

    def rows(self) -> list[dict[str, Any]]:
        """Returns the rows of all parts so far, with their epochs numbered consecutively."""
        rows = [
            {"epoch": 0, "phase": part.part, **row}
            for part in (*self._earlier, self)
            for row in part.progress.history
        ]
        return [{**row, "epoch": epoch} for epoch, row in enumerate(rows, start=1)]


class Retraining(Part):
    """The training of batch normalization alone, with the weights of the first part.

    Args:
        part: The part's name.
        earlier: The parts before it. The network of the first is copied.
        latent: The names of the layers whose kernels are not quantized.
    """

    def __init__(self, part: str, earlier: Sequence[Part], latent: Iterable[str]):
        self._latent = latent
        trained = earlier[0]
        self._trained = trained.model
        super().__init__(trained.settings, trained.data, trained.here, part, earlier)

    def network(self) -> keras.Model:
        return only_batch_normalization(with_latent_kernels(self._trained, self._latent))


def measure(settings: ApproximationSettings, data: Dataset, here: RunFolder) -> dict[str, Any]:
    """Trains a network, then tests it with each of `KINDS` of weights.

    Some kinds are tested right after the training. Others are tested after the same number of
    epochs more, on the same images in the same order, in which only batch normalization is trained.

    Args:
        settings: The run's settings.
        data: The data set.
        here: The run's folder.

    Returns:
        Test accuracies, shares of 1, by kind of weights.
    """
    trained = Part(settings, data, here)
    trained.train()
    layers = [layer.name for layer in binary_layers(trained.model)]
    result = {}
    for name, kind in KINDS.items():
        if kind.retraining is None:
            network = with_latent_kernels(trained.model, layers[kind.latent])
            result[name] = accuracy_on_test_images(network, data)
    parts = [trained]
    for name, kind in KINDS.items():
        if kind.retraining is not None:
            part = Retraining(kind.retraining, tuple(parts), layers[kind.latent])
            part.train()
            parts.append(part)
            result[name] = accuracy_on_test_images(part.model, data)
    return result


def with_latent_kernels(network: keras.Model, layers: Iterable[str]) -> keras.Model:
    """Returns a copy of a network in which some layers compute with their latent weights.

    Args:
        network: A network of binary layers with latent weights.
        layers: The names of the layers whose kernels are no longer quantized. Their inputs are
            still binarized.
    """
    layers = set(layers)
    return rebuilt(
        network, lambda layer: {"kernel_quantizer": None} if layer.name in layers else {}
    )


def only_batch_normalization(network: keras.Model) -> keras.Model:
    """Freezes all layers of a network except batch normalization, and returns the network."""
    for layer in network.layers:
        layer.trainable = isinstance(layer, keras.layers.BatchNormalization)
    return network
