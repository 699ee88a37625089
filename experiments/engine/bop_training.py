"""Training with Bop."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

import larq_bop
from experiments.data import Dataset
from experiments.engine.folder import RunFolder
from experiments.engine.settings import BinarynetSettings, BopSettings
from experiments.engine.training import Training
from larq_bop.callbacks import FlipRatioLogger
from larq_bop.models import binarynet


class BopTraining(Training):
    """The training of a binary network: with Bop for its binary weights, with Adam for the rest.

    The network is binarynet, unless a subclass overrides `network`.

    Args:
        settings: The run's settings.
        data: The data set.
        here: The run's folder.

    Raises:
        ExperimentError: if there are checkpoints and all are damaged.
    """

    settings: BopSettings

    def __init__(self, settings: BopSettings, data: Dataset, here: RunFolder):
        super().__init__(settings, data, here)
        self._flips = FlipRatioLogger()

    def network(self) -> keras.Model:
        assert isinstance(self.settings, BinarynetSettings)
        return binarynet(self.data.input_shape, self.data.num_classes, self.settings.filters)

    def optimizer(self, steps: int) -> keras.optimizers.Optimizer:
        threshold, gamma, learning_rate = (
            self.settings.schedule(name).by_step(steps)
            for name in ("threshold", "gamma", "learning_rate")
        )
        return larq_bop.CaseOptimizer(
            (larq_bop.Bop.is_binary_variable, larq_bop.Bop(threshold=threshold, gamma=gamma)),
            default_optimizer=keras.optimizers.Adam(learning_rate),
        )

    def title(self) -> str:
        settings = self.settings
        hyperparameters = f"gamma {settings.gamma:g}, threshold {settings.threshold:g}"
        return f"{hyperparameters}, {settings.batch_size} images a step"

    def callbacks(self) -> list[keras.callbacks.Callback]:
        return [self._flips]

    def row(self, epoch: int, logs: dict[str, Any]) -> dict[str, Any]:
        return {
            **super().row(epoch, logs),
            **{name: logs[name] for name in ("flips", "flip_ratio") if name in logs},
            "gamma": self.settings.schedule("gamma").at(epoch),
        }

    def is_done(self) -> bool:
        """Returns whether all epochs are done, or no weight flipped for `patience` epochs."""
        patience = self.settings.patience
        last = self.progress.history[-patience:] if patience else []
        still = patience is not None and len(last) == patience
        still = still and not any(row["flips"] for row in last)
        return still or super().is_done()

    def test(self) -> dict[str, Any]:
        flips = sum(row["flips"] for row in self.progress.history)
        return {**super().test(), "flips": flips, **sizes(self.model)}


def sizes(network: keras.Model) -> dict[str, int]:
    """Returns the numbers of weights, and their size in bytes: packed, and in float32."""
    weights = sum(int(np.prod(v.shape)) for v in network.weights)
    binary = sum(
        int(np.prod(v.shape)) for v in network.weights if larq_bop.Bop.is_binary_variable(v)
    )
    return {
        "binary_weights": binary,
        "other_weights": weights - binary,
        "bytes_with_1_bit_weights": -(-binary // 8) + 4 * (weights - binary),
        "bytes_in_float32": 4 * weights,
    }
