"""The folder of a run: what lies in it, and who may write there."""

from __future__ import annotations

import contextlib
import csv
import datetime
import gzip
import io
import json
import os
import shlex
import shutil
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from experiments import provenance
from experiments.checkpoint import Checkpoints
from experiments.errors import ExperimentError
from experiments.files import atomic_write, cause, make_folder, read_file
from experiments.lock import locked
from experiments.settings import Settings

CONFIG, HISTORY, RESULT = "config.json", "history.csv", "result.json"
MODEL, PICTURE = "model.keras", "picture.png"
STEPS, COMPRESSED_STEPS = "steps.csv", "steps.csv.gz"
_LOCK = ".lock"
_CHECKPOINTS, _TENSORBOARD = "checkpoints", "tensorboard"
_PARTIAL_MODEL = f"partial-{MODEL}"
_FILES = (CONFIG, HISTORY, RESULT, MODEL, PICTURE, STEPS, COMPRESSED_STEPS, _PARTIAL_MODEL)
_FOLDERS = (_CHECKPOINTS, _TENSORBOARD)


class RunFolder:
    """A run's folder: `config.json`, `history.csv`, `result.json`, and what else a run leaves.

    Get one from `opened`.
    """

    def __init__(self, path: Path):
        self.path = path
        self.checkpoints = Checkpoints(path / _CHECKPOINTS)
        self.tensorboard = path / _TENSORBOARD

    def checkpoints_of(self, part: str) -> Checkpoints:
        """Returns the checkpoints of a part of the run that is trained by itself."""
        return Checkpoints(self.checkpoints.folder / part)

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

    def write_model(self, model: keras.Model) -> None:
        """Writes `model.keras`."""
        # Keras wants a name that ends in .keras, also before it is renamed.
        temporary = self.path / _PARTIAL_MODEL
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

    def finish(self, result: dict[str, Any]) -> None:
        """Writes `result.json`, which makes the run a finished one, and clears its checkpoints."""
        write_json(self.path / RESULT, result)
        shutil.rmtree(self.checkpoints.folder, ignore_errors=True)


@contextlib.contextmanager
def opened(path: Path, settings: Settings, overwrite: bool) -> Iterator[RunFolder]:
    """Opens a folder for a run that begins or goes on, and keeps others out meanwhile.

    Args:
        path: The folder; it is created if it does not exist.
        settings: The settings that the run shall have.
        overwrite: Whether a run that is there already is deleted first.

    Yields:
        The folder.

    Raises:
        ExperimentError: if it cannot be written, another process is at work in it, it holds a
            finished run, a run with other settings, or files that are no run.
    """
    created = False
    try:
        created = not os.path.exists(path)
        make_folder(path)
        with locked(path / _LOCK):
            if overwrite:
                _clear(path)
            else:
                _check(path, settings)
            yield RunFolder(path)
    finally:
        if created:
            with contextlib.suppress(OSError):
                path.rmdir()  # It is empty: nothing came of the run.


def is_finished(path: Path) -> bool:
    """Whether a folder holds a finished run."""
    return os.path.exists(path / RESULT)


def _check(path: Path, settings: Settings) -> None:
    if is_finished(path):
        raise ExperimentError(
            f"{path} holds a finished run; choose another folder with `--out`, or delete that run "
            "with `--overwrite`."
        )
    if not (path / CONFIG).exists():
        _refuse_foreign(path)
        return
    require_equal_settings(path, settings)


def require_equal_settings(path: Path, settings: Settings) -> None:
    """Refuses a folder whose run has other settings.

    Args:
        path: A folder that holds a run.
        settings: The settings that it shall have.

    Raises:
        ExperimentError: if it has others, or its config is damaged.
    """
    try:
        before = json.loads(read_file(path / CONFIG))["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExperimentError(
            f"{path / CONFIG} is damaged ({cause(error)}); `--overwrite` begins the run anew."
        ) from error
    now = settings.as_dict()
    # A setting that is younger than the run had its default then.
    before = {**settings.defaults(), **before}
    changed = [
        f"{name} {before.get(name)} there and {now.get(name)} here"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    if changed:
        state = "a finished" if is_finished(path) else "an unfinished"
        raise ExperimentError(
            f"{path} holds {state} run with other settings: {', '.join(changed)}. Choose another "
            "folder with `--out`, or delete that run with `--overwrite`."
        )


def _clear(path: Path) -> None:
    if not (path / CONFIG).exists():
        _refuse_foreign(path)
    for child in path.iterdir():
        if child.name in _FOLDERS:
            shutil.rmtree(child)
        elif _is_file_of_a_run(child):
            child.unlink()


def _refuse_foreign(path: Path) -> None:
    for child in path.iterdir():
        if child.name not in (*_FOLDERS, _LOCK) and not _is_file_of_a_run(child):
            raise ExperimentError(
                f"{path} holds files that are no run, such as {child.name}; choose another folder "
                "with `--out`."
            )


def _is_file_of_a_run(path: Path) -> bool:
    return path.name.removesuffix(".tmp") in _FILES


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file, whole or not at all."""
    with atomic_write(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())
