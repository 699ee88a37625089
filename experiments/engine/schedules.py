"""Schedules of hyperparameters over the epochs of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from keras.optimizers.schedules import LearningRateSchedule

Name = Literal["constant", "step", "linear", "cosine"]


@dataclass(frozen=True)
class Schedule:
    """A hyperparameter's value over the epochs of a run.

    Attributes:
        name: constant; step: multiplied by a factor every few epochs; linear: a straight line from
            start to end; cosine: half a cosine wave from start to end.
        start: The value at the start.
        end: The value at the end of the last epoch, for linear and cosine.
        epochs: The number of epochs of the run.
        decay: The factor, for step.
        decay_epochs: The number of epochs between two changes, for step.

    Raises:
        ValueError: for a cosine that starts at 0, which Keras' schedule does not support.
    """

    name: Name
    start: float
    end: float
    epochs: int
    decay: float
    decay_epochs: int

    def __post_init__(self):
        if self.name == "cosine" and self.start == 0:
            raise ValueError("A cosine schedule cannot begin at 0.")

    def by_step(self, steps: int) -> float | LearningRateSchedule:
        """Returns the schedule for an optimizer: a number, or a schedule of Keras over steps.

        Args:
            steps: The number of steps in an epoch.
        """
        # The command line imports this module before it loads Keras.
        from keras.optimizers import schedules

        if self.name == "constant":
            return self.start
        if self.name == "step":
            return schedules.ExponentialDecay(
                self.start, steps * self.decay_epochs, self.decay, staircase=True
            )
        if self.name == "linear":
            return schedules.PolynomialDecay(self.start, steps * self.epochs, self.end)
        return schedules.CosineDecay(self.start, steps * self.epochs, self.end / self.start)

    def at(self, epoch: int) -> float:
        """Returns the value in the first step of an epoch.

        Args:
            epoch: The epoch, from 0.
        """
        if self.name == "constant":
            return self.start
        if self.name == "step":
            return self.start * self.decay ** (epoch // self.decay_epochs)
        passed = min(1.0, epoch / self.epochs)
        left = 1.0 - passed if self.name == "linear" else (1.0 + math.cos(math.pi * passed)) / 2.0
        return self.end + (self.start - self.end) * left
