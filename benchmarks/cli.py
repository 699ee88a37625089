"""The command line: `python -m benchmarks [BENCHMARK]...`."""

from __future__ import annotations

import datetime
import enum
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from benchmarks import machine, table
from benchmarks.bench import LARQ, TORCH, Bench, Settings
from benchmarks.results import Row
from benchmarks.rows import ROWS
from experiments.errors import ExperimentError

# Before TensorFlow is imported: otherwise its log is printed between the lines of progress.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

FAILED, INTERRUPTED = 2, 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Name = enum.StrEnum("Name", {name: name for name in ROWS})
Python = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="An interpreter that has the framework; if not given, an environment is made.",
    ),
]
_LIST = "\n\n".join(f"- {name}: {function.__doc__}" for name, function in ROWS.items())


@app.command(
    help="Measure larq_bop on the CPU, compare it with Larq, PyTorch and NumPy, and check its "
    "goals.\n\n"
    f"Without a name, all of these are measured:\n\n{_LIST}\n\n"
    "Environments with Larq and PyTorch are made in `.benchmarks` unless interpreters are named."
)
def measure(
    names: Annotated[
        list[Name] | None, typer.Argument(metavar="[BENCHMARK]...", help="What to measure.")
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="The number of turns of each contestant.")
    ] = Settings.rounds,
    steps: Annotated[
        int, typer.Option(min=1, help="Steps per turn; five times as many for latent-cnn.")
    ] = Settings.steps,
    batch_size: Annotated[
        int, typer.Option(min=2, help="Images per step in the training of binarynet.")
    ] = Settings.batch_size,
    filters: Annotated[
        int,
        typer.Option(
            min=1,
            help="Channels of binarynet's first convolution. Fewer make it a rehearsal: the goals "
            "are set for the whole network.",
        ),
    ] = Settings.filters,
    larq_python: Python = None,
    torch_python: Python = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="The folder of TensorFlow Datasets; TFDS_DATA_DIR if not given."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write all numbers to this file, as JSON.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table in Markdown, for the README.")
    ] = False,
):
    """Measures the chosen benchmarks and prints the table."""
    settings = Settings(rounds, steps, batch_size, filters)
    pythons = {LARQ: larq_python, TORCH: torch_python}
    chosen = [name for name in ROWS if not names or name in names]
    rows: list[Row] = []
    with Bench(settings, pythons, data_dir, tell=_tell) as bench:
        facts = _facts(bench)
        try:
            for name in chosen:
                _measure(name, bench, rows, facts)
                if out is not None:
                    table.write(out, rows, facts)
        except KeyboardInterrupt as error:
            typer.echo("\nInterrupted.", err=True)
            raise typer.Exit(INTERRUPTED) from error
        except ExperimentError as error:
            typer.echo(f"Error: {error}", err=True)
            raise typer.Exit(FAILED) from error
    if markdown:
        typer.echo(table.markdown(rows, facts))
    else:
        table.show(rows, facts, Console(highlight=False, markup=False))
    if facts["failures"]:
        raise typer.Exit(FAILED)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _facts(bench: Bench) -> dict[str, Any]:
    """Returns what is recorded beside the numbers; versions, notes and failures are added later."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "settings": bench.settings.as_dict(),
        "machine": machine.describe(),
        "versions": bench.versions,
        "notes": bench.notes,
        "failures": [],
    }


def _measure(name: str, bench: Bench, rows: list[Row], facts: dict[str, Any]) -> None:
    """Adds the rows of a benchmark. If it fails, the others are still measured."""
    try:
        rows.extend(ROWS[name](bench))
    except ExperimentError as error:
        facts["failures"].append(f"{name}: {error}")
        bench.tell(f"Error: {name}: {error}")
