"""Data sets larger than memory: images of TensorFlow Datasets, read and decoded batch by batch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from experiments.data.dataset import require
from experiments.data.tfds import data_folder
from experiments.errors import ExperimentError
from experiments.files import cause

_SHUFFLED = 10_000
"""Encoded images that are shuffled at a time, about 110 kB each in ImageNet."""
_FILES_AT_A_TIME = 16


@dataclass(frozen=True, eq=False)
class StoredData:
    """A data set of images and labels that TensorFlow Datasets has prepared.

    Attributes:
        name: Its name, and that of its configuration if it has one.
        source: The package and the version of the data, to be told in results.
        num_classes: Labels run from 0 to `num_classes - 1`.
        test_split: The split that networks are tested on: ImageNet's is called validation.
        builder: What reads it.
    """

    name: str
    source: str
    num_classes: int
    test_split: str
    builder: Any = field(repr=False)

    def size(self, split: str) -> int:
        """Returns the number of images of a split."""
        return self.builder.info.splits[split].num_examples


def stored(name: str, data_dir: str | Path | None = None) -> StoredData:
    """Finds a data set that is prepared on disk.

    Args:
        name: Its name in TensorFlow Datasets, such as `imagenet2012` or `imagenette/320px-v2`, or
            the path of a folder in which TensorFlow Datasets has stored one.
        data_dir: Where TensorFlow Datasets keeps its data; None for TFDS_DATA_DIR or its own place.

    Raises:
        ExperimentError: if it is not there, or is not one of images with labels.
    """
    tfds = require("tensorflow_datasets")
    root = data_folder(data_dir)
    try:
        if os.path.isdir(name):
            builder = tfds.builder_from_directory(name)
        else:
            builder = tfds.builder(name, data_dir=root)
        there = builder.is_prepared()
    # An unknown name, an unknown configuration, a damaged description.
    except Exception as error:
        raise ExperimentError(
            f"{name} cannot be found in {root} ({cause(error)}): name a data set of TensorFlow "
            "Datasets, or the folder in which it has stored one."
        ) from error
    if not there:
        call = f"tensorflow_datasets.builder({name!r}, data_dir={str(root)!r})"
        raise ExperimentError(
            f"{name} is not prepared in {root}: in Python, `{call}.download_and_prepare()` does it "
            "(ImageNet's archives must be downloaded by hand before). Or name another folder with "
            "--data-dir or TFDS_DATA_DIR."
        )
    info = builder.info
    features, splits = info.features, info.splits
    if not {"image", "label"} <= set(features) or "train" not in splits:
        raise ExperimentError(
            f"{name} must have a split `train`, and features `image` and `label`; it has the "
            f"splits {', '.join(sorted(splits))} and the features {', '.join(sorted(features))}."
        )
    tests = [split for split in ("validation", "test") if split in splits]
    if not tests:
        raise ExperimentError(f"{name} has no split `validation` or `test` to test a network on.")
    source = f"TensorFlow Datasets {tfds.__version__}, {info.full_name}"
    return StoredData(name, source, features["label"].num_classes, tests[0], builder)


class Stream(keras.utils.PyDataset):
    """Batches of a stored data set, decoded, cropped and scaled to one size.

    For training they come in an order, and with crops, that depend on the seed and the epoch alone;
    the images of a last batch that would not be full are left out. For a test all images come in
    their stored order, each batch with a weight for each image: the last one is filled up with
    images of weight 0, so that all batches are of one shape.

    Args:
        data: The data set.
        split: Its split.
        image_size: Height and width of an image in pixels.
        batch_size: Images a batch, on all hosts together.
        seed: The seed of order and crops; None for a test.
        limit: Use only so many images; None for all.
        hosts: The number of hosts that share each batch.
        host: Which of them this one is, from 0.

    Raises:
        ExperimentError: if the hosts cannot share a batch evenly, or there is no full batch to
            train on.
    """

    def __init__(
        self,
        data: StoredData,
        split: str,
        image_size: int,
        batch_size: int,
        seed: int | None = None,
        limit: int | None = None,
        hosts: int = 1,
        host: int = 0,
    ):
        super().__init__()
        if batch_size % hosts:
            raise ExperimentError(
                f"{hosts} hosts cannot share batches of {batch_size} images evenly."
            )
        self.images = min(limit or data.size(split), data.size(split))
        if seed is not None and self.images < batch_size:
            raise ExperimentError(
                f"There are {self.images:,} training images, less than a batch of {batch_size:,}."
            )
        self._data, self._split = data, split
        self._image_size, self.images_a_step = image_size, batch_size
        self._seed, self._epoch = seed, 0
        self._hosts, self._host = hosts, host
        self._next = 0

    def __len__(self) -> int:
        full, rest = divmod(self.images, self.images_a_step)
        return full + bool(rest and self._seed is None)

    def start_epoch(self, epoch: int) -> None:
        """Sets the epoch whose order and crops the next pass has."""
        self._epoch = epoch

    def __getitem__(self, index: int):
        if index == 0:
            self._batches, self._next = self._dataset().as_numpy_iterator(), 0
        if index != self._next:
            raise IndexError(
                f"Batches come in their order: {self._next}, not {index}, is the next."
            )
        self._next += 1
        return next(self._batches)

    def _dataset(self):
        import tensorflow as tf
        import tensorflow_datasets as tfds

        training = self._seed is not None
        seeds = np.random.SeedSequence([self._seed or 0, self._epoch]).generate_state(2)
        order, crops = (int(seed >> 1) for seed in seeds)
        options = tf.data.Options()
        options.deterministic = True
        dataset = self._data.builder.as_dataset(
            split=f"{self._split}[:{self.images}]",
            shuffle_files=training,
            decoders={"image": tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(
                options=options,
                shuffle_seed=order,
                shuffle_reshuffle_each_iteration=False,
                interleave_cycle_length=_FILES_AT_A_TIME,
                skip_prefetch=True,
                try_autocache=False,
            ),
        )
        dataset = dataset.map(lambda example: (example["image"], example["label"]))
        if training:
            dataset = dataset.shuffle(_SHUFFLED, order, reshuffle_each_iteration=False)
            dataset = dataset.take(len(self) * self.images_a_step)
        prepare = self._augmented(crops) if training else self._centered
        numbered = dataset.enumerate()
        # The hosts' shares of a batch make up the batch that one host alone would have.
        dataset = numbered.shard(self._hosts, self._host)
        dataset = dataset.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)
        share = self.images_a_step // self._hosts
        if not training:
            missing = len(self) * share - dataset.cardinality()
            # A host may have no image of its own.
            padding = numbered.take(1).map(prepare)
            padding = padding.map(lambda image, label, weight: (image, label, 0 * weight))
            dataset = dataset.concatenate(padding.repeat(missing))
        return dataset.batch(share).prefetch(2)

    def _augmented(self, seed: int):
        import tensorflow as tf

        from experiments.data.crops import random_crop

        def prepare(number, example):
            image, label = example
            own_seed = tf.stack([tf.constant(seed, tf.int64), number])
            return random_crop(image, self._image_size, own_seed), tf.cast(label, tf.int32)

        return prepare

    def _centered(self, number, example):
        import tensorflow as tf

        from experiments.data.crops import center_crop

        image, label = example
        return center_crop(image, self._image_size), tf.cast(label, tf.int32), tf.constant(1.0)
