"""The folder of a run: what lies in it."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import shlex
import shutil
import sys
import zlib
from pathlib import Path
from typing import Any

import keras

from experiments.engine import hosts, provenance
from experiments.engine.checkpoint import Checkpoints
from experiments.engine.settings import Settings
from experiments.errors import ExperimentError
from experiments.files import atomic_write, cause, read_file

CONFIG, HISTORY, RESULT = "config.json", "history.csv", "result.json"
MODEL, PICTURE = "model.keras", "picture.png"
STEPS, COMPRESSED_STEPS = "steps.csv", "steps.csv.gz"
CHECKPOINTS, TENSORBOARD = "checkpoints", "tensorboard"
PARTIAL_MODEL = f"partial-{MODEL}"


class RunFolder:
    """A run's folder: `config.json`, `history.csv`, `result.json`, and what else a run leaves.

    Get one from `experiments.engine.opening.opened`. Where several hosts run it, all of them call
    its methods, and the first one alone reads and writes.

    Attributes:
        path: Where it is.
        tensorboard: Where event files go.
        seconds: Wall time of the run so far, over all sessions.
    """

    def __init__(self, path: Path):
        self.path = path
        self.tensorboard = path / TENSORBOARD
        self.seconds = 0.0

    def checkpoints_of(self, part: str) -> Checkpoints:
        """Returns the checkpoints of a part of the run that is trained by itself; "" for all."""
        return Checkpoints(self.path / CHECKPOINTS / part)

    @hosts.by_first
    def write_config(
        self,
        settings: Settings,
        source: str,
        shortened: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Writes `config.json`: what was run, on what, with what, for how long.

        Args:
            settings: What decides the run.
            source: Where the data came from.
            shortened: Where the run falls short of its protocol, in words; None if it does not.
            seconds: Wall time of the whole run; None while it is not finished.
        """
        write_json(
            self.path / CONFIG,
            {
                "settings": settings.as_dict(),
                "shortened": shortened,
                "command": shlex.join(["python", "-m", "experiments", *sys.argv[1:]]),
                "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "data": source,
                "commit": provenance.commit(),
                "versions": provenance.versions(),
                "hardware": provenance.hardware(),
                "wall_time_seconds": None if seconds is None else round(seconds, 1),
            },
        )

    @hosts.by_first
    def write_rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Writes a CSV file, `history.csv` for one, whole or not at all.

        Args:
            name: The file's name; it is compressed if that ends in `.gz`.
            rows: Its rows, which all have the same columns.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
        with atomic_write(self.path / name) as file:
            # Without the time in it: equal rows are equal files.
            file.write(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)

    @hosts.by_first
    def read_rows(self, name: str) -> list[dict[str, str]]:
        """Returns what `write_rows` wrote, as text.

        Raises:
            ExperimentError: if the file is not there or damaged.
        """
        path = self.path / name
        try:
            content = read_file(path)
            text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise ExperimentError(
                f"{path} cannot be read ({cause(error)}), so that the run cannot go on; "
                "`--overwrite` begins it anew."
            ) from error
        return list(csv.DictReader(io.StringIO(text)))

    @hosts.by_first
    def write_model(self, model: keras.Model) -> None:
        """Writes `model.keras`."""
        # Keras wants a name that ends in .keras, also before it is renamed.
        temporary = self.path / PARTIAL_MODEL
        try:
            model.save(temporary)
            with atomic_write(self.path / MODEL) as file, temporary.open("rb") as source:
                shutil.copyfileobj(source, file)
        except OSError as error:
            raise ExperimentError(
                f"{self.path / MODEL} cannot be written: {cause(error)}."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)

    @hosts.by_first
    def finish(self, result: dict[str, Any]) -> None:
        """Writes `result.json`, which makes the run a finished one, and clears its checkpoints."""
        write_json(self.path / RESULT, result)
        shutil.rmtree(self.path / CHECKPOINTS, ignore_errors=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file, whole or not at all."""
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())
