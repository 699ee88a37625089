"""What a training run is made of, and the settings that the report and the paper used."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from experiments.engine.schedules import Name, Schedule
from experiments.errors import ExperimentError


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

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Returns the settings that have a value where none is given."""
        return {
            field.name: field.default
            for field in dataclasses.fields(cls)
            if field.default is not dataclasses.MISSING
        }

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings as they stand in `config.json`."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class BopSettings(Settings):
    """The settings of a run that Bop trains.

    Attributes:
        filters: Output channels of the network's first convolution.
        gamma: Bop's gamma at the start.
        gamma_schedule: How gamma changes from there, see `Schedule`.
        gamma_end: Gamma at the end of a linear or cosine schedule.
        gamma_decay: The factor of a step schedule, every `gamma_decay_epochs`.
        gamma_decay_epochs: Epochs between two changes of a step schedule.
        threshold: Bop's threshold at the start.
        threshold_schedule: How it changes; step as gamma does.
        threshold_end: The threshold at the end of a linear or cosine schedule.
        learning_rate: Adam's learning rate at the start, for the batch normalization.
        learning_rate_schedule: How it changes; step as gamma does.
        learning_rate_end: The learning rate at the end of a linear or cosine schedule.
        patience: Stop after so many epochs without a flip; None for never.
        note: Where the run departs from the source that its preset names; None if it does not.
    """

    filters: int
    gamma: float
    threshold: float
    learning_rate: float = 0.01
    gamma_schedule: Name = "step"
    gamma_end: float = 0.0
    gamma_decay: float = 0.1
    gamma_decay_epochs: int = 100
    threshold_schedule: Name = "constant"
    threshold_end: float = 0.0
    learning_rate_schedule: Name = "constant"
    learning_rate_end: float = 0.0
    validation_share: float = 0.1
    patience: int | None = None
    note: str | None = None

    def __post_init__(self):
        # A schedule that cannot be is refused before anything is written.
        for name in ("gamma", "threshold", "learning_rate"):
            self.schedule(name)

    def schedule(self, name: str) -> Schedule:
        """Returns how a hyperparameter changes over the run.

        Args:
            name: gamma, threshold or learning_rate.

        Raises:
            ExperimentError: for a cosine schedule that begins at 0.
        """
        kind, end = getattr(self, f"{name}_schedule"), getattr(self, f"{name}_end")
        try:
            return Schedule(
                kind,
                getattr(self, name),
                end,
                self.epochs,
                self.gamma_decay,
                self.gamma_decay_epochs,
            )
        except ValueError as error:
            raise ExperimentError(f"The schedule of {name}: {error}") from error


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
    """Returns the epochs between two changes of gamma, if it changes by steps."""
    by_steps = getattr(settings, "gamma_schedule", None) == "step"
    return settings.gamma_decay_epochs if by_steps and settings.gamma_decay != 1.0 else None
