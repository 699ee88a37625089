"""A data set of random images, small enough to train on within a second."""

import numpy as np

from experiments.data import Dataset


def random_images(n=100, test=20, shape=(8, 8, 1)):
    """Returns a data set that is drawn from a fixed seed."""
    draw = np.random.default_rng(0)

    def some(count):
        labels = draw.integers(0, 10, count, dtype="int32")
        return draw.integers(0, 256, (count, *shape), dtype="uint8"), labels

    return Dataset("digits", "nowhere", 10, *some(n), *some(test))
