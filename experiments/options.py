"""The options of the command line: typer reads them off signatures, of settings as well."""

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


def number(**options: Any) -> Any:
    """Returns an option for a finite number; see `typer.Option`."""
    return typer.Option(callback=_finite, **options)


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
        if last > LAST_SEED:
            raise typer.BadParameter(f"The last seed that there is is {LAST_SEED:,}.")
        if len(named) + last - first >= _MOST_SEEDS:
            raise typer.BadParameter(f"{text!r} names more than {_MOST_SEEDS:,} seeds.")
        named.extend(range(first, last + 1))
    return list(dict.fromkeys(named))


Preset = Annotated[
    Literal["quick", "report", "paper"],
    typer.Option(
        help="The settings to start from: minutes on two cores, the report's, the paper's."
    ),
]

ReportOrQuick = Annotated[
    Literal["quick", "report"],
    typer.Option(help="The settings to start from: minutes on two cores, the report's."),
]

SweepPreset = Annotated[
    Literal["quick", "short", "report"],
    typer.Option(
        help="The settings to start from: minutes on two cores; ten epochs of a network of a "
        "quarter of the filters; the report's."
    ),
]

Cifar10Preset = Annotated[
    Literal["quick", "fast", "report", "paper"],
    typer.Option(
        help="The settings to start from: minutes on two cores; the fast recipe, 60 epochs; "
        "the report's; the paper's."
    ),
]

AblationPreset = Annotated[
    Literal["quick", "short", "full"],
    typer.Option(
        help="The settings to start from: minutes on two cores; twenty epochs of a network of "
        "a quarter of the filters; the recipe's."
    ),
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
RunOut = Annotated[
    Path | None, typer.Option(help="The run's folder. An unfinished run in it is resumed.")
]
SeriesOut = Annotated[
    Path | None,
    typer.Option(
        help="The folder of all runs, one below it for each. Finished runs are skipped, "
        "unfinished ones resumed."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete the run that is in the folder.")
]
Tensorboard = Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard event files.")]


def of_settings(kind: type, names: Iterable[str] = ()) -> list[inspect.Parameter]:
    """Returns options for settings, by which a command changes those of its preset.

    Args:
        kind: The class of the settings; fields whose annotation has an option are options.
        names: Those that are wanted; none for all.

    Returns:
        Parameters of the command's signature, None where the option is not given.
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
