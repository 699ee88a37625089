"""A cache of decoded data sets, which loads fast and without TensorFlow."""

from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path

import numpy as np

from experiments.data.dataset import ARRAYS, PUBLISHED, Dataset, checked
from experiments.errors import ExperimentError
from experiments.files import atomic_write, cause, make_folder


def folder(cache_dir: str | Path | None) -> Path:
    """Returns the folder of decoded data sets: the user's, or the default.

    Args:
        cache_dir: The user's folder, or None.
    """
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification asks for relative paths, and so for an empty one, to be ignored.
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "larq_bop"


def read(name: str, path: Path) -> Dataset | None:
    """Returns the cached data set, or None if there is none.

    Args:
        name: The name of the data set.
        path: The cache file.

    Warns:
        UserWarning: if the file is damaged; it then counts as missing.
    """
    if not os.path.exists(path):
        return None
    try:
        return _read_npz(name, path)
    # A damaged archive can raise any exception.
    except Exception as error:
        warnings.warn(
            f"The cache file {path} is damaged ({cause(error)}); it is decoded again.",
            stacklevel=3,
        )
        return None


def _read_npz(name: str, path: Path) -> Dataset:
    # NumPy's error for a file that is not an archive is about pickles.
    if os.path.isfile(path) and not zipfile.is_zipfile(path):
        raise ValueError("it is not a whole .npz file")
    # When a member is read to its end, zipfile compares its checksum.
    with np.load(path, allow_pickle=False) as archive:
        if str(archive["builder"]) != PUBLISHED[name].builder:
            raise ValueError(f"it does not hold {PUBLISHED[name].builder}")
        source = str(archive["source"])
        return checked(name, source, {key: archive[key] for key in ARRAYS})


def write(dataset: Dataset, path: Path) -> None:
    """Writes a data set to the cache.

    Args:
        dataset: The data set.
        path: The cache file.

    Warns:
        UserWarning: if the file cannot be written.
    """
    arrays = {key: getattr(dataset, key) for key in ARRAYS}
    builder = PUBLISHED[dataset.name].builder
    try:
        make_folder(path.parent)
        with atomic_write(path) as handle:
            np.savez(handle, builder=builder, source=dataset.source, **arrays)
    except ExperimentError as error:
        warnings.warn(
            f"{dataset.name} is not cached and will be decoded again next time: {error}",
            stacklevel=3,
        )
