"""The settings of a run. Fields that are annotated with an option are on the command line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import typer

from experiments.engine.schedules import Name, Schedule
from experiments.errors import ExperimentError
from experiments.options import LAST_SEED, MOST, number

_MOST_FILTERS = 4096


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that determines what a run computes: equal settings give equal weights.

    Attributes:
        experiment: The experiment's name.
        dataset: The data set's name.
        preset: The preset that the settings started from, such as quick, report or paper.
        epochs: The number of passes over the training images.
        batch_size: The number of images per step.
        validation_share: The share of the training images, taken from their end, that is held out
            for validation. If it is 0, the last weights are tested, not the best ones.
        augment: Whether training images are padded, cropped and mirrored at random.
        dtype_policy: Keras' dtype policy, "float32" or "mixed_bfloat16".
        limit: The number of training images to use, for a quick trial; None for all.
        seed: The seed of the initial weights, the order of the images and their augmentation.
    """

    experiment: str
    dataset: str
    preset: str
    epochs: Annotated[int, typer.Option(min=1, max=MOST, help="Passes over the training images.")]
    batch_size: Annotated[int, typer.Option(min=1, max=MOST, help="Images per step.")]
    validation_share: float = 0.0
    augment: bool = False
    dtype_policy: Annotated[
        Literal["float32", "mixed_bfloat16"], typer.Option(help="Keras' dtype policy.")
    ] = "float32"
    limit: Annotated[
        int | None,
        typer.Option(min=20, help="Use only so many training images, for a quick trial."),
    ] = None
    seed: Annotated[
        int,
        typer.Option(min=0, max=LAST_SEED, help="Seed of all that is random; 0 if not given."),
    ] = 0

    def with_options(self, **options: Any) -> Self:
        """Returns a copy of these settings with other values.

        Args:
            **options: The values by the names of the settings; None leaves a setting unchanged.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return dataclasses.replace(self, **given)

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Returns the default values of the settings that have one."""
        return {
            field.name: field.default
            for field in dataclasses.fields(cls)
            if field.default is not dataclasses.MISSING
        }

    def shortened(self, protocol: Settings) -> list[str]:
        """Returns how a run is shorter than its protocol.

        Args:
            protocol: The settings at full length.

        Returns:
            Phrases such as "20 of 500 epochs"; none for a run of full length.
        """
        told = []
        if self.epochs < protocol.epochs:
            told.append(f"{self.epochs:,} of {protocol.epochs:,} epochs")
        if self.limit is not None:
            told.append(f"{self.limit:,} training images only")
        return told

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings by name, as in `config.json`."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class BopSettings(Settings):
    """The settings of a training with Bop.

    Attributes:
        gamma: Bop's gamma at the start.
        gamma_schedule: The schedule of gamma; see `Schedule`.
        gamma_end: Gamma at the end of a linear or cosine schedule.
        gamma_decay: The factor of step schedules.
        gamma_decay_epochs: The number of epochs between two changes of step schedules.
        threshold: Bop's threshold at the start.
        threshold_schedule: The schedule of the threshold. A step schedule has gamma's factor and
            epochs.
        threshold_end: The threshold at the end of a linear or cosine schedule.
        learning_rate: Adam's learning rate at the start, for the weights that are not binary.
        learning_rate_schedule: The schedule of Adam's learning rate, likewise.
        learning_rate_end: Adam's learning rate at the end of a linear or cosine schedule.
        patience: Stop after this number of epochs without a flip; None to never stop early.
        note: How the run departs from the source that its preset names; None if it does not.

    Raises:
        ExperimentError: for a cosine schedule that starts at 0.
    """

    gamma: Annotated[float, number(min=0, max=1, help="Bop's gamma at the start.")]
    threshold: Annotated[float, number(min=0, help="Bop's threshold at the start.")]
    learning_rate: Annotated[float, number(min=0, help="Adam's learning rate at the start.")] = 0.01
    gamma_schedule: Annotated[Name, typer.Option(help="The schedule of gamma.")] = "step"
    gamma_end: Annotated[
        float, number(min=0, max=1, help="Gamma at the end of a linear or cosine schedule.")
    ] = 0.0
    gamma_decay: float = 0.1
    gamma_decay_epochs: Annotated[
        int, typer.Option(min=1, max=MOST, help="Epochs between two changes of step schedules.")
    ] = 100
    threshold_schedule: Annotated[Name, typer.Option(help="The schedule of the threshold.")] = (
        "constant"
    )
    threshold_end: Annotated[
        float, number(min=0, help="The threshold at the end of a linear or cosine schedule.")
    ] = 0.0
    learning_rate_schedule: Annotated[
        Name, typer.Option(help="The schedule of Adam's learning rate.")
    ] = "constant"
    learning_rate_end: Annotated[
        float,
        number(min=0, help="Adam's learning rate at the end of a linear or cosine schedule."),
    ] = 0.0
    validation_share: Annotated[
        float,
        number(
            min=0,
            max=0.5,
            help="Share of the training images that is held out for validation; with 0 the last "
            "weights are tested, not those of the lowest validation loss.",
        ),
    ] = 0.1
    patience: int | None = None
    note: str | None = None

    def __post_init__(self):
        # An impossible schedule is refused before anything is written.
        for name in ("gamma", "threshold", "learning_rate"):
            self.schedule(name)

    def schedule(self, name: str) -> Schedule:
        """Returns the schedule of a hyperparameter.

        Args:
            name: gamma, threshold or learning_rate.

        Raises:
            ExperimentError: for a cosine schedule that starts at 0.
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

    def shortened(self, protocol: Settings) -> list[str]:
        told = super().shortened(protocol)
        assert isinstance(protocol, BopSettings)
        now, full = self._decay_epochs(), protocol._decay_epochs()
        if now is not None and full is not None and now < full:
            epochs = "epoch" if now == 1 else f"{now} epochs"
            told.append(f"gamma decays every {epochs} instead of every {full}")
        return told

    def _decay_epochs(self) -> int | None:
        """Returns the epochs between two changes of gamma, or None without a step schedule."""
        by_steps = self.gamma_schedule == "step" and self.gamma_decay != 1.0
        return self.gamma_decay_epochs if by_steps else None


@dataclass(frozen=True, kw_only=True)
class BinarynetSettings(BopSettings):
    """The settings of the training, with Bop, of a network of variable width such as binarynet.

    Attributes:
        filters: Output channels of the network's first convolution.
    """

    filters: Annotated[
        int, typer.Option(min=1, max=_MOST_FILTERS, help="Channels of the first convolution.")
    ]

    def shortened(self, protocol: Settings) -> list[str]:
        told = super().shortened(protocol)
        assert isinstance(protocol, BinarynetSettings)
        if self.filters < protocol.filters:
            told.append(f"{self.filters:,} of {protocol.filters:,} filters")
        return told
