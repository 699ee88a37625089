"""A tiny data set that goes through the real TensorFlow Datasets, and how it is spoilt."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from experiments.data import Dataset

CLOSED_PORT = "http://127.0.0.1:9/"
TRAIN_RECORDS = "mnist-train.tfrecord-00000-of-00001"


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_same(a: Dataset, b: Dataset):
    for field in dataclasses.fields(Dataset):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))


def tiny_builder(data_dir, failure=None):
    """A builder of the name and version of MNIST, with 30 training and 10 test images."""
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.core.registered.skip_registration():

        class Mnist(tfds.core.GeneratorBasedBuilder):
            name = "mnist"
            VERSION = tfds.core.Version("3.0.1")
            pkg_dir_path = None

            def _info(self):
                features = {
                    "image": tfds.features.Image(shape=(28, 28, 1)),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
                return tfds.core.DatasetInfo(
                    builder=self,
                    description="Noise.",
                    features=tfds.features.FeaturesDict(features),
                    supervised_keys=("image", "label"),
                )

            def _split_generators(self, dl_manager):
                # As a failing download does.
                Path(dl_manager.download_dir, "archive.gz.tmp").mkdir(parents=True)
                return {"train": self._generate_examples(30), "test": self._generate_examples(10)}

            def _generate_examples(self, count):
                noise = np.random.default_rng(count)
                for index in range(count):
                    image = noise.integers(0, 256, (28, 28, 1), "uint8")
                    yield index, {"image": image, "label": index % 10}
                if failure is not None:
                    raise failure

        return Mnist(data_dir=data_dir)


def truncate(path, part=0.5):
    os.truncate(path, int(path.stat().st_size * part))


def flip_a_pixel(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")
