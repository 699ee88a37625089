"""The table of results: printed, as Markdown, and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results import Row, Side
from experiments.files import atomic_write

COLUMNS = ("benchmark", "larq_bop", "beside it", "ratio", "goal", "met")
CAPTION = (
    "Medians over the rounds (least .. most). Ratio: how many times as fast larq_bop is where the "
    "goal is ≥, how many times as much it takes where the goal is ≤."
)


def cells(row: Row, line_break: str) -> tuple[str, ...]:
    """Returns the cells of a row, one for each of `COLUMNS`.

    Args:
        row: The row.
        line_break: The text between the lines of a cell.
    """
    return (
        f"{row.name}{line_break}{row.what}",
        line_break.join(_lines_of_side(row.ours, row.unit)),
        line_break.join(_lines_of_side(row.theirs, row.unit)),
        f"{row.ratio:.2f}",
        str(row.goal),
        "yes" if row.is_met else "no",
    )


def _lines_of_side(side: Side, unit: str) -> list[str]:
    spread = f"({_number(min(side.values))} .. {_number(max(side.values))})"
    lines = [side.name, f"{_number(side.median)} {unit}"]
    return [*lines, spread] if len(side.values) > 1 else lines


def _number(value: float) -> str:
    """Returns a number as text, with at least three digits."""
    digits = max(0, 3 - len(str(int(abs(value)))))
    return f"{value:,.{digits}f}"


def show(rows: list[Row], facts: dict[str, Any], console: Console) -> None:
    """Prints the table, its caption, and remarks on machine, versions and failures.

    Args:
        rows: The rows of the table.
        facts: What is recorded beside the numbers.
        console: The console to print to.
    """
    table = Table(caption=CAPTION, caption_justify="left", show_lines=True)
    for column in COLUMNS:
        table.add_column(column)
    for row in rows:
        table.add_row(*cells(row, "\n"), style=None if row.is_met else "yellow")
    console.print(table)
    for line in _remarks(facts):
        console.print(line, soft_wrap=True)


def markdown(rows: list[Row], facts: dict[str, Any]) -> str:
    """Returns the table, its caption and the remarks as Markdown.

    Args:
        rows: The rows of the table.
        facts: What is recorded beside the numbers.
    """
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(cells(row, "<br>") for row in rows)]
    table = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([*table, "", CAPTION, "", *(f"- {line}" for line in _remarks(facts))])


def write(path: Path, rows: list[Row], facts: dict[str, Any]) -> None:
    """Writes all numbers as JSON.

    Args:
        path: The file to write.
        rows: The rows of the table.
        facts: What is recorded beside the numbers.

    Raises:
        ExperimentError: if the file cannot be written.
    """
    with atomic_write(path, "w") as file:
        json.dump({**facts, "rows": [row.as_dict() for row in rows]}, file, indent=2)
        file.write("\n")


def _remarks(facts: dict[str, Any]) -> list[str]:
    machine, settings = facts["machine"], facts["settings"]
    flags = ", ".join(
        f"{flag} {'unknown' if known is None else 'yes' if known else 'no'}"
        for flag, known in machine["flags"].items()
    )
    lines = [
        f"{machine['processor']}, {machine['cores']} cores ({flags}), "
        f"{machine['memory_bytes'] / 2**30:.1f} GiB, {machine['system']}",
        f"{facts['date']}, load {machine['load']:.1f} before it, "
        f"rounds: {settings['rounds']}, steps a round: {settings['steps']}",
    ]
    for side, versions in facts["versions"].items():
        told = ", ".join(f"{package} {version}" for package, version in versions.items())
        lines.append(f"{side}: {told}")
    if settings["is_rehearsal"]:
        lines.append(f"A REHEARSAL with {settings['filters']} filters: not the goals' network.")
    return [
        *lines,
        *facts["notes"],
        *(f"NOT MEASURED: {told.splitlines()[0]}" for told in facts["failures"]),
    ]
