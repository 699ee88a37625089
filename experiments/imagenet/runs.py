"""The runs: one of the paper's three networks, or QuickNet, on a data set of photographs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import keras

from experiments.data.stream import StoredData, Stream
from experiments.engine import hosts
from experiments.engine.run import Run
from experiments.engine.single import SingleTraining
from experiments.imagenet.settings import ImagenetSettings, Model, settings
from larq_bop import zoo

_MEAN = (123.675, 116.28, 103.53)
_DEVIATION = (58.395, 57.12, 57.375)

_TESTED = {
    "test_accuracy": "val_accuracy",
    "test_top_5_accuracy": "val_top_5_accuracy",
    "test_loss": "val_cross_entropy",
}

_NETWORKS = {
    "binary-alexnet": zoo.binary_alexnet,
    "xnor-net": zoo.xnor_net,
    "bireal-net": zoo.bireal_net,
    "quicknet": zoo.quicknet,
}


def run(model: Model, dataset: str, preset: str, tensorboard: bool = False, **options: Any) -> Run:
    """Returns the run of a preset.

    Args:
        model: The network, such as quicknet.
        dataset: The data set's name in TensorFlow Datasets, or the folder of one.
        preset: quick or paper.
        tensorboard: Whether event files are written as well.
        **options: Settings to change; None to leave one as it is.
    """
    measure = functools.partial(ImagenetTraining.measure, tensorboard=tensorboard)
    chosen = settings(model, dataset, preset).with_options(**options)
    return Run(chosen, settings(model, dataset, "paper"), measure)


class ImagenetTraining(SingleTraining):
    """Training on images that are read, decoded and cropped batch by batch.

    Each epoch is tested, which decides nothing: the last weights are the result's. Where there are
    several hosts, each brings its share of every batch.
    """

    settings: ImagenetSettings
    held_out = "test"

    def batches(self) -> tuple[Stream, Stream, Stream]:
        settings, data = self.settings, self.data
        assert isinstance(data, StoredData)
        size, images = settings.image_size, settings.batch_size
        hosts.require_even_shares(images)
        share = {"hosts": hosts.number(), "host": hosts.this()}
        training = Stream(data, "train", size, images, settings.seed, settings.limit, **share)
        test = Stream(data, data.test_split, size, images, **share)
        return training, test, test

    def network(self) -> keras.Model:
        size = self.settings.image_size
        return _NETWORKS[self.settings.model]((size, size, 3), self.data.num_classes)

    def on_bytes(self) -> keras.Model:
        images = keras.Input(self.model.input_shape[1:], dtype="uint8", name="images")
        variance = [deviation**2 for deviation in _DEVIATION]
        scale = keras.layers.Normalization(mean=_MEAN, variance=variance, dtype="float32")
        return keras.Model(images, self.model(scale(images)), name=f"{self.model.name}_on_bytes")

    def metrics(self) -> dict[str, list]:
        # Weighted: what fills up the last batch of a test does not count.
        return {
            "weighted_metrics": [
                keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
                keras.metrics.SparseTopKCategoricalAccuracy(5, name="top_5_accuracy"),
                keras.metrics.SparseCategoricalCrossentropy(name="cross_entropy"),
            ]
        }

    def title(self) -> str:
        settings = self.settings
        length = f"{settings.epochs} epochs, {settings.image_size} pixels, seed {settings.seed}"
        hyperparameters = f"gamma {settings.gamma:g}, threshold {settings.threshold:g}"
        name = f"{settings.model} on {Path(settings.dataset).name}, preset {settings.preset}"
        return f"{name}: {length}, {hyperparameters}"

    def row(self, epoch: int, logs: dict[str, Any]) -> dict[str, Any]:
        training = {name: value for name, value in logs.items() if not name.startswith("val_")}
        return {
            **super().row(epoch, training),
            "top_5_accuracy": training["top_5_accuracy"],
            **{name: logs[key] for name, key in _TESTED.items()},
        }

    def tested(self, row: dict[str, Any]) -> dict[str, Any]:
        # The last epoch's weights were tested in its end.
        return {name: row[name] for name in _TESTED}
