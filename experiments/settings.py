"""What a training run is made of, and the settings that the report and the paper used."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a run computes: equal settings give equal weights.

    Attributes:
        experiment: The experiment's name.
        dataset: The data set's name.
        preset: Which protocol the settings started from: quick, report or paper.
        filters: Output channels of the network's first convolution.
        epochs: Passes over the training images.
        batch_size: Images a step.
        gamma: Bop's gamma at the start.
        gamma_decay: The factor by which gamma changes every `gamma_decay_epochs`.
        gamma_decay_epochs: Epochs between two changes of gamma.
        threshold: Bop's threshold.
        learning_rate: Adam's learning rate, for the batch normalization.
        validation_share: The share of the training images, taken from their end, that is held out
            for validation; without one the last weights are tested, not the best.
        augment: Whether training images are padded, cropped and flipped at random.
        patience: Stop after so many epochs without a flip; None for never.
        dtype_policy: Keras' dtype policy, such as "float32" or "mixed_bfloat16".
        limit: Use only so many training images, for a rehearsal; None for all.
        seed: The seed of the initial weights, the order of the images and their augmentation.
    """

    experiment: str
    dataset: str
    preset: str
    filters: int
    epochs: int
    batch_size: int
    gamma: float
    threshold: float
    learning_rate: float = 0.01
    gamma_decay: float = 0.1
    gamma_decay_epochs: int = 100
    validation_share: float = 0.1
    augment: bool = False
    patience: int | None = None
    dtype_policy: str = "float32"
    limit: int | None = None
    seed: int = 0

    def with_options(self, **options: Any) -> Settings:
        """Returns these settings with the options that are not None put in."""
        given = {name: value for name, value in options.items() if value is not None}
        return dataclasses.replace(self, **given)

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings as they stand in `config.json`."""
        return dataclasses.asdict(self)


REPORT = {
    "epochs": 500,
    "batch_size": 50,
    "gamma": 1e-3,
    "threshold": 1e-7,
    "patience": 10,
}
"""The report, section 4.3: stopped when no weight had flipped for ten epochs."""

PAPER = {
    "epochs": 500,
    "batch_size": 50,
    "gamma": 1e-4,
    "threshold": 1e-8,
    "validation_share": 0.0,
}
"""The paper, section 5.2: 500 epochs on all training images, the last weights tested."""
