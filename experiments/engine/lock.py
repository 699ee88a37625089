"""A lock on a folder, which is released at the latest when its process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from experiments.errors import ExperimentError
from experiments.files import cause


@contextlib.contextmanager
def locked(lock: Path) -> Iterator[None]:
    """A scope in which this process holds a lock. The lock's file is deleted afterwards.

    Args:
        lock: The lock's file, in the folder that is locked.

    Raises:
        ExperimentError: if another process holds the lock, or the file cannot be written.
    """
    handle = _opened(lock)
    # Another process may have deleted the file after we opened it and before we locked it. A lock
    # on a deleted file locks nobody out.
    while not _is_the_file(handle, lock):
        os.close(handle)
        handle = _opened(lock)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()
        os.close(handle)


def _opened(lock: Path) -> int:
    try:
        handle = os.open(lock, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise ExperimentError(
            f"The folder {lock.parent} cannot be written: {cause(error)}."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise ExperimentError(f"Another process is at work in {lock.parent}.") from error
    return handle


def _is_the_file(handle: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), os.stat(path))
    return False
