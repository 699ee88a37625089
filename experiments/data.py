"""The data sets, as bytes: from scikit-learn, TensorFlow Datasets or the cache."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import numpy as np

from experiments.errors import ExperimentError
from experiments.files import atomic_write, cause, make_folder

NAMES = ("digits", "mnist", "cifar10")

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
_REACH_SECONDS = 10


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory, split into training and test images.

    Attributes:
        name: One of `NAMES`.
        source: The package that it came from and the version of the data, to be told in results.
        num_classes: Labels run from 0 to `num_classes - 1`.
        train_images: uint8 of shape `(n, height, width, channels)`.
        train_labels: int32 of shape `(n,)`.
        test_images: As `train_images`.
        test_labels: As `train_labels`.
    """

    name: str
    source: str
    num_classes: int
    train_images: np.ndarray = field(repr=False)
    train_labels: np.ndarray = field(repr=False)
    test_images: np.ndarray = field(repr=False)
    test_labels: np.ndarray = field(repr=False)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self.train_images.shape[1:]


@dataclass(frozen=True)
class _Published:
    """A data set of TensorFlow Datasets, as its authors published it."""

    builder: str
    image_shape: tuple[int, int, int]
    train: int
    test: int
    url: str

    @property
    def folder(self) -> str:
        """Where TensorFlow Datasets keeps it, below its data folder."""
        return self.builder.replace(":", "/")


_PUBLISHED = {
    "mnist": _Published(
        builder="mnist:3.0.1",
        image_shape=(28, 28, 1),
        train=60_000,
        test=10_000,
        url="https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "cifar10": _Published(
        builder="cifar10:3.0.2",
        image_shape=(32, 32, 3),
        train=50_000,
        test=10_000,
        url="https://www.cs.toronto.edu/~kriz/",
    ),
}


def load(
    name: str, data_dir: str | Path | None = None, cache_dir: str | Path | None = None
) -> Dataset:
    """Loads a data set.

    `digits` ships with scikit-learn. `mnist` and `cifar10` come through TensorFlow Datasets, which
    downloads what is not prepared; decoded once, they are read from the cache without TensorFlow.

    Args:
        name: One of `NAMES`.
        data_dir: The folder in which TensorFlow Datasets finds or prepares data. Defaults to the
            environment variable TFDS_DATA_DIR, then to `~/tensorflow_datasets`.
        cache_dir: The folder of decoded data sets. Defaults to `$XDG_CACHE_HOME/larq_bop`, then to
            `~/.cache/larq_bop`.

    Returns:
        The data set; the same images in the same order each time.

    Raises:
        ExperimentError: The name is unknown, a folder named by the user does not exist, prepared
            data are damaged, a package is missing, or data can be neither found nor downloaded.
    """
    if name not in NAMES:
        raise ExperimentError(f"There is no data set {name!r}: choose one of {', '.join(NAMES)}.")
    if name == "digits":
        return _digits()
    if data_dir is not None:
        _require_folder(Path(data_dir).expanduser(), "--data-dir")
    cache = _cache_folder(cache_dir) / f"{name}.npz"
    dataset = _read_cache(name, cache)
    if dataset is None:
        dataset = _prepared(name, _data_folder(data_dir))
        _write_cache(dataset, cache)
    return dataset


def _require(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ExperimentError(
            f"This data set needs {package}, which cannot be imported ({cause(error)}): "
            "run pip install 'larq_bop[experiments]'."
        ) from error


def _digits() -> Dataset:
    """Returns scikit-learn's 8x8 digits, a fifth of each class set apart as test images."""
    sklearn, datasets, selection = map(
        _require, ("sklearn", "sklearn.datasets", "sklearn.model_selection")
    )
    images, labels = datasets.load_digits(return_X_y=True)
    # The values run from 0 to 16.
    images = np.rint(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype("uint8")
    labels = labels.astype("int32")
    train_images, test_images, train_labels, test_labels = selection.train_test_split(
        images, labels, test_size=0.2, stratify=labels, random_state=0
    )
    source = f"scikit-learn {sklearn.__version__}, load_digits"
    return Dataset("digits", source, 10, train_images, train_labels, test_images, test_labels)


# The cache


def _cache_folder(cache_dir: str | Path | None) -> Path:
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG specification asks for relative paths, and so for an empty one, to be ignored.
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "larq_bop"


def _read_cache(name: str, path: Path) -> Dataset | None:
    """Returns the cached data set, or None, with a warning if there is a damaged one."""
    if not os.path.exists(path):
        return None
    try:
        return _read_npz(name, path)
    # A damaged archive raises whatever its bytes happen to lead to.
    except Exception as error:
        warnings.warn(
            f"The cache file {path} is damaged ({cause(error)}); it is decoded again.",
            stacklevel=3,
        )
        return None


def _read_npz(name: str, path: Path) -> Dataset:
    # NumPy takes whatever is no archive for a pickle, and says so.
    if os.path.isfile(path) and not zipfile.is_zipfile(path):
        raise ValueError("it is not a whole .npz file")
    # Reading a member to its end makes zipfile compare its checksum.
    with np.load(path, allow_pickle=False) as archive:
        if str(archive["builder"]) != _PUBLISHED[name].builder:
            raise ValueError(f"it does not hold {_PUBLISHED[name].builder}")
        source = str(archive["source"])
        return _checked(name, source, {key: archive[key] for key in _ARRAYS})


def _write_cache(dataset: Dataset, path: Path) -> None:
    arrays = {key: getattr(dataset, key) for key in _ARRAYS}
    builder = _PUBLISHED[dataset.name].builder
    try:
        make_folder(path.parent)
        with atomic_write(path) as handle:
            np.savez(handle, builder=builder, source=dataset.source, **arrays)
    except ExperimentError as error:
        warnings.warn(
            f"{dataset.name} is not cached and will be decoded again next time: {error}",
            stacklevel=3,
        )


def _checked(name: str, source: str, arrays: dict[str, np.ndarray]) -> Dataset:
    """Returns the data set made of these arrays.

    Raises:
        ValueError: They do not have the types, the shapes or the labels of the published data.
    """
    published = _PUBLISHED[name]
    for split, count in (("train", published.train), ("test", published.test)):
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        expected = (count, *published.image_shape)
        if images.dtype != np.uint8 or images.shape != expected:
            raise ValueError(
                f"the {split} images are {images.dtype} of shape {images.shape}, "
                f"not uint8 of shape {expected}"
            )
        if labels.dtype != np.int32 or labels.shape != (count,):
            raise ValueError(
                f"the {split} labels are {labels.dtype} of shape {labels.shape}, "
                f"not int32 of shape {(count,)}"
            )
        if labels.min() < 0 or labels.max() > 9:
            raise ValueError(f"the {split} labels are not all between 0 and 9")
    return Dataset(name, source, 10, **arrays)


# TensorFlow Datasets


def _require_folder(folder: Path, given_by: str) -> None:
    if not os.path.isdir(folder):
        raise ExperimentError(
            f"The data folder {folder}, given by {given_by}, does not exist or is not a folder: "
            "create it, or name the one that holds the data."
        )


def _data_folder(data_dir: str | Path | None) -> Path:
    """Returns the folder in which TensorFlow Datasets keeps its data; it may not exist yet."""
    if data_dir is not None:
        return Path(data_dir).expanduser()
    if from_environment := os.environ.get("TFDS_DATA_DIR"):
        folder = Path(from_environment).expanduser()
        _require_folder(folder, "TFDS_DATA_DIR")
        return folder
    return Path("~/tensorflow_datasets").expanduser()


def _prepared(name: str, root: Path) -> Dataset:
    """Decodes a data set, after a download if it is not prepared."""
    folder = root / _PUBLISHED[name].folder
    if not os.path.isdir(folder):
        _download(name, root)
    with _calm_tensorflow():
        tfds = _require("tensorflow_datasets")
        _require("tensorflow")
        _leave_accelerators_alone()
        try:
            arrays = _decode(tfds, folder)
            source = f"TensorFlow Datasets {tfds.__version__}, {_PUBLISHED[name].builder}"
            return _checked(name, source, arrays)
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
    published = _PUBLISHED[name]
    tfds = _require("tensorflow_datasets")
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
    published = _PUBLISHED[name]
    requests = _require("requests")
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
    keras = _require("keras")
    if keras.backend.backend() == "tensorflow":
        return
    # TensorFlow refuses once it has started; then it has what it wanted.
    with contextlib.suppress(RuntimeError):
        _require("tensorflow").config.set_visible_devices([], "GPU")
