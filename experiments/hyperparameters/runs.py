"""Runs of the report's section 3.2 (Figure 2): the effect of Bop's gamma and threshold."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from experiments.data import Dataset
from experiments.engine.bop_training import BopTraining
from experiments.engine.folder import COMPRESSED_STEPS, RunFolder
from experiments.engine.run import Run
from experiments.engine.settings import BinarynetSettings

NAME = "hyperparameters"
_BEHIND_THE_FIGURE = ((1e-2, 1e-6), (1e-3, 1e-6), (1e-4, 1e-6), (1e-3, 0.0), (1e-3, 1e-5))
_IN_THE_TEXT = ((1e-1, 1e-5), (1e-2, 1e-5), (1e-2, 0.0), (1e-2, 1e-4))
PAIRS = (*_BEHIND_THE_FIGURE, *_IN_THE_TEXT)
"""Pairs of gamma and threshold: those of the report's figure, then those only in its text."""

_LENGTH: dict[str, dict[str, Any]] = {
    "quick": {"filters": 16, "epochs": 2, "limit": 5_000},
    "short": {"filters": 32, "epochs": 10},
    "report": {"filters": 128, "epochs": 100},
}


def settings(gamma: float, threshold: float, preset: str) -> BinarynetSettings:
    """Returns the settings of a run.

    Args:
        gamma: Bop's gamma, which does not decay.
        threshold: Bop's threshold.
        preset: quick, short or report, the report's section 3.2.
    """
    return BinarynetSettings(
        experiment=NAME,
        dataset="cifar10",
        preset=preset,
        batch_size=50,
        augment=True,
        gamma=gamma,
        threshold=threshold,
        gamma_decay=1.0,
        **_LENGTH[preset],
    )


def runs(preset: str, **options: Any) -> dict[str, Run]:
    """Returns the runs by name, one for each of `PAIRS`.

    Args:
        preset: quick, short or report.
        **options: Settings to change; None to leave one as it is.
    """
    return {
        f"gamma-{gamma:g}-threshold-{threshold:g}": Run(
            settings(gamma, threshold, preset).with_options(**options),
            settings(gamma, threshold, "report"),
            TrainingByStep.measure,
        )
        for gamma, threshold in PAIRS
    }


class TrainingByStep(BopTraining):
    """Training with Bop that writes the accuracy and the flips of each step to `steps.csv.gz`.

    Args:
        settings: The run's settings.
        data: The data set.
        here: The run's folder.

    Raises:
        ExperimentError: if there are checkpoints and all are damaged, or if `steps.csv.gz` is
            missing or damaged although there is a checkpoint.
    """

    def __init__(self, settings: BinarynetSettings, data: Dataset, here: RunFolder):
        super().__init__(settings, data, here)
        self._on_bytes.keep_steps = True
        done = self.progress.epoch * self.steps
        # The process may have been killed after it wrote an epoch's steps, before its checkpoint.
        self._rows: list[dict[str, Any]] = (
            [*here.read_rows(COMPRESSED_STEPS)[:done]] if done else []
        )

    def callbacks(self) -> list[keras.callbacks.Callback]:
        log = keras.callbacks.LambdaCallback(
            on_epoch_begin=self._begin_epoch,
            on_train_batch_end=self._record_steps,
        )
        return [*super().callbacks(), log]

    def before_checkpoint(self) -> None:
        self.here.write_rows(COMPRESSED_STEPS, self._rows)

    def _begin_epoch(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._correct, self._seen = 0, 0

    def _record_steps(self, batch: int, logs: dict[str, Any]) -> None:
        accuracies = np.atleast_1d(logs.get("accuracy_by_step", logs["accuracy"]))
        flips = self._flips.flips[-len(accuracies) :]
        for accuracy, flipped in zip(accuracies, flips, strict=True):
            # Keras logs the share over the epoch so far, exactly enough to count images.
            self._seen += self.batch_size
            correct = round(float(accuracy) * self._seen)
            self._rows.append(
                {
                    "step": len(self._rows) + 1,
                    "accuracy": (correct - self._correct) / self.batch_size,
                    "flips": flipped,
                }
            )
            self._correct = correct
