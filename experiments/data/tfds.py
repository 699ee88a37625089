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
    """Refuses a folder that the user named and that is not there."""
    if not os.path.isdir(folder):
        raise ExperimentError(
            f"The data folder {folder}, given by {given_by}, does not exist or is not a folder: "
            "create it, or name the one that holds the data."
        )


def data_folder(data_dir: str | Path | None) -> Path:
    """Returns the folder in which TensorFlow Datasets keeps its data; it may not exist yet."""
    if data_dir is not None:
        return Path(data_dir).expanduser()
    if from_environment := os.environ.get("TFDS_DATA_DIR"):
        folder = Path(from_environment).expanduser()
        require_folder(folder, "TFDS_DATA_DIR")
        return folder
    return Path("~/tensorflow_datasets").expanduser()


def prepared(name: str, root: Path) -> Dataset:
    """Decodes a data set, after a download if it is not prepared."""
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
        # What TensorFlow raises depends on which of the files is damaged, and where.
        except Exception as error:
            raise ExperimentError(
                f"The prepared data in {folder} are incomplete, damaged or unreadable "
                f"({cause(error)}): delete that folder and prepare it anew, or name another data "
                "folder with --data-dir or TFDS_DATA_DIR."
            ) from error


def _decode(tfds: ModuleType, folder: Path) -> dict[str, np.ndarray]:
    builder = tfds.builder_from_directory(folder)
    # Shards one after the other: otherwise the order of the images would depend on timing.
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
    """Lets TensorFlow Datasets download and prepare a data set; leaves all of it or nothing."""
    published = PUBLISHED[name]
    tfds = require("tensorflow_datasets")
    _require_network(name, root)
    root_is_ours = not os.path.exists(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        # A failing download leaves archives and folders behind: here they go with the folder.
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
    """Asks the data set's host for an answer, whatever it says.

    TensorFlow Datasets itself tries a dead network for more than three minutes.
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
        # Another run may have prepared the same data meanwhile.
        if not target.is_dir():
            raise


@contextlib.contextmanager
def _calm_tensorflow() -> Iterator[None]:
    """Keeps off the terminal what TensorFlow's C++ code has to tell about itself.

    What it says before its log is set up, a few lines at the first import, no setting can keep off.
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
    """Keeps TensorFlow from taking the GPU's memory where another backend trains."""
    keras = require("keras")
    if keras.backend.backend() == "tensorflow":
        return
    # TensorFlow refuses once it has started; then it has what it wanted.
    with contextlib.suppress(RuntimeError):
        require("tensorflow").config.set_visible_devices([], "GPU")
