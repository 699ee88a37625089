"""Batches as TensorFlow reads them."""

import keras
import numpy as np
import pytest

from experiments.data.batches import Batches
from experiments.data.feed import feed

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


def batches(augment=True, seed=0, n=10):
    images = np.arange(n, dtype="uint8").reshape(n, 1, 1, 1)
    return Batches(images, np.arange(n, dtype="int32"), 4, augment, seed)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="a tf.data.Dataset is for TensorFlow")
@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize("seed", [None, 3])
def test_the_dataset_has_the_batches_of_each_epoch(augment, seed):
    source = batches(augment, seed)
    dataset = feed(source)
    assert len(dataset) == len(source)
    for epoch in (0, 1):
        source.start_epoch(epoch)
        expected = [source[i] for i in range(len(source))]
        found = list(dataset.as_numpy_iterator())
        for (inputs, labels), (inputs_of_dataset, labels_of_dataset) in zip(
            expected, found, strict=True
        ):
            np.testing.assert_array_equal(labels_of_dataset, labels)
            assert inputs_of_dataset.keys() == inputs.keys()
            for name, array in inputs.items():
                np.testing.assert_array_equal(inputs_of_dataset[name], array)
                assert inputs_of_dataset[name].dtype == array.dtype


@pytest.mark.skipif(not ON_TENSORFLOW, reason="a tf.data.Dataset is for TensorFlow")
def test_no_thread_tunes_the_dataset():
    assert feed(batches()).options().autotune.enabled is False


@pytest.mark.skipif(ON_TENSORFLOW, reason="TensorFlow reads a tf.data.Dataset")
def test_other_backends_read_the_batches_themselves():
    source = batches()
    assert feed(source) is source


def test_what_is_not_batches_is_passed_through():
    assert feed(None) is None
