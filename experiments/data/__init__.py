"""The data sets, with images as bytes: from scikit-learn, TensorFlow Datasets or the cache."""

from __future__ import annotations

from pathlib import Path

from experiments.data import cache, digits, tfds
from experiments.data.dataset import Dataset
from experiments.errors import ExperimentError

__all__ = ["NAMES", "Dataset", "load"]

NAMES = ("digits", "mnist", "cifar10")


def load(
    name: str, data_dir: str | Path | None = None, cache_dir: str | Path | None = None
) -> Dataset:
    """Loads a data set.

    `digits` ships with scikit-learn. `mnist` and `cifar10` come from TensorFlow Datasets, which
    downloads them if they are not prepared. After they are decoded once, they are read from a cache
    without TensorFlow.

    Args:
        name: One of `NAMES`.
        data_dir: The folder in which TensorFlow Datasets finds or prepares data. Defaults to the
            environment variable TFDS_DATA_DIR, then to `~/tensorflow_datasets`.
        cache_dir: The folder of decoded data sets. Defaults to `$XDG_CACHE_HOME/larq_bop`, then to
            `~/.cache/larq_bop`.

    Returns:
        The data set, with the same images in the same order each time.

    Raises:
        ExperimentError: if the name is unknown, a folder named by the user does not exist, prepared
            data are damaged, a package is missing, or data can be neither found nor downloaded.
    """
    if name not in NAMES:
        raise ExperimentError(f"There is no data set {name!r}: choose one of {', '.join(NAMES)}.")
    if name == "digits":
        return digits.read()
    if data_dir is not None:
        tfds.require_folder(Path(data_dir).expanduser(), "--data-dir")
    path = cache.folder(cache_dir) / f"{name}.npz"
    dataset = cache.read(name, path)
    if dataset is None:
        dataset = tfds.prepared(name, tfds.data_folder(data_dir))
        cache.write(dataset, path)
    return dataset
