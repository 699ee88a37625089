"""What decides a run: its settings, whose annotated fields are the command line's options."""

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
    epochs: Annotated[int, typer.Option(min=1, max=MOST, help="Passes over the training images.")]
    batch_size: Annotated[int, typer.Option(min=1, max=MOST, help="Images a step.")]
    validation_share: float = 0.0
    augment: bool = False
    dtype_policy: Annotated[
        Literal["float32", "mixed_bfloat16"], typer.Option(help="Keras' dtype policy.")
    ] = "float32"
    limit: Annotated[
        int | None, typer.Option(min=20, help="Use so many training images only, for a rehearsal.")
    ] = None
    seed: Annotated[
        int,
        typer.Option(min=0, max=LAST_SEED, help="Seed of all that is random; 0 if not given."),
    ] = 0

    def with_options(self, **options: Any) -> Self:
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

    def shortened(self, protocol: Settings) -> list[str]:
        """Tells where a run falls short of its protocol.

        Args:
            protocol: What the settings would be at full length.

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
        """Returns the settings as they stand in `config.json`."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class BopSettings(Settings):
    """The settings of a run that Bop trains.

    Attributes:
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

    gamma: Annotated[float, number(min=0, max=1, help="Bop's gamma at the start.")]
    threshold: Annotated[float, number(min=0, help="Bop's threshold at the start.")]
    learning_rate: Annotated[float, number(min=0, help="Adam's learning rate at the start.")] = 0.01
    gamma_schedule: Annotated[Name, typer.Option(help="How gamma changes from there.")] = "step"
    gamma_end: Annotated[
        float, number(min=0, max=1, help="Gamma at the end of a line or a cosine.")
    ] = 0.0
    gamma_decay: float = 0.1
    gamma_decay_epochs: Annotated[
        int, typer.Option(min=1, max=MOST, help="Epochs between two changes of a step schedule.")
    ] = 100
    threshold_schedule: Annotated[Name, typer.Option(help="How the threshold changes.")] = (
        "constant"
    )
    threshold_end: Annotated[
        float, number(min=0, help="The threshold at the end of a line or a cosine.")
    ] = 0.0
    learning_rate_schedule: Annotated[Name, typer.Option(help="How Adam's rate changes.")] = (
        "constant"
    )
    learning_rate_end: Annotated[
        float, number(min=0, help="Adam's rate at the end of a line or a cosine.")
    ] = 0.0
    validation_share: Annotated[
        float, number(min=0, max=0.5, help="Share of the training images that is held out.")
    ] = 0.1
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

    def shortened(self, protocol: Settings) -> list[str]:
        told = super().shortened(protocol)
        assert isinstance(protocol, BopSettings)
        now, full = self._decay_epochs(), protocol._decay_epochs()
        if now is not None and full is not None and now < full:
            told.append(f"gamma decays every {now} epochs instead of {full}")
        return told

    def _decay_epochs(self) -> int | None:
        """Returns the epochs between two changes of gamma, if it changes by steps."""
        by_steps = self.gamma_schedule == "step" and self.gamma_decay != 1.0
        return self.gamma_decay_epochs if by_steps else None


@dataclass(frozen=True, kw_only=True)
class BinarynetSettings(BopSettings):
    """The settings of a run that trains a network of any width with Bop, such as binarynet.

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
