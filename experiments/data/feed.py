"""Batches as TensorFlow reads them without a pause between epochs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from experiments.data.batches import Batches


def feed(batches: Any) -> Any:
    """Returns batches in the form in which `fit` and `evaluate` read them best.

    Args:
        batches: A `Batches`. Anything else is returned as it is.

    Returns:
        On TensorFlow a `tf.data.Dataset`, which has the order that the batches have when it is
        iterated; on other backends the batches.
    """
    if keras.backend.backend() != "tensorflow" or not isinstance(batches, Batches):
        return batches
    import tensorflow as tf

    def read() -> Iterator[Any]:
        return (batches[i] for i in range(len(batches)))

    any_size = [None, *batches.images.shape[1:]]
    inputs = {"images": tf.TensorSpec(any_size, batches.images.dtype)}
    if batches.augment:
        inputs["moves"] = tf.TensorSpec([None, 3], "int32")
    labels = tf.TensorSpec([None], batches.labels.dtype)
    dataset = tf.data.Dataset.from_generator(read, output_signature=(inputs, labels))
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2)
    options = tf.data.Options()
    # Autotuning has a thread that wakes up ever more rarely, at last once a minute, and that may
    # miss the end of an epoch: then the next epoch starts when it wakes up.
    options.autotune.enabled = False
    return dataset.with_options(options)
