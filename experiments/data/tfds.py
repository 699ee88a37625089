"""Data sets of TensorFlow Datasets, prepared or downloaded."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import numpy as np

from experiments.data.dataset import PUBLISHED, Dataset, checked, require
from experiments.errors import ExperimentError
from experiments.files import cause

_REACH_SECONDS = 10


def require_folder(folder: Path, given_by: str) -> None:
    """Refuses a folder that does not exist.

    Args:
        folder: The folder.
        given_by: The option or environment variable that names it.

    Raises:
        ExperimentError: if it does not exist or is not a folder.
    """
    if not os.path.isdir(folder):
        raise ExperimentError(
            f"The data folder {folder}, given by {given_by}, does not exist or is not a folder: "
            "create it, or name the one that holds the data."
        )


def data_folder(data_dir: str | Path | None) -> Path:
    """Returns the folder in which TensorFlow Datasets stores its data; it may not exist yet.

    Args:
        data_dir: The user's folder; None for TFDS_DATA_DIR, or else `~/tensorflow_datasets`.

    Raises:
        ExperimentError: if TFDS_DATA_DIR names a folder that does not exist.
    """
    if data_dir is not None:
        return Path(data_dir).expanduser()
    if from_environment := os.environ.get("TFDS_DATA_DIR"):
        folder = Path(from_environment).expanduser()
        require_folder(folder, "TFDS_DATA_DIR")
        return folder
    return Path("~/tensorflow_datasets").expanduser()


def prepared(name: str, root: Path) -> Dataset:
    """Decodes a data set, which is downloaded first if it is not prepared.

    Args:
        name: One of `PUBLISHED`.
        root: The folder in which TensorFlow Datasets stores its data.

    Returns:
        The data set.

    Raises:
        ExperimentError: if a package is missing, the data cannot be downloaded, or they are
            damaged.
    """
    folder = root / PUBLISHED[name].folder
    if not os.path.isdir(folder):
        _download(name, root)
    with _calm_tensorflow():
        tfds = require("tensorflow_datasets")
        require("tensorflow")
        _leave_accelerators_alone()
        try:
            arrays = _decode(tfds, folder)
            source = f"TensorFlow Datasets {tfds.__version__}, {PUBLISHED[name].builder}"
            return checked(name, source, arrays)
        # TensorFlow's exception depends on which file is damaged, and where.
        except Exception as error:
            raise ExperimentError(
                f"The prepared data in {folder} are incomplete, damaged or unreadable "
                f"({cause(error)}): delete that folder and prepare it anew, or name another data "
                "folder with --data-dir or TFDS_DATA_DIR."
            ) from error


def _decode(tfds: ModuleType, folder: Path) -> dict[str, np.ndarray]:
    builder = tfds.builder_from_directory(folder)
    # One shard after the other: otherwise the order of the images would depend on timing.
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    arrays = {}
    for split in ("train", "test"):
        images, labels = tfds.as_numpy(
            builder.as_dataset(split=split, batch_size=-1, as_supervised=True, read_config=in_order)
        )
        arrays[f"{split}_images"] = images
        arrays[f"{split}_labels"] = labels.astype("int32")
    return arrays


def _download(name: str, root: Path) -> None:
    """Downloads and prepares a data set with TensorFlow Datasets; leaves all of it or nothing."""
    published = PUBLISHED[name]
    tfds = require("tensorflow_datasets")
    _require_network(name, root)
    root_is_ours = not os.path.exists(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        # A failed download leaves archives and folders, which are deleted with this folder.
        with tempfile.TemporaryDirectory(prefix=f"incomplete.{name}.", dir=root) as scratch:
            tfds.builder(published.builder, data_dir=scratch).download_and_prepare()
            _move_folder(Path(scratch, published.folder), root / published.folder)
    except BaseException as error:
        if root_is_ours:
            with contextlib.suppress(OSError):
                root.rmdir()
        if not isinstance(error, Exception):
            raise
        raise ExperimentError(
            f"{name} could not be downloaded to {root} ({cause(error)}): try again, or name a "
            "folder that holds it, prepared, with --data-dir or TFDS_DATA_DIR."
        ) from error


def _require_network(name: str, root: Path) -> None:
    """Refuses to download if the data set's host does not answer within ten seconds.

    Without a network, TensorFlow Datasets itself would try for more than three minutes.
    """
    published = PUBLISHED[name]
    requests = require("requests")
    try:
        requests.head(published.url, timeout=_REACH_SECONDS).close()
    except OSError as error:
        raise ExperimentError(
            f"{name} is not prepared in {root} and {urlsplit(published.url).hostname} cannot be "
            "reached: prepare it there, or name the folder that holds it with --data-dir or "
            "TFDS_DATA_DIR, or connect to the network."
        ) from error


def _move_folder(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    try:
        os.replace(source, target)
    except OSError:
        # Another process may have prepared the same data in the meantime.
        if not target.is_dir():
            raise


@contextlib.contextmanager
def _calm_tensorflow() -> Iterator[None]:
    """Hides the log of TensorFlow's C++ code.

    The few lines that it writes at the first import, before the log is set up, cannot be hidden.
    """
    variable = "TF_CPP_MIN_LOG_LEVEL"
    if variable in os.environ:
        yield
        return
    os.environ[variable] = "2"
    try:
        yield
    finally:
        del os.environ[variable]


def _leave_accelerators_alone() -> None:
    """Keeps TensorFlow from allocating the GPU's memory if another backend trains on it."""
    keras = require("keras")
    if keras.backend.backend() == "tensorflow":
        return
    # TensorFlow raises an error once its devices are initialized: then it is too late.
    with contextlib.suppress(RuntimeError):
        require("tensorflow").config.set_visible_devices([], "GPU")
