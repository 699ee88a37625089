"""The finished runs in an experiment's folder, and how tables and captions describe them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.engine.folder import CONFIG, HISTORY, RESULT
from experiments.errors import ExperimentError
from experiments.files import cause

RESULTS = Path(__file__).parents[1] / "results"
"""The folder of the results on record."""

DATASETS = {"mnist": "MNIST", "cifar10": "CIFAR-10"}
"""The names of the data sets, in the order in which they are shown."""

NOTHING = "—"
"""The cell of a table that has no number."""

NOT_RECORDED = "not recorded"
"""The value of a field that did not exist yet when a run was recorded."""


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: Its folder.
        config: The content of `config.json`.
        result: The content of `result.json`.
    """

    path: Path
    config: dict[str, Any]
    result: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """The run's settings, by name."""
        return self.config["settings"]

    @property
    def history(self) -> pd.DataFrame:
        """The content of `history.csv`, one row for each epoch."""
        return self.rows(HISTORY)

    def rows(self, name: str) -> pd.DataFrame:
        """Returns the content of a CSV file of the run.

        Args:
            name: The file's name. If it ends in `.gz`, the file is compressed.

        Raises:
            ExperimentError: if it cannot be read.
        """
        try:
            return pd.read_csv(self.path / name)
        except (OSError, ValueError) as error:
            raise _unreadable(self.path / name, error) from error


def load(
    experiment: str,
    root: Path = RESULTS,
    required: bool = True,
    wanted: Callable[[dict[str, Any]], bool] = lambda settings: True,
) -> list[Run]:
    """Returns the finished runs of an experiment, in the order of their names.

    Args:
        experiment: The experiment's name.
        root: The folder of all experiments' results.
        required: Whether it is an error if there is no such run.
        wanted: A function that takes a run's settings and returns whether the run is included.

    Raises:
        ExperimentError: if there is no such run and one is required, or if a file is damaged.
    """
    folder = Path(root) / experiment
    runs = [
        Run(path, _json(path / CONFIG), _json(path / RESULT))
        for path in sorted(folder.glob("*"))
        if (path / RESULT).exists()
    ]
    runs = [run for run in runs if wanted(run.settings)]
    if required and not runs:
        raise ExperimentError(
            f"{folder} holds no finished run; "
            f"`python -m experiments {experiment} --out {folder}` makes them."
        )
    return runs


def caption(runs: Iterable[Run]) -> str:
    """Returns a caption: the number and length of runs, seeds, hardware, dates and commands.

    If runs are shorter than their protocol, the caption begins with how.
    """
    runs = list(runs)
    settings = [run.settings for run in runs]
    shortened = shortenings(runs)
    told = [f"Shortened: {'; '.join(shortened)}."] if shortened else []
    told += _distinct(s.get("note") for s in settings)
    facts = [
        brief(runs),
        _seeds(sorted(_distinct(s.get("seed") for s in settings))),
        "; ".join(_distinct(hardware(run) for run in runs)),
        _dates(sorted(_distinct(run.config.get("date", "")[:10] for run in runs))),
        f"{duration(wall_time(runs))} in all",
    ]
    told.append(", ".join(fact for fact in facts if fact) + ".")
    commands = _distinct(run.config["command"] for run in runs)
    told.append("; ".join(commands[:2]) + (" ..." if len(commands) > 2 else ""))
    return " ".join(told)


def brief(runs: Iterable[Run]) -> str:
    """Returns the number of runs, their epochs and their precision."""
    runs = list(runs)
    settings = [run.settings for run in runs]
    epochs = " or ".join(map(str, sorted(_distinct(s["epochs"] for s in settings))))
    return ", ".join(
        [
            f"{len(runs)} run{'s' if len(runs) != 1 else ''}",
            epochs + (" epoch" if epochs == "1" else " epochs"),
            " or ".join(_distinct(s["dtype_policy"] for s in settings)),
        ]
    )


def shortenings(runs: Iterable[Run]) -> list[str]:
    """Returns how runs are shorter than their protocol, each way once; empty if none is."""
    return _distinct(run.config.get("shortened", NOT_RECORDED) for run in runs)


def hardware(run: Run) -> str:
    """Returns the hardware of a run: its processor, and its accelerators if it had any."""
    machine = run.config["hardware"]
    accelerators = [device for device in machine["devices"] if not device.startswith("cpu")]
    processor = f"{machine['processor']}, {machine['cores']} cores"
    return ", ".join([processor, *accelerators])


def wall_time(runs: Iterable[Run]) -> float:
    """Returns the sum of the wall times of runs, in seconds."""
    return sum(run.config["wall_time_seconds"] or 0.0 for run in runs)


def duration(seconds: float) -> str:
    """Returns a wall time as text, in hours, minutes or seconds.

    Args:
        seconds: The wall time, in seconds.
    """
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def percent(share: float, digits: int = 2) -> str:
    """Returns a share of 1 as text, in percent, or a dash for NaN.

    Args:
        share: The share.
        digits: The number of digits after the point.
    """
    return NOTHING if pd.isna(share) else f"{100 * share:.{digits}f} %"


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ExperimentError:
    return ExperimentError(f"{path} cannot be read: {cause(error)}.")


def _distinct(values: Iterable[Any]) -> list[Any]:
    return [value for value in dict.fromkeys(values) if value is not None and value != ""]


def _seeds(seeds: list[int]) -> str:
    if len(seeds) < 2:
        return f"seed {seeds[0]}" if seeds else ""
    if seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds))}"


def _dates(dates: list[str]) -> str:
    return " to ".join(_distinct([*dates[:1], *dates[-1:]]))
