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

    The content goes to `<name>.tmp` in the same folder, which takes the file's place in the end: so
    a path must have one writer at a time. Text is UTF-8, its line ends are written as they come.

    Args:
        path: The file to write or to replace.
        mode: "wb" for bytes, "w" for text.

    Yields:
        The open temporary file.

    Raises:
        ExperimentError: The file cannot be written; what stood at `path` still does.
        ValueError: `mode` is neither "wb" nor "w".
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
    """Creates a folder, and those above it, where they do not exist.

    Args:
        folder: The folder.

    Raises:
        ExperimentError: It cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExperimentError(f"Cannot create the folder {folder}: {cause(error)}.") from error


def read_file(path: Path) -> bytes:
    """Returns what a file holds.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read, or is something else: nobody may ever write into a FIFO.
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
        ExperimentError: The file cannot be read.
    """
    try:
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise ExperimentError(f"Cannot read {path}: {cause(error)}.") from error


def cause(error: BaseException) -> str:
    """Returns why something failed, short enough to stand inside a sentence.

    Args:
        error: The exception; for an OSError the system's own words are taken.

    Returns:
        At most 200 characters on one line, without a full stop at the end.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    # TensorFlow wraps its words in the names of a graph node and an operation.
    words = re.sub(r"\{\{.*?\}\}|\[Op:.*", "", str(error), flags=re.DOTALL)
    words = " ".join(words.split()) or type(error).__name__
    return (words if len(words) <= 200 else words[:199] + "…").rstrip(".")


def _concerns(error: OSError, temporary: Path) -> bool:
    """Whether an error is about this file, not about another that the caller has opened."""
    # A failing write names no file.
    return error.filename is None or os.fspath(error.filename) == os.fspath(temporary)


def _sync_folder(folder: Path) -> None:
    """Makes a rename in a folder survive a power cut."""
    # Windows and some network file systems cannot sync a folder. The file itself is synced, so that
    # a power cut at worst brings the old file back.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
