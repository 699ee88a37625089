"""Data sets in memory, and checks that they are as their authors published them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from experiments.errors import ExperimentError
from experiments.files import cause

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
"""The attributes of a `Dataset` that are arrays."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set in memory, split into training and test images.

    Attributes:
        name: One of `experiments.data.NAMES`.
        source: The package that it came from and the version of the data, for `config.json`.
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
class Published:
    """A data set of TensorFlow Datasets, as its authors published it.

    Attributes:
        builder: Its name and version in TensorFlow Datasets.
        image_shape: Height, width and channels of an image.
        train: The number of training images.
        test: The number of test images.
        url: An address at the host from which it is downloaded.
    """

    builder: str
    image_shape: tuple[int, int, int]
    train: int
    test: int
    url: str

    @property
    def folder(self) -> str:
        """The path at which TensorFlow Datasets stores it, relative to its data folder."""
        return self.builder.replace(":", "/")


PUBLISHED = {
    "mnist": Published(
        builder="mnist:3.0.1",
        image_shape=(28, 28, 1),
        train=60_000,
        test=10_000,
        url="https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "cifar10": Published(
        builder="cifar10:3.0.2",
        image_shape=(32, 32, 3),
        train=50_000,
        test=10_000,
        url="https://www.cs.toronto.edu/~kriz/",
    ),
}
"""The data sets of TensorFlow Datasets, by name."""


def checked(name: str, source: str, arrays: dict[str, np.ndarray]) -> Dataset:
    """Returns the data set that consists of some arrays, after checking them.

    Args:
        name: One of `PUBLISHED`.
        source: As in `Dataset`.
        arrays: The arrays by their names in `ARRAYS`.

    Raises:
        ValueError: if their dtypes, shapes or labels are not those of the published data.
    """
    published = PUBLISHED[name]
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


def require(package: str) -> ModuleType:
    """Imports a package that only some data sets need.

    Args:
        package: The name of a package or module.

    Returns:
        The module.

    Raises:
        ExperimentError: if it cannot be imported; the message says how to install it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ExperimentError(
            f"This data set needs {package}, which cannot be imported ({cause(error)}): "
            "run pip install -e '.[experiments]' in the clone of larq_bop."
        ) from error
