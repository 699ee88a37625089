import numpy as np
import pytest

from experiments.data.batches import Batches
from experiments.data.preprocessing import PADDING


def batches(n=10, batch_size=4, augment=True, seed=0):
    images = np.arange(n, dtype="uint8").reshape(n, 1, 1, 1)
    return Batches(images, np.arange(n, dtype="int32"), batch_size, augment, seed)


def content(source):
    inputs, labels = zip(*(source[i] for i in range(len(source))), strict=True)
    images = np.concatenate([x["images"] for x in inputs]).ravel()
    moves = np.concatenate([x["moves"] for x in inputs]) if "moves" in inputs[0] else None
    return images, moves, np.concatenate(labels)


def test_images_keep_their_labels_and_come_once():
    images, _, labels = content(batches(n=12))
    np.testing.assert_array_equal(images, labels)
    np.testing.assert_array_equal(np.sort(labels), np.arange(12))


def test_an_epoch_depends_on_seed_and_number_alone():
    first, second = batches(seed=3), batches(seed=3)
    for epoch in (0, 1, 2):
        first.start_epoch(epoch)
    second.start_epoch(2)
    for a, b in zip(content(first), content(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_epochs_and_seeds_differ():
    orders = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0)):
        source = batches(n=40, seed=seed)
        source.start_epoch(epoch)
        orders.append(tuple(content(source)[0]))
    assert len(set(orders)) == 3


def test_moves_cover_all_crops_evenly():
    source = batches(n=8100, batch_size=8100)
    _, moves, _ = content(source)
    for column, values in ((0, 2 * PADDING + 1), (1, 2 * PADDING + 1), (2, 2)):
        counts = np.bincount(moves[:, column], minlength=values)
        assert len(counts) == values
        # Five standard deviations of a binomial count.
        expected = 8100 / values
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_shuffled_batches_are_all_of_one_size():
    source = batches(n=10, batch_size=4)
    assert [len(source[i][1]) for i in range(len(source))] == [4, 4]


def test_fewer_images_than_a_batch_are_one_batch():
    assert len(batches(n=3, batch_size=4)) == 1


def test_evaluation_takes_every_image_in_order_and_unmoved():
    source = batches(seed=None)
    images, moves, _ = content(source)
    np.testing.assert_array_equal(images, np.arange(10))
    np.testing.assert_array_equal(moves, np.tile([PADDING, PADDING, 0], (10, 1)))


@pytest.mark.parametrize("augment", [True, False])
def test_moves_come_with_augmentation_only(augment):
    assert ("moves" in batches(augment=augment)[0][0]) == augment
