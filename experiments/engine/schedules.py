"""How a hyperparameter changes over a run, by name."""

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
        name: constant; step, a factor every so many epochs; linear, a straight line from start to
            end; cosine, half a wave from start to end.
        start: The value at the start.
        end: The value at the end of the last epoch; of linear and cosine alone.
        epochs: The epochs of the whole run.
        decay: The factor of step.
        decay_epochs: The epochs between two changes of step.

    Raises:
        ValueError: for cosine from 0, which Keras' schedule cannot begin with.
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
        """Returns what an optimizer takes.

        Args:
            steps: Steps an epoch.
        """
        # The command line knows schedules by name before it loads Keras.
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
