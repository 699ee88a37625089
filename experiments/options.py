"""The options of the command line, as annotations of arguments and of fields of settings."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

MOST = 1_000_000
_MOST_SEEDS = 10_000
LAST_SEED = 2**32 - 1
# Far below 3.4e38, the largest float32.
_GREATEST = 1e30

_SEEDS = r"\d+(-\d+)?(,\d+(-\d+)?)*"


def _finite(value: float | None) -> float | None:
    # Bounds alone let "nan" through, and "inf" where there is no upper one.
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a finite number.")
    if value is not None and value > _GREATEST:
        raise typer.BadParameter(f"{value:g} is greater than {_GREATEST:g}.")
    return value


def number(**options: Any) -> Any:
    """Returns an option for a finite number of at most 1e30.

    Args:
        **options: Arguments of `typer.Option`.
    """
    return typer.Option(callback=_finite, **options)


def seeds(text: str) -> list[int]:
    """Returns the seeds that an option names.

    Args:
        text: Seeds and ranges of them, such as "0-9" or "0,3,5-7".

    Returns:
        The seeds in the order of the text, each one once.

    Raises:
        typer.BadParameter: if the text is malformed, a range ends before it begins, a seed is
            larger than `LAST_SEED`, or there are more than 10,000.
    """
    if not re.fullmatch(_SEEDS, text, re.ASCII):
        raise typer.BadParameter(f'{text!r} names no seeds: write "0-9" or "0,3,5-7", for example.')
    named: list[int] = []
    for part in text.split(","):
        begin, _, end = part.partition("-")
        first, last = int(begin), int(end or begin)
        if last < first:
            raise typer.BadParameter(f"The range {part} ends before it begins.")
        if last > LAST_SEED:
            raise typer.BadParameter(f"The largest seed is {LAST_SEED:,}.")
        if len(named) + last - first >= _MOST_SEEDS:
            raise typer.BadParameter(f"{text!r} names more than {_MOST_SEEDS:,} seeds.")
        named.extend(range(first, last + 1))
    return list(dict.fromkeys(named))


Preset = Annotated[
    Literal["quick", "report", "paper"],
    typer.Option(
        help="The settings to start from: those of the report, of the paper, or quick ones that "
        "take minutes on two cores."
    ),
]

ReportOrQuick = Annotated[
    Literal["quick", "report"],
    typer.Option(
        help="The settings to start from: those of the report, or quick ones that take minutes on "
        "two cores."
    ),
]

SweepPreset = Annotated[
    Literal["quick", "short", "report"],
    typer.Option(
        help="The settings to start from: those of the report; short: ten epochs, a quarter of the "
        "filters; or quick ones that take minutes on two cores."
    ),
]

Cifar10Preset = Annotated[
    Literal["quick", "fast", "report", "paper"],
    typer.Option(
        help="The settings to start from: those of the report, of the paper, of the fast recipe "
        "(60 epochs), or quick ones that take minutes on two cores."
    ),
]

AblationPreset = Annotated[
    Literal["quick", "short", "full"],
    typer.Option(
        help="The settings to start from: the full recipe; short: a tenth of its epochs, a quarter "
        "of its filters; or quick ones that take minutes on two cores."
    ),
]

Dataset = Annotated[
    Literal["mnist", "cifar10"] | None, typer.Option(help="The data set; both if not given.")
]
Seeds = Annotated[
    list | None,
    typer.Option(
        parser=seeds,
        metavar="SEEDS",
        help='One run for each of these seeds, such as "0-9" or "0,3"; the preset\'s if not given.',
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Only runs of this name; `*` stands for anything. Can be given several times.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Where TensorFlow Datasets keeps its data; TFDS_DATA_DIR if not given."),
]
RunOut = Annotated[
    Path | None, typer.Option(help="The folder of the run. An unfinished run in it is resumed.")
]
SeriesOut = Annotated[
    Path | None,
    typer.Option(
        help="The folder that gets one folder for each run. Finished runs in it are skipped, "
        "unfinished ones resumed."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="First delete what an earlier run left in its folder.")
]
Tensorboard = Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard event files.")]


def of_settings(kind: type, names: Iterable[str] = ()) -> list[inspect.Parameter]:
    """Returns the options with which a command changes the settings of its preset.

    Args:
        kind: The class of the settings. A field is an option if its annotation has one.
        names: The names of the fields; without any, all fields that are options.

    Returns:
        Parameters for the command's signature, which are None by default.
    """
    hints = get_type_hints(kind, include_extras=True)
    found = {name: hint for name, hint in hints.items() if get_origin(hint) is Annotated}
    parameters = []
    for name in names or found:
        of, told = get_args(found[name])
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[of | None, told],
            )
        )
    return parameters
