"""Data sets that are read batch by batch."""

import numpy as np
import pytest

from experiments.data.stream import Stream, stored
from experiments.errors import ExperimentError
from tests.experiments.data.stored import store

tfds = pytest.importorskip("tensorflow_datasets")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    store(folder)
    store(folder, "lossless", "png", train=8, test=5)
    return folder


def images_of(folder, name, split):
    """The images as TensorFlow Datasets decodes them."""
    dataset = tfds.builder(name, data_dir=folder).as_dataset(split=split)
    return [(example["image"], int(example["label"])) for example in dataset.as_numpy_iterator()]


def passed(stream):
    """One pass over a stream."""
    return [stream[i] for i in range(len(stream))]


def test_a_data_set_is_found_by_name_and_by_folder(folder):
    by_name = stored("tiny", folder)
    assert (by_name.num_classes, by_name.test_split) == (4, "validation")
    assert (by_name.size("train"), by_name.size("validation")) == (40, 10)
    assert by_name.source == f"TensorFlow Datasets {tfds.__version__}, tiny/1.0.0"
    by_folder = stored(str(folder / "tiny" / "1.0.0"))
    assert by_folder.source == by_name.source


@pytest.mark.parametrize("name", ["tiny", "lossless"])
def test_the_middle_is_tested(name, folder):
    """Of images of 48 pixels the middle 16 x 16 / (16 + 32) = 16 pixels, which need no scaling."""
    stream = Stream(stored(name, folder), "validation", 16, 4)
    batches = passed(stream)
    crops, labels, weights = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    assert (crops.dtype, labels.dtype, weights.dtype) == ("uint8", "int32", "float32")
    truth = images_of(folder, name, "validation")
    assert len(crops) == 4 * len(stream)
    np.testing.assert_array_equal(weights, np.arange(len(crops)) < len(truth))
    for crop, label, (image, true_label) in zip(crops, labels, truth, strict=False):
        top, left = ((n - 16 + 1) // 2 for n in image.shape[:2])
        middle = image[top : top + 16, left : left + 16]
        # A JPEG's colours are smoothed over pixels, which at the rim of a part are not all there.
        inner = slice(None) if name == "lossless" else slice(1, -1)
        np.testing.assert_array_equal(crop[inner, inner], middle[inner, inner])
        assert label == true_label
    for batch, again in zip(batches, passed(stream), strict=True):
        np.testing.assert_array_equal(batch[0], again[0])


def test_a_crop_is_scaled_to_the_networks_size(folder):
    """Of 48 pixels 64 / 96 are 32, which bicubic interpolation makes 64 of: means stay."""
    crops, *_ = Stream(stored("lossless", folder), "validation", 64, 5)[0]
    for crop, (image, _) in zip(crops, images_of(folder, "lossless", "validation"), strict=True):
        top, left = ((n - 32 + 1) // 2 for n in image.shape[:2])
        middle = image[top : top + 32, left : left + 32]
        assert crop.shape == (64, 64, 3)
        np.testing.assert_allclose(crop.mean((0, 1)), middle.mean((0, 1)), atol=1.5)


def test_order_and_crops_depend_on_seed_and_epoch_alone(folder):
    data = stored("tiny", folder)

    def epoch(number, seed=7, before=0):
        stream = Stream(data, "train", 16, 16, seed)
        stream.start_epoch(before)
        stream[0]
        stream.start_epoch(number)
        return passed(stream)

    first, again = epoch(3), epoch(3, before=2)
    assert len(first) == 2
    for batch, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(batch[0], other[0])
        np.testing.assert_array_equal(batch[1], other[1])
    for others in (epoch(4), epoch(3, seed=8)):
        assert np.any(first[0][1] != others[0][1])
        assert np.any(first[0][0] != others[0][0])


def test_training_images_are_parts_of_images(folder):
    """Each image comes at most once, and most crops are brighter where their image is."""
    data = stored("lossless", folder)
    images, labels = Stream(data, "train", 16, 8, seed=0)[0]
    assert sorted(labels) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len({image.tobytes() for image in images}) == 8


def test_mirror_images_are_among_the_crops(folder):
    """A ramp that falls to the right was one that rises."""
    import tensorflow as tf

    from experiments.data.crops import random_crop

    ramp = np.tile(np.arange(60, dtype="uint8")[None, :, None] * 4, (50, 1, 3))
    encoded = tf.io.encode_png(ramp)
    crops = [random_crop(encoded, 16, (0, i)).numpy().astype(int) for i in range(64)]
    rising = [crop[8, -1, 0] > crop[8, 0, 0] for crop in crops]
    assert 16 <= sum(rising) <= 48
    # From 8 % of the area with an aspect ratio of 3/4, 13 of the 60 columns, to all of them.
    spans = [abs(crop[8, -1, 0] - crop[8, 0, 0]) / 4 for crop in crops]
    assert 11 <= min(spans) < 25
    assert 45 < max(spans) <= 60


def test_hosts_share_the_batches_of_one(folder):
    data = stored("tiny", folder)
    for split, seed in (("train", 1), ("validation", None)):
        alone = passed(Stream(data, split, 16, 8, seed))
        shares = [passed(Stream(data, split, 16, 8, seed, hosts=2, host=host)) for host in range(2)]
        for batch, *halves in zip(alone, *shares, strict=True):
            for whole, *parts in zip(batch, *halves, strict=True):
                woven = np.stack(parts, axis=1).reshape(whole.shape)
                if split == "validation":
                    # What fills up the last batch has no weight, whatever it is.
                    whole, woven = whole[batch[-1] > 0], woven[batch[-1] > 0]
                np.testing.assert_array_equal(woven, whole)


def test_a_host_without_any_image_tests_padding(folder):
    ((crops, labels, weights),) = passed(
        Stream(stored("tiny", folder), "validation", 16, 16, hosts=16, host=15)
    )
    assert (crops.shape, labels.shape) == ((1, 16, 16, 3), (1,))
    assert weights.tolist() == [0.0]


def test_a_limit(folder):
    assert len(Stream(stored("tiny", folder), "train", 16, 8, seed=0, limit=17)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 9, "hosts": 2}, "2 hosts cannot share batches of 9 images"),
        ({"batch_size": 64, "seed": 0}, "40 training images, less than a batch of 64"),
    ],
)
def test_what_cannot_be_shared_or_filled_is_refused(folder, arguments, message):
    with pytest.raises(ExperimentError, match=message):
        Stream(stored("tiny", folder), "train", 16, **arguments)


def test_batches_out_of_order_are_refused(folder):
    with pytest.raises(IndexError, match="order: 0, not 1, is the next"):
        Stream(stored("tiny", folder), "train", 16, 8, seed=0)[1]


def test_data_sets_that_cannot_be_streamed(folder, tmp_path):
    with pytest.raises(ExperimentError, match=r"nothing_like_it cannot be found in .*tfds"):
        stored("nothing_like_it", folder)
    with pytest.raises(ExperimentError, match=r"is not prepared in .*builder\('imagenette', "):
        stored("imagenette", tmp_path)
    features = {"image": tfds.features.Image(), "mask": tfds.features.Image()}
    image = np.zeros((4, 4, 3), "uint8")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="masks",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": iter([(0, {"image": image, "mask": image})])},
        data_dir=tmp_path,
    )
    with pytest.raises(ExperimentError, match=r"`image` and `label`.*features image, mask"):
        stored("masks", tmp_path)
