"""Files that are never half-written."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from experiments.errors import ExperimentError


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO]:
    """Writes a file that appears whole or not at all, also after a kill or a power cut.

    The content goes to `<name>.tmp` in the same folder, which replaces the file at the end.
    Therefore only one process at a time may write to a path. Text is UTF-8, and its line ends are
    not converted.

    Args:
        path: The file to write or to replace.
        mode: "wb" for bytes, "w" for text.

    Yields:
        The open temporary file.

    Raises:
        ExperimentError: if the file cannot be written; an existing file is then unchanged.
        ValueError: if `mode` is neither "wb" nor "w".
    """
    if mode not in ("wb", "w"):
        raise ValueError(f'mode must be "wb" or "w", received {mode!r}.')
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    text: dict[str, Any] = {} if mode == "wb" else {"encoding": "utf-8", "newline": ""}
    try:
        with open(temporary, mode, **text) as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and _concerns(error, temporary):
            raise ExperimentError(f"Cannot write {path}: {cause(error)}.") from error
        raise
    _sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Creates a folder and its parents, if they do not exist.

    Args:
        folder: The folder.

    Raises:
        ExperimentError: if it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExperimentError(f"Cannot create the folder {folder}: {cause(error)}.") from error


def read_file(path: Path) -> bytes:
    """Returns the content of a regular file.

    Args:
        path: The file.

    Raises:
        OSError: if it cannot be read, or is not a regular file: to read a FIFO might take forever.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "It is no regular file")
        return file.read()


def sha256(path: Path) -> str:
    """Returns the SHA-256 digest of a file, in hexadecimal.

    Args:
        path: The file.

    Returns:
        64 hexadecimal digits.

    Raises:
        ExperimentError: if the file cannot be read.
    """
    try:
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise ExperimentError(f"Cannot read {path}: {cause(error)}.") from error


def cause(error: BaseException) -> str:
    """Returns the reason of an error, short enough for a part of a sentence.

    Args:
        error: The exception. For an OSError, the reason is the system's message.

    Returns:
        At most 200 characters on one line, without a full stop at the end.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    # TensorFlow adds the names of a graph node and an operation to its messages.
    words = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(error), flags=re.DOTALL)
    words = " ".join(words.split()) or type(error).__name__
    return (words if len(words) <= 200 else words[:199] + "…").rstrip(".")


def _concerns(error: OSError, temporary: Path) -> bool:
    """Returns whether an error is about this file, not about another one that the caller opened."""
    # The error of a failed write has no file name.
    return error.filename is None or os.fspath(error.filename) == os.fspath(temporary)


def _sync_folder(folder: Path) -> None:
    """Makes a rename in a folder survive a power cut."""
    # Windows and some network file systems cannot sync a folder. The file itself is synced, so the
    # worst that a power cut can do there is to restore the old file.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
