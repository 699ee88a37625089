"""The split of a data set into images for training, for validation and for the test."""

from __future__ import annotations

import keras

from experiments.data import Dataset
from experiments.data.batches import Batches
from experiments.data.feed import feed
from experiments.data.preprocessing import on_bytes
from experiments.engine.settings import Settings

_EVALUATION_BATCH = 250


def split(settings: Settings, data: Dataset) -> tuple[Batches, Batches | None, Batches]:
    """Returns the batches for training, for validation and for the test.

    Args:
        settings: The run's settings.
        data: The data set.

    Returns:
        The three sets of batches; None for validation if no images are held out.
    """
    n = settings.limit or len(data.train_images)
    images, labels = data.train_images[:n], data.train_labels[:n]
    held_out = round(len(images) * settings.validation_share)
    kept = len(images) - held_out
    training = Batches(
        images[:kept], labels[:kept], settings.batch_size, settings.augment, settings.seed
    )
    validation = Batches(images[kept:], labels[kept:], _EVALUATION_BATCH, settings.augment)
    return training, validation if held_out else None, evaluation_batches(data, settings.augment)


def evaluation_batches(data: Dataset, augment: bool = False) -> Batches:
    """Returns batches of the test images.

    Args:
        data: The data set.
        augment: Whether the model, made by `on_bytes`, has an input for moves.
    """
    return Batches(data.test_images, data.test_labels, _EVALUATION_BATCH, augment)


def accuracy_on_test_images(network: keras.Model, data: Dataset) -> float:
    """Returns a network's accuracy on the test images, as a share of 1.

    Args:
        network: A model from images in [-1, 1] to class probabilities.
        data: The data set.
    """
    model = on_bytes(network, augment=False)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.evaluate(feed(evaluation_batches(data)), verbose=0)[1]
