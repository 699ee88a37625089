"""Opening the folder of a run, which only one process at a time may do."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from experiments.engine import hosts
from experiments.engine.folder import (
    CHECKPOINTS,
    COMPRESSED_STEPS,
    CONFIG,
    HISTORY,
    MODEL,
    PARTIAL_MODEL,
    PICTURE,
    RESULT,
    STEPS,
    TENSORBOARD,
    RunFolder,
)
from experiments.engine.lock import locked
from experiments.engine.settings import Settings
from experiments.errors import ExperimentError
from experiments.files import cause, make_folder, read_file

_LOCK = ".lock"
_FILES = (CONFIG, HISTORY, RESULT, MODEL, PICTURE, STEPS, COMPRESSED_STEPS, PARTIAL_MODEL)
_FOLDERS = (CHECKPOINTS, TENSORBOARD)


@contextlib.contextmanager
def opened(path: Path, settings: Settings, overwrite: bool) -> Iterator[RunFolder]:
    """A scope in which a folder is open, and locked, for a run that begins or resumes.

    Where several hosts run it, it is the first one's.

    Args:
        path: The folder; it is created if it does not exist.
        settings: The run's settings.
        overwrite: Whether a run that is already in the folder is deleted first.

    Yields:
        The folder.

    Raises:
        ExperimentError: if the folder cannot be written, another process has opened it, or it
            contains files that do not belong to a run; without `overwrite` also if it contains a
            finished run or a run with other settings.
    """
    with contextlib.ExitStack() as stack:

        @hosts.by_first
        def enter() -> None:
            stack.enter_context(_held(path, settings, overwrite))

        enter()
        yield RunFolder(path)


@contextlib.contextmanager
def _held(path: Path, settings: Settings, overwrite: bool) -> Iterator[None]:
    created = False
    try:
        created = not os.path.exists(path)
        make_folder(path)
        with locked(path / _LOCK):
            if overwrite:
                _clear(path)
            else:
                _check(path, settings)
            yield
    finally:
        if created:
            with contextlib.suppress(OSError):
                path.rmdir()  # This works only if the run wrote nothing.


def is_finished(path: Path) -> bool:
    """Returns whether a folder contains a finished run."""
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
        path: A folder that contains a run.
        settings: The settings that the run must have.

    Raises:
        ExperimentError: if it has other settings, or its `config.json` is damaged.
    """
    try:
        before = json.loads(read_file(path / CONFIG))["settings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExperimentError(
            f"{path / CONFIG} is damaged ({cause(error)}); `--overwrite` begins the run anew."
        ) from error
    now = settings.as_dict()
    # A setting that did not exist yet when the run was recorded had its default value.
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
