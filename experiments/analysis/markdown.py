"""Tables in Markdown files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from experiments.files import atomic_write

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
"""Between these two lines of a Markdown file stands a table that is made here."""


def markdown(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Returns a table in Markdown."""
    columns = list(columns)
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in [columns, ["---"] * len(columns), *rows]
    )


def between_markers(text: str) -> str:
    """Returns what stands between `BEGIN` and `END`.

    Raises:
        ValueError: if the text has no such lines.
    """
    _, begin, rest = text.partition(BEGIN)
    inside, end, _ = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The text has no place between {BEGIN} and {END}.")
    return inside.strip("\n")


def put_between_markers(path: Path, table: str) -> None:
    """Replaces what stands between `BEGIN` and `END` in a file.

    Raises:
        ValueError: if the file has no such lines.
    """
    text = path.read_text(encoding="utf-8")
    between_markers(text)
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    with atomic_write(path, "w") as file:
        file.write(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")
