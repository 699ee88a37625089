"""A lock on a folder, which a process holds as long as it lives."""

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
    """Holds a lock, whose file is gone afterwards.

    Args:
        lock: The file, in the folder that it keeps others out of.

    Raises:
        ExperimentError: if another process holds it, or it cannot be written.
    """
    handle = _opened(lock)
    # Its holder before may have removed the file between our opening and our locking it: such a
    # lock keeps nobody out.
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
