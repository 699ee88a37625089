"""The folder of a run, and its files."""

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
    """A run's folder, with `config.json`, `history.csv`, `result.json` and other files.

    `experiments.engine.opening.opened` creates and locks it. If several hosts train, all of them
    call the methods, but only the first one reads and writes.

    Args:
        path: The path of the folder.

    Attributes:
        path: The path of the folder.
        tensorboard: The path of the folder for TensorBoard's event files.
        seconds: The wall time of the finished parts of the run, in seconds.
    """

    def __init__(self, path: Path):
        self.path = path
        self.tensorboard = path / TENSORBOARD
        self.seconds = 0.0

    def checkpoints_of(self, part: str) -> Checkpoints:
        """Returns the checkpoints of a training.

        Args:
            part: The name of a part of the run, or "" if the run consists of a single training.
        """
        return Checkpoints(self.path / CHECKPOINTS / part)

    @hosts.by_first
    def write_config(
        self,
        settings: Settings,
        source: str,
        shortened: str | None = None,
        seconds: float | None = None,
    ) -> None:
        """Writes `config.json`: settings, command, data, commit, versions, hardware, wall time.

        Args:
            settings: The run's settings.
            source: The source of the data; see `Dataset`.
            shortened: How the run is shorter than its protocol, in words; None if it is not.
            seconds: The wall time of the whole run, in seconds; None while it is not finished.

        Raises:
            ExperimentError: if the file cannot be written.
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
        """Writes a CSV file, such as `history.csv`, whole or not at all.

        Args:
            name: The file's name. If it ends in `.gz`, the file is compressed.
            rows: Its rows, at least one, which all have the same columns.

        Raises:
            ExperimentError: if the file cannot be written.
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
        with atomic_write(self.path / name) as file:
            # Without a time in the file, equal rows give equal files.
            file.write(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)

    @hosts.by_first
    def read_rows(self, name: str) -> list[dict[str, str]]:
        """Returns the rows of a file that `write_rows` wrote, with values as text.

        Args:
            name: The file's name.

        Raises:
            ExperimentError: if the file is missing or damaged.
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
        """Writes `model.keras`.

        Raises:
            ExperimentError: if the file cannot be written.
        """
        # Keras needs a name that ends in .keras for the temporary file, too.
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
        """Writes `result.json`, which marks the run as finished, and deletes its checkpoints.

        Args:
            result: The content of the file.

        Raises:
            ExperimentError: if the file cannot be written.
        """
        write_json(self.path / RESULT, result)
        shutil.rmtree(self.path / CHECKPOINTS, ignore_errors=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file, whole or not at all.

    Args:
        path: The file.
        content: Its content.

    Raises:
        ExperimentError: if the file cannot be written.
    """
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())
