"""What a training run is made of, and the settings that the report and the paper used."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides what a run computes: equal settings give equal weights.

    Attributes:
        experiment: The experiment's name.
        dataset: The data set's name.
        preset: Which protocol the settings started from, such as quick, report or paper.
        epochs: Passes over the training images.
        batch_size: Images a step.
        validation_share: The share of the training images, taken from their end, that is held out
            for validation; without one the last weights are tested, not the best.
        augment: Whether training images are padded, cropped and flipped at random.
        dtype_policy: Keras' dtype policy, such as "float32" or "mixed_bfloat16".
        limit: Use only so many training images, for a rehearsal; None for all.
        seed: The seed of the initial weights, the order of the images and their augmentation.
    """

    experiment: str
    dataset: str
    preset: str
    epochs: int
    batch_size: int
    validation_share: float = 0.0
    augment: bool = False
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


@dataclass(frozen=True, kw_only=True)
class BopSettings(Settings):
    """The settings of a run that Bop trains.

    Attributes:
        filters: Output channels of the network's first convolution.
        gamma: Bop's gamma at the start.
        gamma_decay: The factor by which gamma changes every `gamma_decay_epochs`.
        gamma_decay_epochs: Epochs between two changes of gamma.
        threshold: Bop's threshold.
        learning_rate: Adam's learning rate, for the batch normalization.
        patience: Stop after so many epochs without a flip; None for never.
    """

    filters: int
    gamma: float
    threshold: float
    learning_rate: float = 0.01
    gamma_decay: float = 0.1
    gamma_decay_epochs: int = 100
    validation_share: float = 0.1
    patience: int | None = None


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


def shortened(settings: Settings, protocol: Settings) -> str | None:
    """Tells where a run falls short of its protocol, for its config and its caption.

    Args:
        settings: The run's.
        protocol: What they would be at full length.

    Returns:
        Words such as "20 of 500 epochs, gamma decays every 4 epochs instead of 100", or None for a
        run of full length.
    """
    told = [
        f"{now:,} of {full:,} {name}"
        for name in ("epochs", "filters")
        if (now := getattr(settings, name, 0)) < (full := getattr(protocol, name, 0))
    ]
    if settings.limit is not None:
        told.append(f"{settings.limit:,} training images only")
    now, full = (_decay_epochs(s) for s in (settings, protocol))
    if None not in (now, full) and now < full:
        told.append(f"gamma decays every {now} epochs instead of {full}")
    return ", ".join(told) or None


def _decay_epochs(settings: Settings) -> int | None:
    """Returns the epochs between two changes of gamma, if it changes."""
    changes = getattr(settings, "gamma_decay", 1.0) != 1.0
    return settings.gamma_decay_epochs if changes else None
