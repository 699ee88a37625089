"""The options of the command line: typer reads them off signatures."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from experiments.engine.schedules import Name

_MOST = 1_000_000
_MOST_SEEDS = 10_000
_LAST_SEED = 2**32 - 1
_MOST_FILTERS = 4096
# Beyond it float32 soon has no number.
_GREATEST = 1e30

_SEEDS = r"\d+(-\d+)?(,\d+(-\d+)?)*"


def _finite(value: float | None) -> float | None:
    # Bounds alone let "nan" through, and "inf" where there is no upper one.
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    if value is not None and value > _GREATEST:
        raise typer.BadParameter(f"{value:g} is greater than {_GREATEST:g}.")
    return value


def seeds(text: str) -> list[int]:
    """Returns the seeds that an option names.

    Args:
        text: Seeds and ranges of them, such as "0-9" or "0,3,5-7".

    Raises:
        typer.BadParameter: if it is something else, or a range ends before it begins.
    """
    if not re.fullmatch(_SEEDS, text, re.ASCII):
        raise typer.BadParameter(f'{text!r} names no seeds: write "0-9" or "0,3,5-7", for example.')
    named: list[int] = []
    for part in text.split(","):
        begin, _, end = part.partition("-")
        first, last = int(begin), int(end or begin)
        if last < first:
            raise typer.BadParameter(f"The range {part} ends before it begins.")
        if last > _LAST_SEED:
            raise typer.BadParameter(f"The last seed that there is is {_LAST_SEED:,}.")
        if len(named) + last - first >= _MOST_SEEDS:
            raise typer.BadParameter(f"{text!r} names more than {_MOST_SEEDS:,} seeds.")
        named.extend(range(first, last + 1))
    return list(dict.fromkeys(named))


Epochs = Annotated[
    int | None, typer.Option(min=1, max=_MOST, help="Passes over the training images.")
]

BatchSize = Annotated[int | None, typer.Option(min=1, max=_MOST, help="Images a step.")]
Gamma = Annotated[
    float | None, typer.Option(min=0, max=1, callback=_finite, help="Bop's gamma at the start.")
]

GammaSchedule = Annotated[Name | None, typer.Option(help="How gamma changes from there.")]
GammaEnd = Annotated[
    float | None,
    typer.Option(min=0, max=1, callback=_finite, help="Gamma at the end of a line or a cosine."),
]

GammaDecayEpochs = Annotated[
    int | None,
    typer.Option(min=1, max=_MOST, help="Epochs between two changes of a step schedule."),
]

Threshold = Annotated[
    float | None,
    typer.Option(min=0, callback=_finite, help="Bop's threshold at the start."),
]

ThresholdSchedule = Annotated[Name | None, typer.Option(help="How the threshold changes.")]
ThresholdEnd = Annotated[
    float | None,
    typer.Option(
        min=0,
        callback=_finite,
        help="The threshold at the end of a line or a cosine.",
    ),
]

LearningRate = Annotated[
    float | None,
    typer.Option(min=0, callback=_finite, help="Adam's learning rate at the start."),
]

LearningRateSchedule = Annotated[Name | None, typer.Option(help="How Adam's rate changes.")]
LearningRateEnd = Annotated[
    float | None,
    typer.Option(
        min=0,
        callback=_finite,
        help="Adam's rate at the end of a line or a cosine.",
    ),
]

ValidationShare = Annotated[
    float | None,
    typer.Option(
        min=0, max=0.5, callback=_finite, help="Share of the training images that is held out."
    ),
]

Filters = Annotated[
    int | None,
    typer.Option(min=1, max=_MOST_FILTERS, help="Channels of the first convolution."),
]

Limit = Annotated[
    int | None, typer.Option(min=20, help="Use so many training images only, for a rehearsal.")
]

DtypePolicy = Annotated[
    Literal["float32", "mixed_bfloat16"] | None, typer.Option(help="Keras' dtype policy.")
]

Seed = Annotated[
    int | None,
    typer.Option(min=0, max=_LAST_SEED, help="Seed of all that is random; 0 if not given."),
]

Dataset = Annotated[
    Literal["mnist", "cifar10"] | None, typer.Option(help="One data set only, not both.")
]

Seeds = Annotated[
    list | None,
    typer.Option(
        parser=seeds,
        metavar="SEEDS",
        help='A run for each of these seeds, such as "0-9" or "0,3"; the preset\'s if not given.',
    ),
]

Only = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Only runs of this name; `*` stands for anything."),
]

DataDir = Annotated[
    Path | None,
    typer.Option(help="Where TensorFlow Datasets keeps its data; TFDS_DATA_DIR if not given."),
]

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete the run that is in the folder.")
]

Tensorboard = Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard event files.")]


def of_every_run(
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    dtype_policy: DtypePolicy = None,
    limit: Limit = None,
    data_dir: DataDir = None,
    overwrite: Overwrite = False,
):
    """The options of every experiment."""


def of_bop(
    gamma: Gamma = None,
    gamma_schedule: GammaSchedule = None,
    gamma_end: GammaEnd = None,
    gamma_decay_epochs: GammaDecayEpochs = None,
    threshold: Threshold = None,
    threshold_schedule: ThresholdSchedule = None,
    threshold_end: ThresholdEnd = None,
    learning_rate: LearningRate = None,
    learning_rate_schedule: LearningRateSchedule = None,
    learning_rate_end: LearningRateEnd = None,
    validation_share: ValidationShare = None,
):
    """The options of an experiment whose binary weights Bop trains."""


def of_a_single_run(
    filters: Filters = None,
    seed: Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The run's folder. An unfinished run in it is resumed."),
    ] = None,
    tensorboard: Tensorboard = False,
):
    """The options of an experiment of one run."""


def of_a_series(
    only: Only = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder of all runs, one below it for each. Finished runs are skipped, "
            "unfinished ones resumed."
        ),
    ] = None,
):
    """The options of an experiment of many runs."""
