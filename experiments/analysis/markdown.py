"""Tables in Markdown files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from experiments.files import atomic_write

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
"""The lines of a Markdown file between which `experiments.summary` writes a table."""


def markdown(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Returns a table in Markdown.

    Args:
        columns: The headings.
        rows: The cells of each row.
    """
    columns = list(columns)
    return "\n".join(
        "| " + " | ".join(row) + " |" for row in [columns, ["---"] * len(columns), *rows]
    )


def between_markers(text: str) -> str:
    """Returns the part of a text that is between `BEGIN` and `END`.

    Raises:
        ValueError: if the text does not contain both.
    """
    _, begin, rest = text.partition(BEGIN)
    inside, end, _ = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The text has no place between {BEGIN} and {END}.")
    return inside.strip("\n")


def put_between_markers(path: Path, table: str) -> None:
    """Replaces the part of a file that is between `BEGIN` and `END`.

    Args:
        path: The file.
        table: The new text of this part.

    Raises:
        ValueError: if the file does not contain both.
    """
    text = path.read_text(encoding="utf-8")
    between_markers(text)
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    with atomic_write(path, "w") as file:
        file.write(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")
